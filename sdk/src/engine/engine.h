// The engine of one model: takes jobs, plans steps over all that are ready, and runs them on a thread of its own.
#ifndef SKEIN_ENGINE_ENGINE_H_
#define SKEIN_ENGINE_ENGINE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "devices/device_model.h"
#include "engine/job.h"
#include "model/model_file.h"
#include "runtime/runtime.h"
#include "scheduler/scheduler.h"
#include "state/state_pool.h"

namespace skein {

// Threads: any, except that nothing that waits is called on the engine's own thread. Owned by its thread and by the
// model; ends when it was stopped and its last step is done.
class Engine : public std::enable_shared_from_this<Engine> {
 public:
  // RESOURCE_EXHAUSTED: no thread could be started.
  static absl::StatusOr<std::shared_ptr<Engine>> Start(std::shared_ptr<Runtime> runtime,
                                                       std::shared_ptr<ModelFile> file,
                                                       std::unique_ptr<Segments> segments, const SegmentLimits& limits);

  uint64_t weights_bytes() const { return segments_->weights_bytes(); }
  uint64_t embedding_bytes() const { return segments_->embedding_bytes(); }

  // Hands over jobs; they take part from the next step on.
  void Add(std::vector<std::shared_ptr<Job>> jobs);

  // Tells the engine that a job may have become ready.
  void Notify();

  // Asks the thread to end after the step that runs. Jobs that are left fail with CANCELLED. Does not wait.
  void Stop();

  // The canonical state of a slot; waits for the step that runs.
  absl::Status ExportState(const StateRef& state, absl::Span<float> values);
  // A new slot with this state. RESOURCE_EXHAUSTED: no slot is free.
  absl::StatusOr<StateRef> ImportState(absl::Span<const float> values);

 private:
  Engine(std::shared_ptr<Runtime> runtime, std::shared_ptr<ModelFile> file, std::unique_ptr<Segments> segments,
         const SegmentLimits& limits);

  // One part of a step.
  struct Part {
    std::shared_ptr<Job> job;
    uint32_t num_tokens;
    StateRef read;
    StateRef written;
  };

  void Run();
  // Runs `work` on the engine's thread between two steps and waits for it.
  absl::Status CallBetweenSteps(std::function<absl::Status()> work);
  std::vector<Part> PlanStep(absl::Span<const std::shared_ptr<Job>> ready);
  void RunStep(std::vector<Part> parts);
  // Runs parts as one step on the arena; each entry's status ends in `statuses`.
  absl::Status StepOnArena(absl::Span<Part> parts, std::vector<absl::Status>& statuses);
  // Adds to the metrics what the segments multiplied since the last call.
  void CountWork();

  const std::shared_ptr<Runtime> runtime_;
  const std::shared_ptr<ModelFile> file_;  // weights may be mapped from it
  const std::unique_ptr<Segments> segments_;
  const std::shared_ptr<StatePool> pool_;
  Scheduler scheduler_;  // the engine's thread only, as what follows
  std::vector<uint32_t> tokens_;
  std::vector<skein_step_entry> entries_;
  std::vector<skein_segment_work> counted_;  // by segment; in the metrics already

  struct Call {
    std::function<absl::Status()> work;
    absl::Status status;
    bool done = false;
  };
  Mutex mutex_;
  CondVar changed_;
  std::vector<std::shared_ptr<Job>> added_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Call>> calls_ ABSL_GUARDED_BY(mutex_);
  bool notified_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  CondVar call_done_;
};

}  // namespace skein

#endif  // SKEIN_ENGINE_ENGINE_H_
