#include "table.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

namespace skein::cli {
namespace {

// Code points, so that text with multi-byte characters lines up.
size_t DisplayWidth(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

std::string FormatTable(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows.at(0).size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], DisplayWidth(row.at(i)));
  }
  std::string text;
  for (const auto& row : rows) {
    for (size_t i = 0; i + 1 < widths.size(); ++i) {
      text += row[i] + std::string(widths[i] - DisplayWidth(row[i]) + 2, ' ');
    }
    text += row.back() + "\n";
  }
  return text;
}

std::string FormatNumber(double value, int decimals) {
  std::array<char, 400> text;  // the largest double has 309 digits
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed, decimals);
  return error == std::errc() ? std::string(text.data(), end) : "?";
}

std::string FormatBytes(uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return FormatNumber(value, unit == 0 ? 0 : 1) + " " + kUnits[unit];
}

}  // namespace skein::cli
