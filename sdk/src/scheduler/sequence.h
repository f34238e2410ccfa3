// A job as the scheduler knows it, and the queues of a tenant: numbers only.
#ifndef SKEIN_SCHEDULER_SEQUENCE_H_
#define SKEIN_SCHEDULER_SEQUENCE_H_

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>

#include "scheduler/ordered_queue.h"

namespace skein {

class Sequence;
using SequenceQueue = OrderedQueue<Sequence, int64_t>;

// Times of the scheduler are microseconds of a clock that does not go back.
inline constexpr int64_t kNoDeadline = std::numeric_limits<int64_t>::max();

// The sequences of one tenant that have tokens to feed, and the service that the tenant has had. Only the scheduler
// touches the private part.
class TenantQueues {
 public:
  // Threads: any; a change counts from the next step on.
  std::atomic<double> weight = 1;         // above 0; a tenant of weight 2 gets twice the service of one of weight 1
  std::atomic<uint32_t> max_running = 0;  // sequences between their first share and their end; 0: no bound

  // The weighted tokens that the tenant had, divided by its weight: by this the scheduler compares tenants.
  double service() const { return service_; }

 private:
  friend class Scheduler;
  using Order = OrderedQueue<TenantQueues, double>;

  bool is_full() const {
    const uint32_t bound = max_running.load(std::memory_order_relaxed);
    return bound != 0 && running_.size() >= bound;
  }

  uint64_t id_ = 0;
  double service_ = 0;
  uint64_t num_sequences_ = 0;  // that the scheduler has
  SequenceQueue running_;       // by standing: the first is the one to give up its place
  SequenceQueue waiting_;       // not running; by rank
  SequenceQueue reading_;       // running, and more than one token is left; by rank
  SequenceQueue decoding_;      // running, and one token is left; by turn
  // Places in the scheduler's lists of tenants.
  Order::Place active_place_;
  Order::Place starting_place_;
  Order::Place preempting_place_;
  Order::Place reading_place_;
  Order::Place decoding_place_;
};

// How urgent a sequence is. It does not change.
struct Urgency {
  int64_t arrival_us = 0;
  int32_t priority = 0;                           // the larger, the earlier
  int64_t first_token_deadline_us = kNoDeadline;  // of the clock, not of the arrival
  bool keeps_place = false;                       // once it runs: it was promised to end in time
};

// One sequence of tokens. It stays where it is in memory while the scheduler has it.
class Sequence {
 public:
  // `tenant` nullptr: the scheduler's own, for sequences that nobody gave a tenant.
  Sequence(std::shared_ptr<TenantQueues> tenant, const Urgency& urgency)
      : tenant_(std::move(tenant)), urgency_(urgency) {}

  const Urgency& urgency() const { return urgency_; }
  // The smaller, the earlier. 0 until the scheduler has had the sequence. It changes when the sequence is preempted.
  int64_t rank() const { return rank_; }
  // Known tokens that no step has yet.
  uint64_t num_tokens() const { return num_tokens_; }
  // Had its first share, and did not leave the scheduler since, nor was preempted.
  bool is_running() const { return is_running_; }

 private:
  friend class Scheduler;

  std::shared_ptr<TenantQueues> tenant_;
  const Urgency urgency_;
  uint64_t id_ = 0;  // 0: the scheduler never had it
  int64_t rank_ = 0;
  int64_t due_us_ = 0;  // from here on it does not wait for a step with time to spare
  int64_t waits_since_us_ = 0;
  int64_t waited_us_ = 0;  // before it ran, all its times together
  int64_t runs_since_us_ = 0;
  int64_t turn_us_ = 0;      // among those that decode
  bool keeps_turn_ = false;  // its last share was taken back, and it was postponed
  uint64_t num_tokens_ = 0;
  bool decodes_ = false;  // the token that it waits to feed was sampled
  bool is_present_ = false;
  bool is_running_ = false;
  bool is_awaited_ = false;             // a step in flight has its last token; the next one comes out of it
  SequenceQueue::Place place_;          // among those that wait, read or decode
  SequenceQueue::Place running_place_;  // among those that run
};

}  // namespace skein

#endif  // SKEIN_SCHEDULER_SEQUENCE_H_
