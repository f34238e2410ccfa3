// A segment as every in-tree CPU backend runs it: collects and checks the tensors, keeps the states, turns steps into
// batches, and runs the equations of the generation on the backend's engine.
//
// An Engine is what a backend adds:
//   Matrix                                   a packed matrix; see weight_store.h
//   kWkvOrder                                how its recurrence wants the wkv state
//   Engine(host, desc)                       allocates what a step needs beside activations; throws plugin::Error
//   static ScratchBytes(host, desc)          how much that is
//   Run(batch, num_rows, page)               calls page(ops) once on every thread that takes part, with ops for this
//   batch; throws
//                                            INTERNAL if an op failed
// Ops, the type that `page` gets, has the Matrix of the engine and the Table of the kit.
#ifndef SKEIN_BACKENDS_KIT_SEGMENT_H_
#define SKEIN_BACKENDS_KIT_SEGMENT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "kit/batch_plan.h"
#include "kit/host_memory.h"
#include "kit/rwkv7.h"
#include "kit/state_slots.h"
#include "kit/weight_store.h"
#include "skein/backend.h"

namespace skein::kit {

// What an RWKV-7 segment expects to be put, in the order of the list in rwkv7_weights.h.
template <typename Matrix>
std::vector<ExpectedTensor> ExpectedRwkv7(const skein_segment_desc& desc) {
  std::vector<ExpectedTensor> expected;
  Rwkv7Weights<Matrix, Table> unbound;
  VisitRwkv7(desc, unbound, [&expected](uint32_t role, uint32_t layer, auto*& tensor, auto... shape) {
    using Tensor = std::remove_cvref_t<decltype(*tensor)>;
    const Use use =
        std::is_same_v<Tensor, float> ? Use::kVector : (std::is_same_v<Tensor, Table> ? Use::kTable : Use::kMatrix);
    expected.push_back({.role = role, .layer = layer, .use = use, .shape = {uint64_t{shape}...}});
  });
  return expected;
}

// Order: Put for every tensor, Seal, then anything. Threads: one call at a time.
template <typename Engine>
class Segment {
 public:
  using Matrix = typename Engine::Matrix;

  // `desc` was checked (segment_desc.h); `host` outlives the segment.
  Segment(const skein_host& host, const skein_segment_desc& desc)
      : host_(host), desc_(desc), store_(host, desc.compute_type, ExpectedRwkv7<Matrix>(desc), WeightBytes(desc)) {}

  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  // What a segment takes, computed from the same functions that allocate.
  static skein_segment_cost Cost(const skein_host& host, const skein_segment_desc& desc) {
    skein_segment_cost cost = {};
    cost.supported = 1;
    cost.weights_bytes = WeightBytes(desc);
    cost.slot_bytes = CheckedProduct(StateSlots::StateFloats(desc), sizeof(float));
    cost.scratch_bytes = CheckedProduct(ActivationFloats(desc), sizeof(float)) + cost.slot_bytes  // the initial state
                         + Engine::ScratchBytes(host, desc);
    return cost;
  }

  void Put(const skein_tensor& tensor) {
    if (running_) throw plugin::Error(SKEIN_FAILED_PRECONDITION, "put_tensor: the segment is sealed");
    store_.Put(tensor);
  }

  void Seal() {
    if (running_) throw plugin::Error(SKEIN_FAILED_PRECONDITION, "seal: the segment is sealed already");
    store_.Seal();
    VisitRwkv7(desc_, weights_,
               [this](uint32_t role, uint32_t layer, auto*& tensor, auto...) { store_.Bind(role, layer, tensor); });
    running_.emplace(host_, desc_);
  }

  StateSlots& slots() { return Running().slots; }

  // Runs a step to its end. Returns what there is to say about the first entry that failed, or "".
  std::string Step(const skein_step& step) {
    RunningParts& running = Running();
    running.plan.Read(step);
    const Batch& batch = running.plan.batch();
    const uint32_t num_rows = running.plan.num_rows();
    const Rwkv7Activations act =
        LayOutRwkv7(desc_.model, num_rows, static_cast<uint32_t>(batch.output_rows.size()), running.activations.data());
    if (!(desc_.flags & SKEIN_SEGMENT_EMBEDDING) && step.num_entries > 0) {
      running.plan.GatherCarry(step.carries_in[SKEIN_CARRY_X], act.x);
      running.plan.GatherCarry(step.carries_in[SKEIN_CARRY_V_FIRST], act.v_first);
    } else if (desc_.num_layers == 0) {
      std::fill_n(act.v_first.data, size_t{num_rows} * act.v_first.width, 0.0f);  // layer 0 is still to come
    }
    if (num_rows > 0) running.engine.Run(batch, num_rows, [&](auto& ops) { RunRwkv7(ops, weights_, batch, act); });
    if (!(desc_.flags & SKEIN_SEGMENT_HEAD) && step.num_entries > 0) {
      running.plan.ScatterCarry(act.x, step.carries_out[SKEIN_CARRY_X]);
      running.plan.ScatterCarry(act.v_first, step.carries_out[SKEIN_CARRY_V_FIRST]);
    }
    return running.plan.Finish(act.x, act.hidden);
  }

 private:
  // What exists once the segment is sealed.
  struct RunningParts {
    RunningParts(const skein_host& host, const skein_segment_desc& desc)
        : engine(host, desc),
          slots(host, desc, Engine::kWkvOrder),
          activations(host, ActivationFloats(desc), "activations"),
          plan(desc, slots) {}

    Engine engine;
    StateSlots slots;
    HostArray<float> activations;
    BatchPlan plan;
  };

  static uint64_t WeightBytes(const skein_segment_desc& desc) {
    const uint32_t type = desc.weight_type == SKEIN_DTYPE_NONE ? uint32_t{SKEIN_DTYPE_F32} : desc.weight_type;
    uint64_t bytes = 0;
    for (const ExpectedTensor& tensor : ExpectedRwkv7<Matrix>(desc)) {
      uint64_t size = 1;
      for (const uint64_t dim : tensor.shape) size *= dim;
      switch (tensor.use) {
        case Use::kVector:
          bytes += WeightArena::Footprint(size * sizeof(float));
          break;
        case Use::kTable:
          bytes += WeightArena::Footprint(size * FloatBytes(type));
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
    return CheckedProduct(desc.max_tokens, Rwkv7ActivationFloats(desc.model));
  }

  RunningParts& Running() {
    if (!running_) throw plugin::Error(SKEIN_FAILED_PRECONDITION, "the segment is not sealed");
    return *running_;
  }

  const skein_host& host_;
  const skein_segment_desc desc_;
  WeightStore<Matrix> store_;
  Rwkv7Weights<Matrix, Table> weights_;
  std::optional<RunningParts> running_;
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_KIT_SEGMENT_H_
