// Which tokens of which sequences make up the next step. Policy over numbers: it knows neither text nor tensors.
//
// - Shares of a step are given out one by one. A sequence with one token to feed, such as a stream that decodes, goes
//   before the prompts. If not all of them fit and leave a place for a prompt, they take turns.
// - A prompt has as much as the step's time allows: a step with streams that decode should take at most `step_us`, or
//   `step_stretch` times as long as without the prompts if that is longer; and at most kStretch times as long, or
//   kShortStepUs if that is longer. A prompt that is due (below) gets a minimum whatever the time. Without streams that
//   decode, prompts fill the step.
// - Of each kind, the share goes to the tenant that had the least service for its weight (virtual token counters,
//   arXiv:2401.00588). Of its prompts the one of the smallest rank is first. Of its sequences with one token it is the
//   one whose turn is longest ago; a higher priority counts as longer.
// - A tenant that is ahead of the first prompt's by more than kLeadSteps has its sequences with one token behind the
//   prompt. So the two kinds share by service too in the long run, and a stream waits for a prompt of another tenant
//   only where its own had more than its share.
// - A tenant that comes back is put level with the one that had least. A tenant that asked for less than its share
//   stays behind those that wait by kCreditSteps at most, or behind the one that had most if nobody waits: what it did
//   without is not made up for at the expense of the others.
// - If as many sequences run as may, one that waits preempts one of its tenant whose standing is below its priority.
//   The preempted one goes back to those that wait, with its state and its tokens.
//
// The life of a sequence, by the queue of its tenant (sequence.h) that it is in:
//
//   Add → waiting ⇄ reading → decoding ⇄ awaited → Remove
//
//   waiting   it has no place, because it had no share yet, or was preempted, from whatever queue
//   reading   it has a place, and more than one token to feed
//   decoding  it has a place, and one token to feed
//   awaited   it is in no queue: a step in flight has its last token, and Continue brings the next one
//
// A sequence that comes with one token passes over `reading`, and over `waiting` too if there are places for all.
//
// The rank of a sequence is the time at which it would start if there were one place after the other:
//
//   min(arrival - priority * age_limit + time to read its prompt, latest start that meets its first-token deadline)
//
// The terms are strict classes of priority that age by one class in `age_limit`, shortest first with ageing, and
// earliest deadline first. Later sequences have later arrivals. So only a bounded number of them can overtake a
// sequence, and none starves. A rank changes only when its sequence is preempted: by the time that it ran, so that a
// rank counts the time for which a sequence waited. A prompt is due when it has waited for `age_limit`, or when its
// latest start has come.
//
// The standing of a sequence is settled when it begins to run: its priority, and one class for each `age_limit` that it
// has waited so far, also before it was preempted. It only grows, so that a sequence is preempted less often the longer
// it has waited, and at last not at all.
#ifndef SKEIN_SCHEDULER_SCHEDULER_H_
#define SKEIN_SCHEDULER_SCHEDULER_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "scheduler/sequence.h"
#include "scheduler/step_cost.h"

namespace skein {

struct SchedulerLimits {
  uint32_t max_tokens = 0;    // of a step, all sequences together; at least 1
  uint32_t max_entries = 0;   // sequences in a step; at least 1
  uint32_t max_running = 0;   // sequences between their first share and their end; 0: no bound
  int64_t step_us = 100'000;  // the time of a step with streams that decode,
  double step_stretch = 1;    // or so many times as long as they take alone, if that is longer
  int64_t age_limit_us = 1'000'000;
  uint32_t tile = 16;               // rows that a device multiplies at a time
  uint32_t min_prompt_tokens = 16;  // the share of a prompt that is due
  double prefill_charge = 1;        // the service of a token that was known
  double decode_charge = 2;         // the service of a token that was sampled
};

// The rank of a sequence whose prompt takes `read_us` to read.
int64_t RankOf(const Urgency& urgency, int64_t age_limit_us, int64_t read_us);

// The time that a step with prompts may take beside the `num_decoding` streams that decode; infinite beside none.
double LongestStepUs(const SchedulerLimits& limits, const StepCost& cost, uint64_t num_decoding);

// A sequence's part of a step.
struct Share {
  Sequence* sequence = nullptr;
  uint32_t num_tokens = 0;  // at least 1
};

// Order for a sequence: Add; after each step that leaves it without a token, Continue; Remove. All sequences are
// removed before the scheduler goes. Threads: one at a time. Only the constructor allocates.
class Scheduler {
 public:
  // A step with prompts takes at most this many times as long as without them. So the time between two tokens of a
  // stream does not grow by more, and a prompt gets about half of the time.
  static constexpr double kStretch = 2;
  // A step that takes so long, in microseconds, is short whatever it takes without prompts: nobody reads 200 tokens a
  // second, and a small model would spend its time on the fixed cost of steps.
  static constexpr double kShortStepUs = 5000;
  // The service, in tokens of so many of the largest steps, by which a tenant that is not in need may be behind.
  static constexpr double kCreditSteps = 1;
  // The same by which a tenant may be ahead of one whose prompt waits. It is more than the credit, so that a tenant
  // that had asked for little does not hold up the streams of others as soon as it has a prompt.
  static constexpr double kLeadSteps = 2;

  explicit Scheduler(const SchedulerLimits& limits);

