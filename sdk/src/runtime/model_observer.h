// The measurements of one model at work: gauges and histograms for the metrics, and spans for the trace if there is
// one. The counters over all models are in metrics.h.
#ifndef SKEIN_RUNTIME_MODEL_OBSERVER_H_
#define SKEIN_RUNTIME_MODEL_OBSERVER_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/histogram.h"
#include "runtime/tenant_observer.h"
#include "runtime/trace.h"

namespace skein {

// A limit inside the engine.
struct ModelLimit {
  const char* name;
  const char* option;  // the model's option that sets it
  uint64_t value;
};

// The jobs of a model. A job is a request, or an item of an eval.
struct JobCounts {
  uint64_t queued = 0;   // wait for their first share of a step
  uint64_t running = 0;  // had one, or have one token to feed
  uint64_t paused = 0;   // wait for the host to read what they wrote; neither of the others
};

struct StepSize {
  uint32_t num_entries = 0;
  uint32_t num_tokens = 0;
  uint32_t num_decodes = 0;  // of the entries: those that feed a token that was sampled
};

// Where the states of a model are, and how many have moved.
struct SlotCounts {
  uint64_t held = 0;
  uint64_t free = 0;
  uint64_t in_host = 0;  // states in host memory
  uint64_t on_disk = 0;
  uint64_t parked = 0;       // that went from a slot to host memory
  uint64_t woken = 0;        // that came back
  uint64_t to_disk = 0;      // that went on from host memory
  uint64_t from_disk = 0;    // that came back
  uint64_t state_bytes = 0;  // of one state
};

// The checkpoints of a model's streams.
struct CheckpointCounts {
  uint64_t states = 0;
  uint64_t kept = 0;     // so far
  uint64_t dropped = 0;  // of these, for want of room
};

// The prefix cache of a model.
struct PrefixCounts {
  std::array<uint64_t, 8> requests{};  // by SKEIN_CACHE_*
  uint64_t saved_tokens = 0;           // that need not be fed
  uint64_t waits = 0;                  // for a prompt that was being read
  uint64_t evictions = 0;
  uint64_t states = 0;
  uint64_t state_bytes = 0;
};

// The jobs that wait and run, of a model or of one of its tenants.
struct QueueCounts {
  uint64_t num_waiting = 0;  // jobs without a share so far
  uint64_t num_running = 0;  // the others
  uint64_t queued_tokens = 0;
};

// The facts about a model that do not change.
struct ObservedModel {
  std::string name;  // of the model; Metrics::Observe makes it unique
  std::vector<ModelLimit> limits;
  std::function<SlotCounts()> count_slots;            // any thread; may be empty
  std::function<PrefixCounts()> count_prefixes = {};  // the same, as the next
  std::function<CheckpointCounts()> count_checkpoints = {};
  // The queue of a tenant by its name, and that of all of them. Any thread; may be empty.
  std::function<QueueCounts(absl::string_view)> count_queue_of = {};
  std::function<QueueCounts()> count_queue = {};
};

// Functions named On… take a few additions, or, with a trace, some microseconds; they allocate nothing.
// Threads: any.
class ModelObserver {
 public:
  using Clock = std::chrono::steady_clock;
  struct Span {
    Clock::time_point begin;
    Clock::time_point end;
  };

  // `trace` may be nullptr, and outlives the observer.
  ModelObserver(ObservedModel model, Trace* trace);
  ModelObserver(const ModelObserver&) = delete;
  ModelObserver& operator=(const ModelObserver&) = delete;

  // A step was planned, or it was found that there is none to run. `jobs`: before that. `looked`: the time in which the
  // engine had looked at jobs for it.
  void OnPlanned(Span span, JobCounts jobs, Clock::duration looked) noexcept;
  // The devices ran a step. Of steps that overlap, each counts from the end of the one before.
  void OnStep(Span span, StepSize size) noexcept;
  // A segment of the model did its part of a step. For the trace alone.
  void OnSegment(uint32_t segment, Span span) noexcept;
  // Before OnSegment: names the segment's track.
  void NameSegment(uint32_t segment) noexcept;
  // The tokens of a step were drawn, and their texts delivered.
  void OnConcluded(Span span) noexcept;

  // A parked state is in a slot again; the move took so long.
  void OnWoken(Clock::duration time) noexcept { wake_time_.Observe(time); }
  // A state is in host memory again, so long after it was asked from the disk.
  void OnFetched(Clock::duration time) noexcept { fetch_time_.Observe(time); }

  // A request has its first token, so long after it was submitted.
  void OnFirstToken(Clock::duration time) noexcept { first_token_time_.Observe(time); }
  // A request has another token, so long after the one before.
  void OnNextToken(Clock::duration time) noexcept { token_gap_.Observe(time); }

  const ObservedModel& model() const { return model_; }
  TenantObservers& tenants() { return tenants_; }
  const TenantObservers& tenants() const { return tenants_; }
  JobCounts jobs() const;
  const TimeHistogram& plan_time() const { return plan_time_; }
  const TimeHistogram& step_time() const { return step_time_; }
  const TimeHistogram& conclude_time() const { return conclude_time_; }
  const TimeHistogram& first_token_time() const { return first_token_time_; }
  const TimeHistogram& token_gap() const { return token_gap_; }
  const TimeHistogram& wake_time() const { return wake_time_; }
  const TimeHistogram& fetch_time() const { return fetch_time_; }
  const CountHistogram& step_tokens() const { return step_tokens_; }
  const CountHistogram& step_entries() const { return step_entries_; }

  // nullptr: there is none.
  Trace* trace() const { return trace_; }
  // The model's process in the trace.
  uint32_t trace_process() const { return trace_process_; }

 private:
  const ObservedModel model_;
  Trace* const trace_;
  const uint32_t trace_process_;
  std::atomic<uint64_t> num_queued_{0};
  std::atomic<uint64_t> num_running_{0};
  std::atomic<uint64_t> num_paused_{0};
  TenantObservers tenants_;
  TimeHistogram plan_time_;
  TimeHistogram step_time_;
  TimeHistogram conclude_time_;
  TimeHistogram first_token_time_;
  TimeHistogram token_gap_;
  TimeHistogram wake_time_;
  TimeHistogram fetch_time_;
  CountHistogram step_tokens_;
  CountHistogram step_entries_;
};

}  // namespace skein

#endif  // SKEIN_RUNTIME_MODEL_OBSERVER_H_
