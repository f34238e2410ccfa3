// The prefix cache of a model: states of prompts that were read, from which other prompts that begin alike go on. Over
// the tree of state/prefix_tree.h it adds the lock, the budget, and the rules of who reads, who waits, and which states
// are kept. It copies no state and runs no step.
//
// A prompt is read by a PrefixReading. Its life: Begin, when the request is submitted, makes its tokens known to
// others. Start, on the engine's thread before the first step, finds the longest state; or it finds that another
// reading is about to leave one that saves more, and waits for it. If that one ends before, those who wait choose
// again, so that the first of them takes over. Then OnFed keeps states:
// - where prompts part. The first that parts from a known sequence stops there, also if it is known while it is read;
// - at the end of the prompt, and of the answer (Keep);
// - in the middle of long prompts where a part ends anyhow, at about 1/2, 3/4, 7/8 of the way.
// The last token of a prompt is always fed, since its logits are wanted.
#ifndef SKEIN_ENGINE_PREFIX_CACHE_H_
#define SKEIN_ENGINE_PREFIX_CACHE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "base/mutex.h"
#include "engine/feed.h"
#include "engine/job.h"
#include "engine/prefix_keeper.h"
#include "engine/prefix_scope.h"
#include "runtime/model_observer.h"
#include "skein/request.h"
#include "state/prefix_tree.h"
#include "state/state_owner.h"

namespace skein {

class PrefixReading;

struct PrefixCacheLimits {
  uint64_t max_bytes = 0;    // of states and their tokens; 0: the cache is off
  uint64_t state_bytes = 1;  // of one state
  // The most states while no prompts come back. States that nobody uses take room in the caches of the processor.
  uint64_t max_unused_states = std::numeric_limits<uint64_t>::max();
};

// Threads: any.
class PrefixCache final : public StateOwner {
 public:
  // The fewest tokens that make a state, or a wait for one, worth its while.
  static constexpr uint64_t kMinTokens = 16;
  // A reading that makes no progress for so long is not waited for any more.
  static constexpr int64_t kPatienceUs = 1'000'000;

  // `notify` has the engine look at a job. It is called without a lock.
  PrefixCache(const PrefixCacheLimits& limits, std::function<void(std::shared_ptr<Job>)> notify)
      : limits_(limits), notify_(std::move(notify)) {}
  PrefixCache(const PrefixCache&) = delete;
  PrefixCache& operator=(const PrefixCache&) = delete;

  bool is_on() const { return limits_.max_bytes >= limits_.state_bytes; }

  // Drops up to `num_states` states, those that save least first. False: there was none.
  bool LetGo(uint32_t num_states) noexcept override;

  // `keeper` hears of new states. Before the first reading.
  void SetKeeper(std::shared_ptr<PrefixKeeper> keeper) noexcept;
  // nullptr: there is none.
  std::shared_ptr<PrefixKeeper> keeper() const noexcept;

  // A state that an earlier process had kept. False: there is no room left; nothing makes way for it. May throw
  // std::bad_alloc.
  bool Restore(absl::string_view scope, absl::Span<const uint32_t> tokens, StateRef state);
  // The state behind exactly these tokens; empty: there is none.
  StateRef Peek(absl::string_view scope, absl::Span<const uint32_t> tokens) const noexcept;

  // A number for the scope of a place that streams start from. It is given once.
  uint64_t NewPlaceNumber() noexcept { return ++num_places_; }

  // Counts how a prompt found the cache; `outcome` is one of SKEIN_CACHE_*.
  void Count(uint32_t outcome, uint64_t num_cached) noexcept;
  PrefixCounts counts() const noexcept;

 private:
  friend class PrefixReading;

  // Hashes of the paths of states that were dropped, each in the place that it gives.
  using DroppedHashes = std::array<uint64_t, 8192>;

  void NoteDropped(const PrefixNode& node) noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether one of the states that were dropped of late has read the front of `tokens`.
  bool HasDropped(absl::string_view scope, absl::Span<const uint32_t> tokens) const noexcept
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsOver() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Drops states until the budget is kept.
  void Shrink() noexcept;

  const PrefixCacheLimits limits_;
  const std::function<void(std::shared_ptr<Job>)> notify_;
  std::atomic<uint64_t> num_places_{0};
  mutable Mutex mutex_;
  PrefixTree tree_ ABSL_GUARDED_BY(mutex_);
  PrefixCounts counts_ ABSL_GUARDED_BY(mutex_);
  DroppedHashes dropped_ ABSL_GUARDED_BY(mutex_) = {};
  double share_that_comes_back_ ABSL_GUARDED_BY(mutex_) = 0;  // of the prompts of late
  std::shared_ptr<PrefixKeeper> keeper_ ABSL_GUARDED_BY(mutex_);
};

// One prompt. Threads: one at a time, and Start on the engine's thread while no job advances. Made by Begin; it leaves
// the cache when it is destroyed.
class PrefixReading final : private PrefixReader {
 public:
  // The finding of Start.
  struct Found {
    bool waits = false;       // for another reading, at most until the time of wait_deadline_us; the job is notified
    uint64_t num_cached = 0;  // tokens that need not be fed
    StateRef state;           // behind them, if there are any
    uint32_t outcome = 0;     // SKEIN_CACHE_*
  };

