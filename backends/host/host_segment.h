// A segment as every in-tree CPU backend runs it: collects and checks the tensors, keeps the states, turns steps into
// batches, and runs the equations of its generation (generations.h) on the backend's runner.
//
// A SegmentRunner is what a backend adds:
//   Matrix                           a packed matrix; see weight_store.h
//   kWkvOrder                        how its recurrence wants the wkv state of RWKV-7
//   kLibrary                         whose products Work counts apart, such as "oneDNN"; "" if there is none
//   SegmentRunner(host, desc)        allocates what a step needs beside activations; throws plugin::Error
//   static ScratchBytes(host, desc)  how much that is
//   Run(batch, num_rows, equations)  calls equations(ops) once on every thread that takes part, with ops for this
//                                    batch; throws INTERNAL if an op failed
//   Work TotalWork() const           of all runs
// Ops, the type that `equations` gets, has the Matrix of the runner and the EmbeddingRows of weight_store.h.
#ifndef SKEIN_BACKENDS_HOST_HOST_SEGMENT_H_
#define SKEIN_BACKENDS_HOST_HOST_SEGMENT_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "equations/activations.h"
#include "equations/generations.h"
#include "equations/model_ends.h"
#include "host/batch_plan.h"
#include "host/host_memory.h"
#include "host/state_slots.h"
#include "host/weight_store.h"
#include "kit/work.h"
#include "skein/backend.h"

namespace skein::kit {

// Order: Put for every tensor, Seal, then anything. Threads: one call at a time.
class HostSegment {
 public:
  HostSegment() = default;
  HostSegment(const HostSegment&) = delete;
  HostSegment& operator=(const HostSegment&) = delete;
  virtual ~HostSegment() = default;

  virtual void Put(const skein_tensor& tensor) = 0;
  virtual void Seal() = 0;
  virtual StateSlots& slots() = 0;
  // Runs a step to its end. Returns what there is to say about the first entry that failed, or "".
  virtual std::string Step(const skein_step& step) = 0;
  // Of all steps so far; none before Seal.
  virtual Work TotalWork() const = 0;
};

// A segment of one generation on one kind of runner.
template <typename SegmentRunner, typename Generation>
class GenerationSegment final : public HostSegment {
 public:
  using Matrix = typename SegmentRunner::Matrix;
  using Activations = typename Generation::Activations;

  // `desc` was checked (segment_desc.h); `host` outlives the segment.
  GenerationSegment(const skein_host& host, const skein_segment_desc& desc)
      : host_(host), desc_(desc), store_(host, desc.compute_type, ExpectedTensors<Matrix>(desc), WeightBytes(desc)) {}

  // What a segment takes, computed from the same functions that allocate.
  static skein_segment_cost Cost(const skein_host& host, const skein_segment_desc& desc) {
    skein_segment_cost cost = {};
    cost.supported = 1;
    cost.weights_bytes = WeightBytes(desc);
    cost.slot_bytes = CheckedProduct(StateSlots::StateFloats(desc), sizeof(float));
    cost.scratch_bytes = CheckedProduct(ActivationFloats(desc), sizeof(float)) + cost.slot_bytes  // the initial state
                         + SegmentRunner::ScratchBytes(host, desc);
    return cost;
  }

  void Put(const skein_tensor& tensor) override {
    if (running_) throw plugin::Error(SKEIN_FAILED_PRECONDITION, "put_tensor: the segment is sealed");
    store_.Put(tensor);
  }

  void Seal() override {
    if (running_) throw plugin::Error(SKEIN_FAILED_PRECONDITION, "seal: the segment is sealed already");
    store_.Seal();
    weights_.Visit(desc_, [this](uint32_t role, uint32_t layer, auto*& tensor, const VectorForm& = {}) {
      store_.Bind(role, layer, tensor);
    });
    running_.emplace(host_, desc_);
  }

  StateSlots& slots() override { return RequireSealed().slots; }

