// Which tokens of which streams make up the next step. Policy over counts: it knows neither text nor tensors.
//
// The policy of this version:
// - Every stream that decodes is in the step, if the step has room for all of them. The rest of the tokens goes to
//   streams that read a prompt, in equal shares.
// - If the step has no room for all, the streams take turns: the stream whose last share is longest ago comes first. A
//   part of the step is kept for prompts, so that neither kind of stream waits for ever.
#ifndef SKEIN_SCHEDULER_SCHEDULER_H_
#define SKEIN_SCHEDULER_SCHEDULER_H_

#include <cstdint>
#include <limits>
#include <vector>

#include "absl/types/span.h"

namespace skein {

// The room in a step.
struct StepLimits {
  uint32_t max_tokens = 0;   // of all streams together; at least 1
  uint32_t max_entries = 0;  // streams; at least 1
};

// A stream that has tokens to feed.
struct Candidate {
  uint64_t id = 0;          // of the job: earlier jobs have smaller ids
  uint64_t last_turn = 0;   // the number of its last share, counted over all streams; 0 if it had none
  uint64_t num_tokens = 0;  // known and not fed yet; at least 1
  bool decodes = false;     // its one token was sampled, and a reader waits for the next
};

// A stream's part of a step.
struct Share {
  uint32_t candidate = 0;   // index
  uint32_t num_tokens = 0;  // at least 1
};

// Plans depend on the candidates alone, not on earlier calls. Threads: one at a time.
class Scheduler {
 public:
  // Plans for at most `max_candidates` candidates allocate nothing.
  Scheduler(StepLimits limits, uint32_t max_candidates);

  // Plans the next step over `candidates`, of which at most `max_shares` get in: as many as there are slots to write.
  // Gives at least one share unless there is no candidate or `max_shares` is 0. No candidate gets two. At most
  // `max_decodes`, which is at least 1, are of streams that decode (decode_groups.h). The result is valid until the
  // next call.
  absl::Span<const Share> Plan(absl::Span<const Candidate> candidates, uint32_t max_shares,
                               uint32_t max_decodes = std::numeric_limits<uint32_t>::max());

 private:
  // The rest of the step that is being planned.
  struct Room {
    uint64_t entries = 0;
    uint64_t tokens = 0;
  };

  void SortByTurn(absl::Span<const Candidate> candidates, Room room);
  Room KeptForPrompts(absl::Span<const Candidate> candidates, Room room) const;
  void ShareAmongDecodes(uint32_t max_decodes, Room kept, Room& room);
  void ShareAmongPrompts(absl::Span<const Candidate> candidates, Room& room);
  void FillUp(absl::Span<const Candidate> candidates, Room& room);

  const StepLimits limits_;
  std::vector<uint32_t> decodes_;  // indices of candidates, in order of their turns
  std::vector<uint32_t> prompts_;
  std::vector<Share> shares_;
};

}  // namespace skein

#endif  // SKEIN_SCHEDULER_SCHEDULER_H_
