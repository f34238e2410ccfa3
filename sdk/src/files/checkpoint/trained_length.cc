#include "files/checkpoint/trained_length.h"

#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/utf8.h"
#include "files/checkpoint/config_file.h"
#include "model/metadata.h"

namespace skein {
namespace {

constexpr absl::string_view kOwnKey = "skein.trained_length";
// llama.cpp's converter writes this number, since RWKV has no limit of its own.
constexpr uint32_t kUnlimited = 1048576;

std::optional<uint32_t> Positive(absl::string_view text) {
  uint32_t number = 0;
  return absl::SimpleAtoi(text, &number) && number > 0 ? std::optional(number) : std::nullopt;
}

// The number that `text` begins with, behind "ctx". Nothing but the end or a separator may follow it.
std::optional<uint32_t> LeadingLength(absl::string_view text) {
  size_t end = 0;
  while (end < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[end]))) ++end;
  const std::optional<uint32_t> number = Positive(text.substr(0, end));
  const bool is_kilo = end < text.size() && absl::ascii_tolower(static_cast<unsigned char>(text[end])) == 'k';
  if (is_kilo) ++end;
  const bool is_cut = end < text.size() && absl::ascii_isalnum(static_cast<unsigned char>(text[end]));
  if (!number.has_value() || is_cut) return std::nullopt;
  if (!is_kilo) return number;
  return *number <= std::numeric_limits<uint32_t>::max() / 1024 ? std::optional(*number * 1024) : std::nullopt;
}

}  // namespace

std::optional<uint32_t> TrainedLengthOfName(absl::string_view name) {
  constexpr absl::string_view kMark = "ctx";
  const std::string text = absl::AsciiStrToLower(name);
  const absl::string_view lower = text;
  for (size_t at = lower.find(kMark); at != absl::string_view::npos; at = lower.find(kMark, at + 1)) {
    if (at > 0 && absl::ascii_isalnum(static_cast<unsigned char>(lower[at - 1]))) continue;
    const auto length = LeadingLength(lower.substr(at + kMark.size()));
    if (length.has_value()) return length;
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<uint32_t>> FindTrainedLength(const Checkpoint& checkpoint, const std::string& path,
                                                          const NamingScheme& scheme, absl::string_view name) {
  if (const auto text = FindText(checkpoint.texts(), kOwnKey)) {
    if (const auto length = Positive(*text)) return length;
    return absl::InvalidArgumentError(absl::StrCat(path, ": \"", kOwnKey, "\" \"",
                                                   EscapeText(std::string(text->substr(0, 32))),
                                                   "\"; expected a number from 1 to 4294967295"));
  }
  if (const auto length = TrainedLengthOfName(name)) return length;
  for (const ContainerText& text : checkpoint.texts()) {
    if (!absl::StartsWith(text.key, "rwkv") || !absl::EndsWith(text.key, ".context_length")) continue;
    const auto length = Positive(text.value);
    if (length.has_value() && *length != kUnlimited) return length;
  }
  if (!scheme.has_config_file) return std::nullopt;
  return ConfigTrainedLength(checkpoint, path);
}

}  // namespace skein
