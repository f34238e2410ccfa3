// A segment in host memory, as every in-tree CPU backend runs it: takes the tensors in, keeps the states, turns steps
// into batches, and runs the equations of its generation (generations.h) on the backend's runner. Its steps are done
// when they return.
//
// A backend adds its SegmentRunner:
//   Matrix                           a packed matrix; see weight_store.h
//   kWkvOrder                        how its recurrence wants the wkv state of RWKV-7
//   kFeatures                        the features that its device lists, SKEIN_FEATURE_*
//   SegmentRunner(host, desc)        allocates a step's memory beside activations; throws plugin::Error
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
#include "host/batch_plan.h"
#include "host/host_memory.h"
#include "host/state_slots.h"
#include "host/weight_store.h"
#include "kit/tensor_intake.h"
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
  // Runs a step to its end. Returns a message about the first entry that failed, or "".
  virtual std::string Step(const skein_step& step) = 0;
  // Of all steps so far; none before Seal.
  virtual Work TotalWork() const = 0;

  // As of StateSlots.
  void InitState(uint32_t slot) { slots().Init(slot); }
  void CopyState(uint32_t from_slot, uint32_t to_slot) { slots().Copy(from_slot, to_slot); }
  void ExportState(uint32_t slot, float* state, uint64_t num_floats) { slots().Export(slot, state, num_floats); }
  void ImportState(uint32_t slot, const float* state, uint64_t num_floats) { slots().Import(slot, state, num_floats); }
  void DiscardState(uint32_t slot) { slots().Discard(slot); }

 private:
  virtual StateSlots& slots() = 0;
};

// A segment of one generation on one kind of runner.
template <typename SegmentRunner, typename Generation>
class GenerationSegment final : public HostSegment {
 public:
  using Matrix = typename SegmentRunner::Matrix;
  using Activations = typename Generation::Activations;

  // `desc` was checked (segment_desc.h); `host` outlives the segment.
  GenerationSegment(const skein_host& host, const skein_segment_desc& desc)
      : host_(host), desc_(desc), store_(host, desc.compute_type, ExpectedTensors(desc), WeightBytes(desc)) {}

  // The memory that a segment takes, computed by the same functions that allocate.
  static skein_segment_cost Cost(const skein_host& host, const skein_segment_desc& desc) {
    skein_segment_cost cost = {};
    cost.supported = 1;
    cost.weights_bytes = WeightBytes(desc);
    cost.slot_bytes = CheckedProduct(StateSlots::StateFloats(desc), sizeof(float));
    const uint64_t initial_state_bytes = cost.slot_bytes;
    cost.scratch_bytes = CheckedProduct(ActivationFloats(desc), sizeof(float)) + initial_state_bytes +
                         SegmentRunner::ScratchBytes(host, desc) +
                         BatchPlan::ScratchBytes(desc, SegmentRunner::kFeatures);
    return cost;
  }

  void Put(const skein_tensor& tensor) override {
    if (sealed_) throw plugin::Error(SKEIN_FAILED_PRECONDITION, "put_tensor: the segment is sealed");
    store_.Put(tensor);
  }

  void Seal() override {
    if (sealed_) throw plugin::Error(SKEIN_FAILED_PRECONDITION, "seal: the segment is sealed already");
    store_.Seal();
    weights_.Visit(desc_, [this](uint32_t role, uint32_t layer, auto*& tensor, const VectorForm& = {}) {
      store_.Bind(role, layer, tensor);
    });
    sealed_.emplace(host_, desc_);
  }

  std::string Step(const skein_step& step) override {
    Sealed& sealed = RequireSealed();
    BatchPlan& plan = sealed.plan;
    plan.Read(step);
    RowDealer dealer(sealed.activations.data(), plan.num_rows());
    const Activations act(desc_.model, static_cast<uint32_t>(plan.batch().output_rows.size()), dealer);
    TakeCarries(step, plan, act);
    if (plan.num_rows() > 0) {
      sealed.runner.Run(plan.batch(), plan.num_rows(), [&](auto& ops) { RunSegment<Generation>(ops, weights_, act); });
    }
    GiveCarries(step, plan, act);
    return plan.Finish(act.x, act.hidden);
  }

  Work TotalWork() const override { return sealed_ ? sealed_->runner.TotalWork() : Work(); }

 private:
  // The parts that exist once the segment is sealed.
  struct Sealed {
    Sealed(const skein_host& host, const skein_segment_desc& desc)
        : runner(host, desc),
          slots(host, desc, SegmentRunner::kWkvOrder),
          // Room for the longest step. The part that shorter steps leave unwritten takes no memory.
          activations(host, ActivationFloats(desc), "activations", Content::kUnset),
          plan(host, desc, slots, Activations::kNumCarries, SegmentRunner::kFeatures) {}