  // `sequence` has `num_tokens` to feed in the next steps, at least 1. `decodes`: the first of them was sampled.
  // `num_known`: with those that it feeds later, by which it is ranked when the scheduler first has it; not less.
  void Add(Sequence& sequence, uint64_t num_tokens, bool decodes, uint64_t num_known) noexcept;
  void Add(Sequence& sequence, uint64_t num_tokens, bool decodes) noexcept {
    Add(sequence, num_tokens, decodes, num_tokens);
  }
  // The tokens of a sequence, which the scheduler has, are now these; 0: the next comes out of a step that runs.
  void Continue(Sequence& sequence, uint64_t num_tokens, bool decodes) noexcept;
  // The last share of a sequence, of `num_tokens`, is no service of its tenant, since no step could use it. `decodes`:
  // as the sequence was added. Continue, Postpone or Remove says what comes of it.
  void TakeBack(const Sequence& sequence, uint64_t num_tokens, bool decodes) noexcept;
  // A sequence whose share was taken back has nothing to feed until Continue. It keeps its turn, and its place among
  // those that run.
  void Postpone(Sequence& sequence) noexcept;
  // The sequence has ended, or waits for its reader and gives up its place. Add brings it back. No effect if the
  // scheduler does not have it.
  void Remove(Sequence& sequence) noexcept;

  // The next step, at the time `now_us`, of at most `max_entries` sequences: as many as there are slots to write. At
  // most `max_decodes` are of one token (decode_groups.h). What it gives out counts as issued. It gives at least one
  // share if a sequence has a token that may be fed. The result is valid until the next call.
  absl::Span<const Share> Schedule(int64_t now_us, uint32_t max_entries,
                                   uint32_t max_decodes = std::numeric_limits<uint32_t>::max()) noexcept;

  const SchedulerLimits& limits() const { return limits_; }
  StepCost& cost() { return cost_; }
  const StepCost& cost() const { return cost_; }
  uint64_t num_sequences() const { return num_sequences_; }
  uint64_t num_running() const { return num_running_; }
  // Sequences whose next token comes out of a step in flight.
  uint64_t num_awaited() const { return num_awaited_; }
  // Those, and the sequences with one token that had a share or may have one.
  uint64_t num_decoding() const { return num_awaited_ + num_decoding_; }

 private:
  // The rest of the step that is being planned.
  struct Room {
    uint64_t entries = 0;
    uint64_t tokens = 0;
    uint64_t decodes = 0;  // of the entries, at most
  };

  void Enqueue(Sequence& sequence) noexcept;
  void Dequeue(Sequence& sequence) noexcept;
  // Sets the tokens of a sequence that is in no queue, and puts it into one.
  void SetTokens(Sequence& sequence, uint64_t num_tokens, bool decodes) noexcept;
  void SetAwaited(Sequence& sequence, bool is_awaited) noexcept;
  // What a share counts as service of its tenant.
  double ServiceOf(const TenantQueues& tenant, uint64_t num_tokens, bool decodes) const;
  void Begin(Sequence& sequence) noexcept;
  void StopRunning(Sequence& sequence) noexcept;
  void Preempt(Sequence& sequence) noexcept;
  // Whether there are places for all sequences, so that one of `tenant` takes none for which another waits.
  bool HaveAllPlaces(const TenantQueues& tenant) const;
  int64_t StandingOf(const Sequence& sequence) const;
  // Whether a sequence that waits may take the place of one that runs.
  static bool Outranks(const Sequence& waiting);
  void Enter(TenantQueues& tenant) noexcept;
  // Puts the tenant where its sequences and its service call for.
  void SortIn(TenantQueues& tenant) noexcept;

  void GiveShare(Sequence& sequence, uint64_t num_tokens, Room& room) noexcept;
  // The part of the step that the first prompt has whatever the time, and though others may have to wait for it.
  Room KeptForPrompt(const Room& room) noexcept;
  // Whether a stream that decodes has the next share, rather than `prompt`, the first one, which may be nullptr.
  bool DecodesFirst(const Sequence* prompt, const Room& kept, const Room& room) const;
  // The tokens of a prompt, at most `most`, with which the step takes `longest_us`: in whole tiles of rows.
  uint64_t TokensInTime(double longest_us, uint64_t most, const Room& room) const;
  // The prompt that comes first; nullptr: there is none that may get a share.
  Sequence* NextPrompt() const;
  // Behind a step that did not have room for all, notes the service of the first tenant that wants more.
  void NoteNeed() noexcept;
  bool is_full() const { return limits_.max_running != 0 && num_running_ >= limits_.max_running; }

  const SchedulerLimits limits_;
  const std::shared_ptr<TenantQueues> common_ = std::make_shared<TenantQueues>();
  StepCost cost_;
  // Lists of tenants, by service. A tenant is in each whose condition it meets.
  TenantQueues::Order active_tenants_;      // have sequences
  TenantQueues::Order starting_tenants_;    // have one that waits, and are not at their own bound, or may preempt
  TenantQueues::Order preempting_tenants_;  // the first of their sequences that wait outranks one that runs
  TenantQueues::Order reading_tenants_;     // have one in their queue `reading_`
  TenantQueues::Order decoding_tenants_;    // have one in their queue `decoding_`
  uint64_t num_ids_ = 0;
  uint64_t num_sequences_ = 0;
  uint64_t num_running_ = 0;
  uint64_t num_decoding_ = 0;  // sequences in the queues `decoding_` of all tenants
  uint64_t num_awaited_ = 0;
  int64_t now_us_ = 0;             // of the last step
  int64_t turn_us_ = 0;            // of the sequence that was queued last for its turn; no two have the same
  double floor_ = 0;               // the service of the tenant that left last
  double needed_from_ = 0;         // the most that the first tenant in need had had
  bool was_prompts_turn_ = false;  // the last step that could not be divided was the prompts'
  std::vector<Share> shares_;
};

}  // namespace skein

#endif  // SKEIN_SCHEDULER_SCHEDULER_H_