  std::string Step(const skein_step& step) override {
    Running& running = RequireSealed();
    BatchPlan& plan = running.plan;
    plan.Read(step);
    const Batch& batch = plan.batch();
    const uint32_t num_rows = plan.num_rows();
    RowDealer dealer(running.activations.data(), num_rows);
    const Activations act(desc_.model, static_cast<uint32_t>(batch.output_rows.size()), dealer);
    const auto carries = act.Carries();
    const bool has_entries = step.num_entries > 0;
    if (!(desc_.flags & SKEIN_SEGMENT_EMBEDDING)) {
      for (size_t i = 0; has_entries && i < carries.size(); ++i) plan.GatherCarry(step.carries_in[i], carries[i]);
    } else if (desc_.num_layers == 0) {
      // The layer that makes the carries beside x is still to come.
      for (size_t i = 1; i < carries.size(); ++i) {
        std::fill_n(carries[i].data, size_t{num_rows} * carries[i].width, 0.0f);
      }
    }
    if (num_rows > 0) {
      running.runner.Run(batch, num_rows, [&](auto& ops) { RunEquations(ops, batch, act); });
    }
    if (!(desc_.flags & SKEIN_SEGMENT_HEAD)) {
      for (size_t i = 0; has_entries && i < carries.size(); ++i) plan.ScatterCarry(carries[i], step.carries_out[i]);
    }
    return plan.Finish(act.x, act.hidden);
  }

  Work TotalWork() const override { return running_ ? running_->runner.TotalWork() : Work(); }

 private:
  // What every thread does in a step: from the embedding, or from the rows already in `act`, through the layers, and to
  // the outputs of `batch` if the segment has the head.
  template <typename Ops>
  void RunEquations(Ops& ops, const Batch& batch, const Activations& act) const {
    Enter(ops, weights_.ends, act.x);
    for (const auto& layer : weights_.layers) Generation::RunLayer(ops, layer, act);
    Leave(ops, weights_.ends, batch, act.x, act.hidden);
  }

  // What exists once the segment is sealed.
  struct Running {
    Running(const skein_host& host, const skein_segment_desc& desc)
        : runner(host, desc),
          slots(host, desc, SegmentRunner::kWkvOrder),
          // Room for the longest step; what shorter ones do not write never is in memory.
          activations(host, ActivationFloats(desc), "activations", Content::kUnset),
          plan(desc, slots, Activations::kNumCarries) {}

    SegmentRunner runner;
    StateSlots slots;
    HostArray<float> activations;
    BatchPlan plan;
  };

  static uint64_t WeightBytes(const skein_segment_desc& desc) {
    const uint32_t type = desc.weight_type == SKEIN_DTYPE_NONE ? uint32_t{SKEIN_DTYPE_F32} : desc.weight_type;
    uint64_t bytes = 0;
    for (const ExpectedTensor& tensor : ExpectedTensors<Matrix>(desc)) {
      switch (tensor.use) {
        case Use::kVector:
          bytes += VectorFootprint(tensor);
          break;
        case Use::kEmbedding:
          bytes += WeightArena::Footprint(tensor.shape[0] * RowBytes(type, tensor.shape[1]));
          break;
        case Use::kMatrix:
          bytes +=
              WeightArena::Footprint(Matrix::PackedBytes(tensor.shape[0], tensor.shape[1], type, desc.compute_type));
          break;
      }
    }
    return bytes;
  }

  static uint64_t ActivationFloats(const skein_segment_desc& desc) {
    RowDealer counter(nullptr, 0);
    const Activations counted(desc.model, 0, counter);
    return CheckedProduct(desc.max_tokens, counter.floats_per_row());
  }

  Running& RequireSealed() {
    if (!running_) throw plugin::Error(SKEIN_FAILED_PRECONDITION, "the segment is not sealed");
    return *running_;
  }

  const skein_host& host_;
  const skein_segment_desc desc_;
  WeightStore<Matrix> store_;
  typename Generation::template Weights<Matrix, EmbeddingRows> weights_;
  std::optional<Running> running_;
};

// A segment as `desc` describes it, which was checked. `host` outlives it. Throws RESOURCE_EXHAUSTED.
template <typename SegmentRunner>
std::unique_ptr<HostSegment> MakeSegment(const skein_host& host, const skein_segment_desc& desc) {
  return WithGeneration(desc.model.generation, [&](auto generation) -> std::unique_ptr<HostSegment> {
    return std::make_unique<GenerationSegment<SegmentRunner, decltype(generation)>>(host, desc);
  });
}

// What MakeSegment's segment would take, once it is sealed.
template <typename SegmentRunner>
skein_segment_cost SegmentCost(const skein_host& host, const skein_segment_desc& desc) {
  return WithGeneration(desc.model.generation, [&](auto generation) {
    return GenerationSegment<SegmentRunner, decltype(generation)>::Cost(host, desc);
  });
}

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_HOST_HOST_SEGMENT_H_