  // A prompt, of one token at least, that is read from the start of a stream. `priority`: as the scheduler has it.
  static std::unique_ptr<PrefixReading> Begin(std::shared_ptr<PrefixCache> cache, PrefixScope scope,
                                              std::vector<uint32_t> prompt, int32_t priority);
  ~PrefixReading();
  PrefixReading(const PrefixReading&) = delete;
  PrefixReading& operator=(const PrefixReading&) = delete;

  // The tokens that others have read or are expected to have read before.
  uint64_t num_expected() const { return num_expected_; }

  // The job that is notified when a wait has ended. Before Start.
  void SetJob(std::weak_ptr<Job> job) noexcept { job_ = std::move(job); }

  bool has_started() const { return is_reading || is_over_; }
  // `feed` has the whole prompt, and gets stops; it outlives the reading's stay among the readers.
  Found Start(Feed& feed, int64_t now_us);
  int64_t wait_deadline_us() const { return wait_deadline_us_; }

  // The stream has reached `position`, and `state` is there. It keeps the state if there is a reason to.
  void OnFed(uint64_t position, const StateRef& state) noexcept;

  // A token of the answer.
  void Append(uint32_t token) { tokens_.push_back(token); }
  // Keeps the state at `position`.
  void Keep(uint64_t position, const StateRef& state) noexcept;

  // Nothing more is read: those who wait choose again.
  void End() noexcept;

 private:
  PrefixReading(std::shared_ptr<PrefixCache> cache, PrefixScope scope, std::vector<uint32_t> prompt, int32_t priority);

  void Join() ABSL_EXCLUSIVE_LOCKS_REQUIRED(cache_->mutex_);
  // The node of the longest state in front of the prompt's last token; nullptr: there is none.
  PrefixNode* FindState() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(cache_->mutex_);
  // Somebody who will leave a state that has read more than `num_cached` tokens and is worth the wait, if there is one:
  // then this reading is among those that wait for it.
  std::shared_ptr<Job> WaitForAnother(uint64_t num_cached) ABSL_EXCLUSIVE_LOCKS_REQUIRED(cache_->mutex_);
  bool CanLeaveStateAt(uint64_t num_tokens) const;
  void Want(uint64_t num_tokens);
  void WantJunctions(uint64_t num_cached) ABSL_EXCLUSIVE_LOCKS_REQUIRED(cache_->mutex_);
  uint32_t ReasonOfMiss() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(cache_->mutex_);
  bool KeepsAt(uint64_t num_tokens);
  // False: nothing new is kept.
  bool Put(uint64_t num_tokens, const StateRef& state) noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(cache_->mutex_);
  void TellKeeper(uint64_t num_tokens) const noexcept;
  void Leave() noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(cache_->mutex_);
  void StopWaiting() noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(cache_->mutex_);
  // Those who wait for what is read by now, or, if nothing more is, all.
  void WakeWaiters() noexcept;
  std::shared_ptr<Job> TakeWaiter() noexcept ABSL_EXCLUSIVE_LOCKS_REQUIRED(cache_->mutex_);

  const std::shared_ptr<PrefixCache> cache_;
  const PrefixScope scope_;
  const uint64_t num_prompt_tokens_;
  const int32_t priority_;
  std::vector<uint32_t> tokens_;  // the prompt, and the answer so far
  std::weak_ptr<Job> job_;
  Feed* feed_ = nullptr;
  uint64_t start_position_ = 0;  // of the stream, in front of the prompt; from Start on
  uint64_t num_expected_ = 0;
  uint64_t num_known_ = 0;        // tokens that others had read before, or were to read
  std::vector<uint64_t> wanted_;  // numbers of tokens behind which a state is wanted, rising
  uint64_t next_middle_ = 0;      // from here on a state in the middle is kept
  bool is_over_ = false;

  PrefixReading* awaited_ = nullptr;  // the one that this one waits for
  uint64_t awaited_tokens_ = 0;       // what it is to have read
  uint64_t awaited_progress_ = 0;     // what it had read when the patience began
  int64_t wait_deadline_us_ = kNoDeadline;
  bool is_impatient_ = false;
  // Those who wait for this one.
  PrefixReading* first_waiter_ = nullptr;
  PrefixReading* next_waiter_ = nullptr;
};

}  // namespace skein

#endif  // SKEIN_ENGINE_PREFIX_CACHE_H_
