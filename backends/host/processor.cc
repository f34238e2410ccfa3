#include "host/processor.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace skein::kit {
namespace {

// Without spaces at the ends, and with one for several in between.
[[maybe_unused]] std::string Tidy(std::string_view text) {
  std::string tidy;
  for (const char c : text) {
    if (c != ' ' || (!tidy.empty() && tidy.back() != ' ')) tidy.push_back(c);
  }
  while (tidy.ends_with(' ')) tidy.pop_back();
  return tidy;
}

struct ArmCore {
  uint32_t implementer;
  uint32_t part;
  const char* name;
};

// Fields of the register MIDR_EL1, as the makers publish them.
constexpr ArmCore kArmCores[] = {
    {0x41, 0xd03, "Cortex-A53"},     {0x41, 0xd04, "Cortex-A35"},  {0x41, 0xd05, "Cortex-A55"},
    {0x41, 0xd07, "Cortex-A57"},     {0x41, 0xd08, "Cortex-A72"},  {0x41, 0xd09, "Cortex-A73"},
    {0x41, 0xd0a, "Cortex-A75"},     {0x41, 0xd0b, "Cortex-A76"},  {0x41, 0xd0c, "Neoverse-N1"},
    {0x41, 0xd0d, "Cortex-A77"},     {0x41, 0xd40, "Neoverse-V1"}, {0x41, 0xd41, "Cortex-A78"},
    {0x41, 0xd44, "Cortex-X1"},      {0x41, 0xd46, "Cortex-A510"}, {0x41, 0xd47, "Cortex-A710"},
    {0x41, 0xd48, "Cortex-X2"},      {0x41, 0xd49, "Neoverse-N2"}, {0x41, 0xd4d, "Cortex-A715"},
    {0x41, 0xd4e, "Cortex-X3"},      {0x41, 0xd4f, "Neoverse-V2"}, {0x41, 0xd80, "Cortex-A520"},
    {0x41, 0xd81, "Cortex-A720"},    {0x41, 0xd82, "Cortex-X4"},   {0x41, 0xd84, "Neoverse-V3"},
    {0x41, 0xd85, "Cortex-X925"},    {0x41, 0xd87, "Cortex-A725"}, {0x41, 0xd8e, "Neoverse-N3"},
    {0x46, 0x001, "Fujitsu A64FX"},  {0x48, 0xd01, "Kunpeng 920"}, {0x4e, 0x004, "NVIDIA Carmel"},
    {0x51, 0x001, "Qualcomm Oryon"}, {0xc0, 0xac3, "AmpereOne"},   {0xc0, 0xac4, "AmpereOne A"},
};

// The value of a line "KEY<tabs>: VALUE" of cpuinfo; nullopt for a line with another key.
std::optional<std::string_view> ValueOf(std::string_view line, std::string_view key) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !line.starts_with(key)) return std::nullopt;
  if (line.substr(key.size(), colon - key.size()).find_first_not_of(" \t") != std::string_view::npos) {
    return std::nullopt;
  }
  const size_t start = line.find_first_not_of(" \t", colon + 1);
  return start == std::string_view::npos ? "" : line.substr(start);
}

uint32_t ReadHex(std::string_view text) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  uint32_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number, 16);
  return number;
}

std::string ArmCoreName(std::string_view implementer, std::string_view part) {
  const auto* core = std::find_if(std::begin(kArmCores), std::end(kArmCores), [&](const ArmCore& known) {
    return known.implementer == ReadHex(implementer) && known.part == ReadHex(part);
  });
  if (core != std::end(kArmCores)) return core->name;
  return "arm64 processor of implementer " + std::string(implementer) + ", part " + std::string(part);
}

#if defined(__x86_64__)
// The brand string of the processor; "" if it has none.
std::string BrandString() {
  constexpr unsigned kFirstLeaf = 0x80000002, kLastLeaf = 0x80000004;
  std::array<char, 49> brand = {};
  std::array<unsigned, 4> words = {};
  for (unsigned leaf = kFirstLeaf; leaf <= kLastLeaf; ++leaf) {
    if (__get_cpuid(leaf, &words[0], &words[1], &words[2], &words[3]) == 0) return "";
    std::memcpy(brand.data() + sizeof(words) * (leaf - kFirstLeaf), words.data(), sizeof(words));
  }
  return Tidy(brand.data());
}
#elif defined(__aarch64__)
std::string ReadCpuInfo() {
  std::ifstream file("/proc/cpuinfo");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}
#endif

}  // namespace

std::string ArmProcessorName(std::string_view cpu_info) {
  std::vector<std::string> names;
  std::string_view implementer;
  for (size_t begin = 0; begin < cpu_info.size();) {
    const size_t end = std::min(cpu_info.find('\n', begin), cpu_info.size());
    const std::string_view line = cpu_info.substr(begin, end - begin);
    begin = end + 1;
    if (const auto value = ValueOf(line, "CPU implementer")) implementer = *value;
    const auto part = ValueOf(line, "CPU part");
    if (!part) continue;
    std::string name = ArmCoreName(implementer, *part);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  }
  std::string all;
  for (const std::string& name : names) all.append(all.empty() ? "" : " and ").append(name);
  return all;
}

std::string ProcessorName() {
#if defined(__x86_64__)
  const std::string name = BrandString();
  return name.empty() ? "x86-64 processor" : name;
#elif defined(__aarch64__)
  const std::string name = ArmProcessorName(ReadCpuInfo());
  return name.empty() ? "arm64 processor" : name;
#else
  return "processor";
#endif
}

}  // namespace skein::kit
