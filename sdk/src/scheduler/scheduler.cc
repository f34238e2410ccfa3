#include "scheduler/scheduler.h"

#include <algorithm>
#include <tuple>

namespace skein {
namespace {

// The tokens of a crowded step that are kept for prompts, if the step has at least twice that number.
constexpr uint64_t kPromptTokens = 16;

}  // namespace

Scheduler::Scheduler(StepLimits limits, uint32_t max_candidates) : limits_(limits) {
  decodes_.reserve(max_candidates);
  prompts_.reserve(max_candidates);
  shares_.reserve(max_candidates);
}

absl::Span<const Share> Scheduler::Plan(absl::Span<const Candidate> candidates, uint32_t max_shares,
                                        uint32_t max_decodes) {
  Room room = {std::min<uint64_t>(limits_.max_entries, max_shares), limits_.max_tokens};
  SortByTurn(candidates, room);
  shares_.clear();
  ShareAmongDecodes(max_decodes, KeptForPrompts(candidates, room), room);
  ShareAmongPrompts(candidates, room);
  FillUp(candidates, room);
  return shares_;
}

void Scheduler::SortByTurn(absl::Span<const Candidate> candidates, Room room) {
  decodes_.clear();
  prompts_.clear();
  for (uint32_t i = 0; i < candidates.size(); ++i) (candidates[i].decodes ? decodes_ : prompts_).push_back(i);
  const auto comes_first = [candidates](uint32_t a, uint32_t b) {
    return std::tie(candidates[a].last_turn, candidates[a].id) < std::tie(candidates[b].last_turn, candidates[b].id);
  };
  std::sort(decodes_.begin(), decodes_.end(), comes_first);
  std::sort(prompts_.begin(), prompts_.end(), comes_first);
  // A step of one stream cannot be divided between the two kinds, so the turn decides.
  if (!decodes_.empty() && !prompts_.empty() && std::min(room.entries, room.tokens) == 1) {
    (comes_first(decodes_[0], prompts_[0]) ? prompts_ : decodes_).clear();
  }
}

Scheduler::Room Scheduler::KeptForPrompts(absl::Span<const Candidate> candidates, Room room) const {
  if (prompts_.empty()) return {};
  uint64_t wanted = 0;
  for (const uint32_t prompt : prompts_) wanted += std::min(candidates[prompt].num_tokens, kPromptTokens);
  return {std::min<uint64_t>(room.entries / 2, 1), std::min({room.tokens / 2, kPromptTokens, wanted})};
}

void Scheduler::ShareAmongDecodes(uint32_t max_decodes, Room kept, Room& room) {
  for (const uint32_t candidate : decodes_) {
    if (shares_.size() == max_decodes || room.entries == kept.entries || room.tokens == kept.tokens) return;
    shares_.push_back({candidate, 1});
    --room.entries;
    --room.tokens;
  }
}

void Scheduler::ShareAmongPrompts(absl::Span<const Candidate> candidates, Room& room) {
  for (size_t i = 0; i < prompts_.size() && room.entries > 0 && room.tokens > 0; ++i) {
    // A prompt that needs less than its share leaves the rest to the prompts after it.
    const uint64_t num_waiting = std::min<uint64_t>(prompts_.size() - i, room.entries);
    const uint64_t fair = std::max<uint64_t>(1, room.tokens / num_waiting);
    const uint64_t take = std::min(candidates[prompts_[i]].num_tokens, fair);
    shares_.push_back({prompts_[i], static_cast<uint32_t>(take)});
    --room.entries;
    room.tokens -= take;
  }
}

void Scheduler::FillUp(absl::Span<const Candidate> candidates, Room& room) {
  for (Share& share : shares_) {
    const uint64_t more = std::min<uint64_t>(candidates[share.candidate].num_tokens - share.num_tokens, room.tokens);
    share.num_tokens += static_cast<uint32_t>(more);
    room.tokens -= more;
  }
}

}  // namespace skein
