#include "devices/device_memory.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/status.h"

namespace skein {
namespace {

// The address space of 64-bit processors: 57 bits at most.
constexpr uint64_t kMostBytes = uint64_t{1} << 57;

constexpr struct {
  absl::string_view suffix;
  uint64_t bytes;
} kUnits[] = {
    {"KiB", uint64_t{1} << 10}, {"MiB", uint64_t{1} << 20}, {"GiB", uint64_t{1} << 30}, {"TiB", uint64_t{1} << 40}};

// A piece of the value of an option, for errors.
struct Piece {
  absl::string_view option = "device_memory";
  absl::string_view text;
  absl::string_view expected = "expected a size such as 6GiB or 512MiB, or NAME=SIZE for a device";
};

absl::Status BadPiece(const Piece& piece, absl::string_view problem) {
  return absl::InvalidArgumentError(absl::StrCat(piece.option, " \"", piece.text, "\": ", problem));
}

// "6GiB", "1.5GiB", or a number of bytes.
absl::StatusOr<uint64_t> ParseBytes(absl::string_view size, const Piece& piece) {
  uint64_t unit = 1;
  absl::string_view digits = size;
  for (const auto& known : kUnits) {
    if (absl::ConsumeSuffix(&digits, known.suffix)) unit = known.bytes;
  }
  // Digits and a point only: absl::SimpleAtod would also take signs, spaces, exponents and "inf".
  const bool is_number =
      std::all_of(digits.begin(), digits.end(), [](char c) { return absl::ascii_isdigit(c) || c == '.'; });
  double number = 0;
  if (!is_number || !absl::SimpleAtod(digits, &number)) {
    return BadPiece(piece, piece.expected);
  }
  const double bytes = number * static_cast<double>(unit);
  if (bytes < 1) return BadPiece(piece, "expected at least one byte");
  if (bytes > static_cast<double>(kMostBytes)) {
    return BadPiece(piece, absl::StrCat("expected at most ", BytesText(kMostBytes), ", which no machine exceeds"));
  }
  return static_cast<uint64_t>(bytes);
}

}  // namespace

absl::StatusOr<uint64_t> ParseSize(absl::string_view text, absl::string_view option) {
  return ParseBytes(text, {.option = option, .text = text, .expected = "expected a size such as 6GiB or 512MiB"});
}

std::string BytesText(uint64_t bytes) {
  constexpr std::array<const char*, 6> kNames = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return absl::StrCat(bytes, bytes == 1 ? " byte" : " bytes");
  double number = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  for (; number >= 999.5 && unit + 1 < kNames.size(); ++unit) number /= 1024;
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.*f %s", number < 9.995 ? 2 : number < 99.95 ? 1 : 0, number, kNames[unit]);
  return text.data();
}

absl::StatusOr<std::vector<std::optional<uint64_t>>> ParseDeviceMemory(absl::string_view text,
                                                                       absl::Span<const std::string> device_names) {
  std::vector<std::optional<uint64_t>> limits(device_names.size());
  if (text.empty()) return limits;
  if (text.find_first_of(",=") == absl::string_view::npos) {
    SKEIN_ASSIGN_OR_RETURN(const uint64_t bytes, ParseBytes(text, {.text = text}));
    limits.assign(limits.size(), bytes);
    return limits;
  }
  for (const absl::string_view piece : absl::StrSplit(text, ',')) {
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(piece, absl::MaxSplits('=', 1));
    SKEIN_ASSIGN_OR_RETURN(const uint64_t bytes, ParseBytes(parts.second, {.text = piece}));
    const auto found = std::find_if(device_names.begin(), device_names.end(),
                                    [&](const std::string& name) { return parts.first == absl::string_view(name); });
    if (found == device_names.end()) {
      return absl::NotFoundError(absl::StrCat("device_memory \"", piece, "\": no device \"", parts.first,
                                              "\"; there are: ", absl::StrJoin(device_names, ", ")));
    }
    std::optional<uint64_t>& limit = limits[static_cast<size_t>(found - device_names.begin())];
    if (limit.has_value()) return BadPiece({.text = piece}, "the device has a limit already");
    limit = bytes;
  }
  return limits;
}

MemoryBudget BudgetOf(uint64_t free_bytes, uint64_t memory_bytes, const std::optional<uint64_t>& limit) {
  MemoryBudget budget = {.bytes = kMostBytes, .reason = "no machine has more"};
  if (memory_bytes != 0 && free_bytes < budget.bytes) {
    budget = {free_bytes, free_bytes < memory_bytes ? "what is free of its memory" : "its memory"};
  }
  if (limit.has_value() && *limit < budget.bytes) budget = {*limit, "option device_memory"};
  return budget;
}

}  // namespace skein
