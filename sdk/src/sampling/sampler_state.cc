#include "sampling/sampler_state.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace skein {
namespace {

absl::Status CheckOccurrence(const Occurrence& occurrence, uint64_t vocab_size) {
  constexpr double kMaxWeight = 0x1p62;  // no stream has more tokens
  if (occurrence.token >= vocab_size) {
    return absl::InvalidArgumentError(
        absl::StrCat("occurrence of token ", occurrence.token, "; the vocabulary has ", vocab_size));
  }
  // Written so that a NaN fails.
  if (occurrence.weight >= 0 && occurrence.weight <= kMaxWeight) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("occurrence of token ", occurrence.token, ": weight ",
                                                 occurrence.weight, "; expected 0 to ", kMaxWeight));
}

}  // namespace

void CountOccurrence(uint32_t token, double decay, std::vector<Occurrence>& occurrences) {
  Occurrence* found = nullptr;
  for (Occurrence& occurrence : occurrences) {
    occurrence.weight *= decay;
    if (occurrence.token == token) found = &occurrence;
  }
  if (found != nullptr) {
    found->weight += 1;
  } else {
    occurrences.push_back({token, 1.0});
  }
}

absl::Status ValidateSamplerState(const SamplerState& state, uint64_t vocab_size) {
  std::vector<uint32_t> tokens;
  for (const Occurrence& occurrence : state.occurrences) {
    SKEIN_RETURN_IF_ERROR(CheckOccurrence(occurrence, vocab_size));
    tokens.push_back(occurrence.token);
  }
  std::sort(tokens.begin(), tokens.end());
  const auto twice = std::adjacent_find(tokens.begin(), tokens.end());
  if (twice == tokens.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("occurrence of token ", *twice, ": two entries; expected one"));
}

}  // namespace skein
