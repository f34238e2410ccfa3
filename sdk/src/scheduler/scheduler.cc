#include "scheduler/scheduler.h"

#include <algorithm>

namespace skein {

std::vector<Share> Scheduler::Plan(absl::Span<const Candidate> candidates) {
  std::vector<Share> shares;
  const uint32_t num_candidates = static_cast<uint32_t>(candidates.size());
  if (num_candidates == 0) return shares;
  const uint32_t start = turn_ % num_candidates;
  uint32_t tokens_left = limits_.max_tokens;
  const auto room = [&] { return tokens_left > 0 && shares.size() < limits_.max_entries; };

  std::vector<uint32_t> prefills;
  for (uint32_t i = 0; i < num_candidates; ++i) {
    const uint32_t candidate = (start + i) % num_candidates;
    if (!candidates[candidate].decodes) {
      prefills.push_back(candidate);
    } else if (room()) {
      shares.push_back({candidate, 1});
      --tokens_left;
    }
  }
  // Equal shares of what is left; who needs less leaves the rest to those after.
  for (size_t i = 0; i < prefills.size() && room(); ++i) {
    const uint64_t waiting = std::min<uint64_t>(prefills.size() - i, limits_.max_entries - shares.size());
    const uint64_t fair = std::max<uint64_t>(1, tokens_left / waiting);
    const uint64_t take = std::min(candidates[prefills[i]].num_tokens, fair);
    shares.push_back({prefills[i], static_cast<uint32_t>(take)});
    tokens_left -= static_cast<uint32_t>(take);
  }
  // A prompt that was cut short while room remained takes the rest, first come first served.
  for (Share& share : shares) {
    const uint64_t more = std::min<uint64_t>(candidates[share.candidate].num_tokens - share.num_tokens, tokens_left);
    share.num_tokens += static_cast<uint32_t>(more);
    tokens_left -= static_cast<uint32_t>(more);
  }
  turn_ = shares.size() < num_candidates ? start + static_cast<uint32_t>(shares.size()) : 0;
  return shares;
}

}  // namespace skein
