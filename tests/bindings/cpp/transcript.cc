#include "cpp/transcript.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

namespace scenario {
namespace {

constexpr uint32_t kNan = 0x7fc00000;

std::string Hex(uint64_t value, int num_digits) {
  char digits[17];
  std::snprintf(digits, sizeof(digits), "%0*llx", num_digits, static_cast<unsigned long long>(value));
  return digits;
}

uint32_t BitsOf(float value) {
  uint32_t bits = kNan;
  if (!std::isnan(value)) std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

uint32_t BitsOf(uint32_t value) { return value; }

uint64_t Hash(uint64_t hash, uint32_t bits) {
  for (int shift = 0; shift < 32; shift += 8) {
    hash = (hash ^ ((bits >> shift) & 0xFF)) * 0x100000001b3u;
  }
  return hash;
}

std::string Element(float value) { return Show(value); }

std::string Element(uint32_t value) { return std::to_string(value); }

template <typename T>
std::string ShowArray(const std::vector<T>& values) {
  constexpr size_t kShown = 4;
  std::string shown = std::to_string(values.size()) + " ";
  for (size_t i = 0; i < std::min(values.size(), kShown); ++i) shown += Element(values[i]) + " ";
  uint64_t hash = 0xcbf29ce484222325u;
  for (const T& value : values) hash = Hash(hash, BitsOf(value));
  return shown + Hex(hash, 16);
}

}  // namespace

std::string Show(float value) { return std::isnan(value) ? "nan" : Hex(BitsOf(value), 8); }

std::string Show(double value) {
  if (std::isnan(value)) return "nan";
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  return Hex(bits, 16);
}

std::string ShowNumber(uint64_t value) { return std::to_string(value); }

std::string ShowText(std::string_view text) {
  std::string shown = "\"";
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (character == '"' || character == '\\') {
      shown += '\\';
      shown += character;
    } else if (byte >= 0x20 && byte <= 0x7E) {
      shown += character;
    } else {
      shown += "\\x" + Hex(byte, 2);
    }
  }
  return shown + '"';
}

std::string Show(const std::vector<float>& values) { return ShowArray(values); }

std::string Show(const std::vector<uint32_t>& values) { return ShowArray(values); }

std::string Join(const std::vector<std::string>& words) {
  std::string joined;
  for (const std::string& word : words) joined += (joined.empty() ? "" : " ") + word;
  return joined;
}

}  // namespace scenario