    SegmentRunner runner;
    StateSlots slots;
    HostArray<float> activations;
    BatchPlan plan;
  };

  StateSlots& slots() override { return RequireSealed().slots; }

  Sealed& RequireSealed() {
    if (!sealed_) throw plugin::Error(SKEIN_FAILED_PRECONDITION, "the segment is not sealed");
    return *sealed_;
  }

  // Fills the rows that another segment has left, or that a later one is to fill.
  void TakeCarries(const skein_step& step, const BatchPlan& plan, const Activations& act) const {
    const auto carries = act.Carries();
    if (!(desc_.flags & SKEIN_SEGMENT_EMBEDDING)) {
      if (step.num_entries == 0) return;
      for (size_t i = 0; i < carries.size(); ++i) plan.GatherCarry(step.carries_in[i], carries[i]);
    } else if (desc_.num_layers == 0) {
      // The layer that makes the carries beside x is still to come.
      for (size_t i = 1; i < carries.size(); ++i) {
        std::fill_n(carries[i].data, size_t{carries[i].count} * carries[i].width, 0.0f);
      }
    }
  }

  void GiveCarries(const skein_step& step, const BatchPlan& plan, const Activations& act) const {
    if ((desc_.flags & SKEIN_SEGMENT_HEAD) || step.num_entries == 0) return;
    const auto carries = act.Carries();
    for (size_t i = 0; i < carries.size(); ++i) plan.ScatterCarry(carries[i], step.carries_out[i]);
  }

  static uint64_t TensorBytes(const ExpectedTensor& tensor, uint32_t type, uint32_t compute_type) {
    switch (tensor.use) {
      case Use::kVector:
        return VectorFootprint(tensor);
      case Use::kEmbedding:
        return WeightArena::Footprint(tensor.shape[0] * RowBytes(type, tensor.shape[1]));
      case Use::kMatrix:
        return WeightArena::Footprint(Matrix::PackedBytes(tensor.shape[0], tensor.shape[1], type, compute_type));
    }
    return 0;
  }

  static uint64_t WeightBytes(const skein_segment_desc& desc) {
    const uint32_t type = desc.weight_type == SKEIN_DTYPE_NONE ? uint32_t{SKEIN_DTYPE_F32} : desc.weight_type;
    uint64_t bytes = 0;
    for (const ExpectedTensor& tensor : ExpectedTensors(desc)) bytes += TensorBytes(tensor, type, desc.compute_type);
    return bytes;
  }

  static uint64_t ActivationFloats(const skein_segment_desc& desc) {
    return CheckedProduct(desc.max_tokens, ActivationFloatsPerRow<Generation>(desc.model));
  }

  const skein_host& host_;
  const skein_segment_desc desc_;
  WeightStore<Matrix> store_;
  typename Generation::template Weights<Matrix, EmbeddingRows> weights_;
  std::optional<Sealed> sealed_;
};

// A segment as `desc` describes it, which was checked. `host` outlives it. Throws RESOURCE_EXHAUSTED.
template <typename SegmentRunner>
std::unique_ptr<HostSegment> MakeSegment(const skein_host& host, const skein_segment_desc& desc) {
  return WithGeneration(desc.model.generation, [&](auto generation) -> std::unique_ptr<HostSegment> {
    return std::make_unique<GenerationSegment<SegmentRunner, decltype(generation)>>(host, desc);
  });
}

// The memory that MakeSegment's segment would take, once it is sealed.
template <typename SegmentRunner>
skein_segment_cost SegmentCost(const skein_host& host, const skein_segment_desc& desc) {
  return WithGeneration(desc.model.generation, [&](auto generation) {
    return GenerationSegment<SegmentRunner, decltype(generation)>::Cost(host, desc);
  });
}

// A Device of backend_table.h whose segments lie in host memory.
template <typename SegmentRunner>
class HostDevice {
 public:
  HostDevice(const skein_host& host, uint32_t /*index*/) : host_(host) {}

  skein_segment_cost Cost(const skein_segment_desc& desc) const { return SegmentCost<SegmentRunner>(host_, desc); }
  std::unique_ptr<HostSegment> MakeSegment(const skein_segment_desc& desc) const {
    return kit::MakeSegment<SegmentRunner>(host_, desc);
  }

 private:
  const skein_host& host_;
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_HOST_HOST_SEGMENT_H_
