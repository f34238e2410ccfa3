#include "table.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

namespace skein::cli {
namespace {

// Code points, so that text with multi-byte characters lines up.
size_t DisplayWidth(std::string_view text) {
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

std::string WrapText(std::string_view text, size_t width, size_t indent) {
  const size_t room = width > indent ? width - indent : 1;
  std::string wrapped;
  size_t column = 0;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    const size_t word_width = DisplayWidth(word);
    if (column > 0 && column + 1 + word_width > room) {
      wrapped.append("\n").append(indent, ' ');
      column = 0;
    }
    if (column > 0) wrapped.push_back(' ');
    wrapped.append(word);
    column += word_width + (column > 0 ? 1 : 0);
  }
  return wrapped;
}

std::string FormatDescriptions(const std::vector<Described>& rows) {
  constexpr size_t kWidth = 80;
  constexpr size_t kLongestName = 26;
  constexpr size_t kGap = 2;
  size_t name_width = 0;
  for (const Described& row : rows) {
    const size_t width = DisplayWidth(row.name);
    if (width <= kLongestName) name_width = std::max(name_width, width);
  }
  const size_t indent = name_width + kGap;
  std::string text;
  for (const Described& row : rows) {
    const size_t width = DisplayWidth(row.name);
    text += row.name;
    text += width <= name_width ? std::string(indent - width, ' ') : "\n" + std::string(indent, ' ');
    text += WrapText(row.description, kWidth, indent) + "\n";
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
