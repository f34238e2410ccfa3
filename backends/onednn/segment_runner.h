// Runs steps of one segment on the host's threads: a team for each step, in which every thread runs all equations with
// its own Ops.
#ifndef SKEIN_BACKENDS_ONEDNN_SEGMENT_RUNNER_H_
#define SKEIN_BACKENDS_ONEDNN_SEGMENT_RUNNER_H_

#include <cstdint>
#include <thread>
#include <vector>

#include "host/batch.h"
#include "host/host_memory.h"
#include "host/parallel.h"
#include "host/state_slots.h"
#include "kit/work.h"
#include "onednn/caller_environment.h"
#include "onednn/ops.h"
#include "skein/backend.h"

namespace skein::onednn {

// A SegmentRunner as host/host_segment.h describes it.
class SegmentRunner {
 public:
  using Matrix = PackedMatrix;
  static constexpr WkvOrder kWkvOrder = WkvOrder::kKeyValue;
  // libskein draws tokens on the host's threads itself. Logits lie in the same memory, so none has to cross.
  static constexpr uint32_t kFeatures = SKEIN_FEATURE_HIDDEN | SKEIN_FEATURE_DETERMINISTIC;

  SegmentRunner(const skein_host& host, const skein_segment_desc& desc);

  static uint64_t ScratchBytes(const skein_host& host, const skein_segment_desc& desc);

  template <typename Equations>
  void Run(const kit::Batch& batch, uint32_t num_rows, const Equations& equations) {
    SharedStep shared = Share(batch);
    const std::thread::id caller = std::this_thread::get_id();
    kit::ParallelTeam(host_, NumThreads(num_rows, batch.logits.size()), [&](uint32_t index, uint32_t count) {
      const CallerEnvironment environment;
      Ops ops(shared, ScratchOf(index), index, count, RestOf(caller));
      equations(ops);
      work_[index] += ops.work();
    });
    CheckSuccess(shared);
  }

  kit::Work TotalWork() const;

 private:
  SharedStep Share(const kit::Batch& batch);
  Scratch ScratchOf(uint32_t index);
  // The caller of a step has to stay in it.
  PhaseWalk::Rest RestOf(std::thread::id caller) const {
    return kit::ComeAgain(host_) && std::this_thread::get_id() != caller ? PhaseWalk::Rest::kOutside
                                                                         : PhaseWalk::Rest::kInside;
  }
  // The number of threads that a step is worth.
  uint32_t NumThreads(uint64_t num_rows, uint64_t num_logits) const;
  static void CheckSuccess(const SharedStep& shared);

  const skein_host& host_;
  const MatMulPolicy policy_;
  const Arithmetic arithmetic_;
  const uint32_t head_size_;
  const uint32_t num_threads_;
  const uint64_t row_work_;                  // multiplications per row in all layers
  const uint64_t logits_work_;               // and per row of logits
  std::vector<PanelPrimitives> primitives_;  // per thread
  const uint64_t scratch_floats_;
  const uint64_t expanded_floats_;
  const uint64_t num_steps_;
  kit::HostArray<float> scratch_;   // [num_threads][scratch_floats]
  kit::HostArray<uint32_t> steps_;  // [num_threads][num_steps]
  kit::HostArray<std::byte> inputs_;
  std::vector<WeightsTrail> trails_;  // per thread
  std::vector<Turn> turns_;           // per thread
  Progress progress_;
  std::vector<kit::Work> work_;  // per thread, of all runs; written when a thread leaves a step
};

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_SEGMENT_RUNNER_H_
