// The recurrences of every generation, against the reference's ops.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cuda/kernels/wkv4.h"
#include "cuda/kernels/wkv5.h"
#include "cuda/kernels/wkv7.h"
#include "tests/unit/backends/cuda/kernel_harness.h"

namespace skein::cuda {
namespace {

constexpr float kTolerance = 2e-5f;

// Chunks::kRounded has factors with errors of 2^-11, which a norm of heads magnifies.
float ToleranceOf(Chunks chunks) { return chunks == Chunks::kRounded ? 1e-2f : kTolerance; }

// --- RWKV-4 ---

std::string Wkv4Fault(const Trial& trial, uint32_t width, const std::vector<SequenceShape>& sequences) {
  Random random(width);
  const CaseBatch batch(sequences);
  const uint32_t rows = batch.num_rows();
  CaseSlots slots({.num_slots = kRaggedSlots, .num_shift_floats = 2 + 3 * width}, random);
  for (uint32_t slot = 0; slot < kRaggedSlots; ++slot) {
    for (uint32_t c = 0; c < width; ++c) {
      float* sums = slots.host(slot).data() + 2 + c;
      sums[width] = std::abs(sums[width]) + 0.1f;  // b is a sum of exponentials
      // The initial state has sums of nothing.
      if (slot == kRaggedSlots - 1) sums[0] = sums[width] = 0, sums[2 * width] = -1e30f;
    }
  }
  slots.Upload();
  const auto values = [&] { return random.Floats(size_t{rows} * width); };
  CaseRows r(values(), rows, width), k(values(), rows, width), v(values(), rows, width), y = Unwritten(rows, width);
  std::vector<float> decays = random.Floats(width);
  for (float& decay : decays) decay = -std::exp(decay);
  const CaseVector decay(decays), bonus(random.Floats(width));

  const kit::Wkv4Inputs on_device = {r.device(), k.device(), v.device(), decay.device(), bonus.device()};
  std::string fault = trial.Run({r.copy(), k.copy(), v.copy()}, [&](const Queue& queue) {
    return Wkv4(queue, batch.device(), slots.states(), on_device, 2 * sizeof(float), y.device());
  });
  if (!fault.empty()) return fault;

  batch.Reference(slots, 0, [&](reference::Ops& ops) {
    ops.Wkv4({r.host(), k.host(), v.host(), decay.host(), bonus.host()}, 2, y.host());
  });
  return y.Difference("y", kTolerance) + slots.Difference(kTolerance);
}

TEST(Wkv4Test, EveryWidthGivesTheReferencesRowsAndStates) {
  for (const uint32_t width : {192u, 77u, 5u, 1u})
    ExpectRight([&](const Trial& trial) { return Wkv4Fault(trial, width, kRagged); });
}

TEST(Wkv4Test, FaultsAreSeen) {
  const KernelCase run = [](const Trial& trial) { return Wkv4Fault(trial, 128, kRagged); };
  ExpectEachBarrierIsNeeded(run, 1);
  ExpectIndexFaultsAreSeen(run);
  ExpectABlockTooManyIsSeen(run);
}

// --- heads ---

struct HeadShape {
  uint32_t num_heads;
  uint32_t head_size;
  StateType state_type = StateType::kF32;
  // Floats before the wkv matrices: not a multiple of four, and the matrices do not lie at multiples of 16 bytes.
  uint32_t num_shift_floats = 4;
};

SlotShape SlotsOf(const HeadShape& shape) {
  return {.num_slots = kRaggedSlots,
          .num_shift_floats = shape.num_shift_floats,
          .num_wkv = shape.num_heads * shape.head_size * shape.head_size,
          .wkv_type = shape.state_type};
}

// The kernels of heads have one path for 64 and one for every size.
const std::vector<HeadShape> kHeadShapes = {{2, 64},
                                            {3, 64, StateType::kF16},
                                            {1, 64, StateType::kF32, 5},
                                            {1, 64, StateType::kF16, 2},
                                            {2, 32},
                                            {3, 5},
                                            {7, 1},
                                            {2, 33, StateType::kF16, 1},
                                            {1, 77},
                                            {1, 100, StateType::kF16}};

// Tails of everything that the kernels take 32, 8 or 4 at a time, beyond 100.
const std::vector<HeadShape> kLargeHeads = {{2, 101},
                                            {1, 127, StateType::kF16, 3},
                                            {1, 128},
                                            {1, 129},
                                            {1, 160, StateType::kF16},
                                            {1, 163},
                                            {1, 191, StateType::kF32, 1},
                                            {1, 192},
                                            {1, 193},
                                            {1, 222, StateType::kF16},
                                            {1, 224},
                                            {1, 225},
                                            {1, 252},
                                            {1, 255, StateType::kF16, 1},
                                            {1, 256}};
const std::vector<SequenceShape> kFewSequences = {{6, 1, 1}, {1, 2, 0}, {2, 6, kNoSlot}};

std::string NameOf(const HeadShape& shape) {
  return std::to_string(shape.num_heads) + " heads of " + std::to_string(shape.head_size) +
         (shape.state_type == StateType::kF16 ? ", f16" : ", f32") + ", after " +
         std::to_string(shape.num_shift_floats) + " floats";
}

// --- RWKV-5 and 6 ---

enum class Variant { kNoGate, kFixedDecay, kDataDecay, kMadeDecay };  // RWKV-5.0, 5.2, and 6 in two ways

// Shares of the state that stay, in (0, 1).
std::vector<float> Shares(std::vector<float> numbers) {
  for (float& number : numbers) number = 1 / (1 + std::exp(-number));
  return numbers;
}

// A low-rank product that the kernel makes its decays with.
struct DecayProduct {
  WeightType type = WeightType::kF16;
  uint32_t rank = 20;
  Inputs inputs = Inputs::kF32;
};

std::string Wkv5Fault(const Trial& trial, const HeadShape& shape, Variant variant,
                      const std::vector<SequenceShape>& sequences, const DecayProduct& product = {},
                      Chunks chunks = Chunks::kNone) {
  const uint32_t width = shape.num_heads * shape.head_size;
  Random random(width);
  const CaseBatch batch(sequences);
  const uint32_t rows = batch.num_rows();
  CaseSlots slots(SlotsOf(shape), random);
  const auto values = [&] { return random.Floats(size_t{rows} * width); };
  CaseRows r(values(), rows, width), k(values(), rows, width), v(values(), rows, width), g(values(), rows, width);
  CaseRows decay(values(), rows, width), y = Unwritten(rows, width), out = Unwritten(rows, width);
  const CaseVector bonus(random.Floats(width)), shares(Shares(random.Floats(width))), bias(random.Floats(width));
  const CaseNorm norm(width, 64e-5f, random);

  const Weights decay_weight(product.type, width, product.rank, random);
  CaseRows decay_rank(random.Floats(size_t{rows} * product.rank), rows, product.rank);

  Wkv5Arguments in = {};
  in.r = r.device(), in.k = k.device(), in.v = v.device(), in.out = out.device();
  in.bonus = bonus.device(), in.norm = norm.device();
  if (variant == Variant::kDataDecay) in.decay_rows = decay.device(), in.decay_bias = bias.device();
  if (variant == Variant::kMadeDecay) {
    in.decay_rank = decay_rank.device(), in.decay_weight = decay_weight.view(), in.decay_inputs = product.inputs;
    in.decay_bias = bias.device();
    for (uint32_t i = 0; i < rows * width; ++i) {
      decay.host().data[i] = static_cast<float>(
          ExpectedOutput(decay_weight, decay_rank.values(), i / width, i % width, product.inputs, kit::Then::kStore, 0)
              .value);
    }
  }
  if (variant == Variant::kNoGate || variant == Variant::kFixedDecay) in.decay = shares.device();
  if (variant != Variant::kNoGate) in.g = g.device();
  in.head_size = shape.head_size;
  in.state = slots.wkv_offset();
  in.chunks = chunks;
  std::string fault = trial.Run({r.copy(), k.copy(), v.copy(), g.copy(), decay.copy(), decay_rank.copy()},
                                [&](const Queue& queue) { return Wkv5(queue, batch.device(), slots.states(), in); });
  if (!fault.empty()) return fault;

  batch.Reference(slots, shape.head_size, [&](reference::Ops& ops) {
    kit::Wkv5Inputs inputs = {r.host(), k.host(), v.host(), shares.host(), 0, bonus.host()};
    if (variant == Variant::kDataDecay || variant == Variant::kMadeDecay) {
      ops.Decay6(decay.host(), bias.host(), decay.host());
      inputs.w = decay.host().data, inputs.w_stride = width;
    }
    ops.Wkv5(inputs, shape.num_shift_floats, y.host());
    ops.NormGate(y.host(), norm.host(), variant == Variant::kNoGate ? kit::Rows{} : g.host(), out.host());
  });
  return out.Difference("out", ToleranceOf(chunks)) + slots.Difference(ToleranceOf(chunks));
}

TEST(Wkv5Test, EveryHeadSizeAndStateTypeGivesTheReferencesRowsAndStates) {
  for (const HeadShape& shape : kHeadShapes) {
    SCOPED_TRACE(NameOf(shape));
    ExpectRight([&](const Trial& trial) { return Wkv5Fault(trial, shape, Variant::kDataDecay, kRagged); }, 2);
  }
}

TEST(Wkv5Test, LargeHeadsGiveTheReferencesRowsAndStates) {
  for (const HeadShape& shape : kLargeHeads) {
    SCOPED_TRACE(NameOf(shape));
    for (const Variant variant : {Variant::kDataDecay, Variant::kMadeDecay}) {
      ExpectRight([&](const Trial& trial) { return Wkv5Fault(trial, shape, variant, kFewSequences); }, 1);
    }
  }
}

TEST(Wkv5Test, EveryVariantGivesTheReferencesRowsAndStates) {
  for (const Variant variant : {Variant::kNoGate, Variant::kFixedDecay, Variant::kDataDecay, Variant::kMadeDecay}) {
    for (const HeadShape& shape : {HeadShape{2, 64}, HeadShape{2, 16}}) {
      SCOPED_TRACE(NameOf(shape));
      ExpectRight([&](const Trial& trial) { return Wkv5Fault(trial, shape, variant, kRagged); });
    }
  }
}

// Ranks below a vector of weights, of several, and of more than a warp has lanes.
TEST(Wkv5Test, DecaysAreMadeFromEveryTypeAndRank) {
  for (const WeightType type : kWeightTypes) {
    for (const uint32_t rank : {1u, 24u, 64u, 140u}) {
      SCOPED_TRACE(NameOf(type) + ", rank " + std::to_string(rank));
      for (const HeadShape& shape : {HeadShape{2, 64}, HeadShape{3, 21}}) {
        const KernelCase run = [&](const Trial& trial) {
          return Wkv5Fault(trial, shape, Variant::kMadeDecay, {{9, 1, 1}, {1, 2, 0}}, {type, rank, Inputs::kF16});
        };
        ExpectRight(run, 1);
      }
    }
  }
}

// Chunks that are full and one that is not, beside sequences that go row by row.
const std::vector<SequenceShape> kMixedLengths = {{1, 6, 3}, {64, 1, 1}, {63, 2, 2}, {75, 6, kNoSlot}, {5, 6, 0}};

TEST(Wkv5Test, LongSequencesGoByChunks) {
  for (const HeadShape& shape : {HeadShape{2, 64}, HeadShape{1, 64, StateType::kF16}, HeadShape{2, 32}}) {
    for (const Variant variant : {Variant::kNoGate, Variant::kFixedDecay, Variant::kDataDecay}) {
      for (const Chunks chunks : {Chunks::kExact, Chunks::kRounded}) {
        SCOPED_TRACE(NameOf(shape) + (chunks == Chunks::kExact ? ", exact" : ", rounded"));
        ExpectRight([&](const Trial& trial) { return Wkv5Fault(trial, shape, variant, kMixedLengths, {}, chunks); }, 1);
      }
    }
  }
}

TEST(Wkv5Test, ALongSequenceAloneGoesByChunks) {
  ExpectRight([](const Trial& trial) {
    return Wkv5Fault(trial, {2, 64}, Variant::kDataDecay, {{81, 1, 1}}, {}, Chunks::kExact);
  });
}

TEST(Wkv5Test, FaultsOfChunksAreSeen) {
  for (const StateType type : {StateType::kF32, StateType::kF16}) {
    const KernelCase run = [&](const Trial& trial) {
      return Wkv5Fault(trial, {2, 64, type}, Variant::kDataDecay, {{70, 1, 1}}, {}, Chunks::kExact);
    };
    ExpectEachBarrierIsNeeded(run, 4);
    ExpectIndexFaultsAreSeen(run);
    ExpectABlockTooManyIsSeen(run);
  }
}

TEST(Wkv5Test, ChunksTakeNoDecaysThatHeadsMake) {
  Wkv5Arguments in = {};
  in.chunks = Chunks::kExact;
  EXPECT_EQ(Wkv5({}, {}, {}, in), cudaErrorInvalidValue);
}

TEST(Wkv5Test, FaultsOfMadeDecaysAreSeen) {
  for (const HeadShape& shape : {HeadShape{2, 64}, HeadShape{2, 40}}) {
    SCOPED_TRACE(NameOf(shape));
    const KernelCase run = [&](const Trial& trial) {
      return Wkv5Fault(trial, shape, Variant::kMadeDecay, {{9, 1, 1}, {1, 2, 0}});
    };
    ExpectEachBarrierIsNeeded(run, 4);
    ExpectIndexFaultsAreSeen(run);
  }
}

TEST(Wkv5Test, FaultsAreSeen) {
  for (const HeadShape& shape : {HeadShape{2, 64}, HeadShape{2, 64, StateType::kF16}, HeadShape{2, 40}}) {
    SCOPED_TRACE(NameOf(shape));
    const KernelCase run = [&](const Trial& trial) {
      return Wkv5Fault(trial, shape, Variant::kDataDecay, {{9, 1, 1}, {1, 2, 0}});
    };
    ExpectEachBarrierIsNeeded(run, 3);
    ExpectIndexFaultsAreSeen(run);
    ExpectABlockTooManyIsSeen(run);
  }
}

// --- RWKV-7 ---

std::string Wkv7Fault(const Trial& trial, const HeadShape& shape, bool has_v_first,
                      const std::vector<SequenceShape>& sequences, Chunks chunks = Chunks::kNone) {
  const uint32_t width = shape.num_heads * shape.head_size;
  Random random(width);
  const CaseBatch batch(sequences);
  const uint32_t rows = batch.num_rows();
  CaseSlots slots(SlotsOf(shape), random);
  std::vector<CaseRows> inputs;  // r, decay, key, rate, value, v_first, value_gate, g
  std::vector<WordCopy> produced;
  for (int i = 0; i < 8; ++i) {
    inputs.emplace_back(random.Floats(size_t{rows} * width), rows, width);
    produced.push_back(inputs.back().copy());
  }
  std::vector<CaseVector> vectors;  // decay_bias, rate_bias, key_k, key_a, value_bias, bonus
  for (int i = 0; i < 6; ++i) vectors.emplace_back(random.Floats(width));
  const CaseNorm norm(width, 64e-5f, random);
  CaseRows out = Unwritten(rows, width);

  Wkv7Arguments in = {};
  in.r = inputs[0].device(), in.decay = inputs[1].device(), in.decay_bias = vectors[0].device();
  in.keys = {inputs[2].device(), inputs[3].device(), vectors[1].device(), vectors[2].device(), vectors[3].device()};
  in.value = inputs[4].device(), in.g = inputs[7].device(), in.out = out.device();
  if (has_v_first) {
    in.v_first = inputs[5].device(), in.value_gate = inputs[6].device(), in.value_bias = vectors[4].device();
  }
  in.norm = norm.device(), in.bonus = vectors[5].device();
  in.head_size = shape.head_size, in.state = slots.wkv_offset(), in.chunks = chunks;
  const DeviceArray<uint16_t> rounded(size_t{rows} * width);
  in.rounded = {rounded.get(), Inputs::kF16};
  std::string fault =
      trial.Run(produced, [&](const Queue& queue) { return Wkv7(queue, batch.device(), slots.states(), in); });
  if (!fault.empty()) return fault;

  batch.Reference(slots, shape.head_size, [&](reference::Ops& ops) {
    CaseRows kk = Unwritten(rows, width), y = Unwritten(rows, width);
    const kit::Rows r = inputs[0].host(), w = inputs[1].host(), k = inputs[2].host(), b = inputs[3].host();
    const kit::Rows v = inputs[4].host(), g = inputs[7].host();
    ops.Decay7(w, vectors[0].host(), w);
    ops.Keys({k, b, vectors[1].host(), vectors[2].host(), vectors[3].host()}, {k, kk.host(), b});
    if (has_v_first) ops.ValueResidual({v, inputs[5].host(), inputs[6].host(), vectors[4].host()}, v);
    const kit::Wkv7Inputs wkv = {r, w, k, v, kk.host(), b};
    ops.Wkv7(wkv, shape.num_shift_floats, y.host());
    ops.NormBonusGate(y.host(), norm.host(), wkv, vectors[5].host(), g, out.host());
  });
  if (rounded.Read() != RoundedBits(out.Read(), Inputs::kF16)) fault += "another copy";
  return fault + out.Difference("out", ToleranceOf(chunks)) + slots.Difference(ToleranceOf(chunks));
}

TEST(Wkv7Test, EveryHeadSizeAndStateTypeGivesTheReferencesRowsAndStates) {
  for (const HeadShape& shape : kHeadShapes) {
    SCOPED_TRACE(NameOf(shape));
    ExpectRight([&](const Trial& trial) { return Wkv7Fault(trial, shape, true, kRagged); }, 2);
  }
}

TEST(Wkv7Test, LargeHeadsGiveTheReferencesRowsAndStates) {
  for (const HeadShape& shape : kLargeHeads) {
    SCOPED_TRACE(NameOf(shape));
    ExpectRight([&](const Trial& trial) { return Wkv7Fault(trial, shape, true, kFewSequences); }, 1);
  }
}

TEST(Wkv7Test, TheFirstLayerHasNoValueResidual) {
  for (const HeadShape& shape : {HeadShape{2, 64}, HeadShape{2, 16}}) {
    SCOPED_TRACE(NameOf(shape));
    ExpectRight([&](const Trial& trial) { return Wkv7Fault(trial, shape, false, kRagged); });
  }
}

// As in a step that decodes, which has a kernel of its own.
const std::vector<SequenceShape> kOneRowEach = {{1, 6, 3}, {1, 1, 1}, {1, 2, 2}, {1, 6, kNoSlot}, {1, 6, 0}};

TEST(Wkv7Test, SequencesOfOneRowGiveTheReferencesRowsAndStates) {
  for (const StateType type : {StateType::kF32, StateType::kF16}) {
    for (const bool has_v_first : {false, true}) {
      ExpectRight([&](const Trial& trial) { return Wkv7Fault(trial, {3, 64, type}, has_v_first, kOneRowEach); });
    }
  }
}

TEST(Wkv7Test, FaultsOfOneRowAreSeen) {
  for (const StateType type : {StateType::kF32, StateType::kF16}) {
    const KernelCase run = [&](const Trial& trial) { return Wkv7Fault(trial, {2, 64, type}, true, kOneRowEach); };
    ExpectEachBarrierIsNeeded(run, 4);
    ExpectIndexFaultsAreSeen(run);
    ExpectABlockTooManyIsSeen(run);
  }
}

TEST(Wkv7Test, LongSequencesGoByChunks) {
  for (const HeadShape& shape : {HeadShape{2, 64}, HeadShape{1, 64, StateType::kF16}, HeadShape{2, 32}}) {
    for (const bool has_v_first : {false, true}) {
      for (const Chunks chunks : {Chunks::kExact, Chunks::kRounded}) {
        SCOPED_TRACE(NameOf(shape) + (chunks == Chunks::kExact ? ", exact" : ", rounded"));
        ExpectRight([&](const Trial& trial) { return Wkv7Fault(trial, shape, has_v_first, kMixedLengths, chunks); }, 1);
      }
    }
  }
}

TEST(Wkv7Test, ALongSequenceAloneGoesByChunks) {
  ExpectRight([](const Trial& trial) { return Wkv7Fault(trial, {2, 64}, true, {{81, 1, 1}}, Chunks::kExact); });
}

TEST(Wkv7Test, FaultsOfChunksAreSeen) {
  for (const StateType type : {StateType::kF32, StateType::kF16}) {
    const KernelCase run = [&](const Trial& trial) {
      return Wkv7Fault(trial, {2, 64, type}, true, {{70, 1, 1}}, Chunks::kExact);
    };
    ExpectEachBarrierIsNeeded(run, 5);
    ExpectIndexFaultsAreSeen(run);
    ExpectABlockTooManyIsSeen(run);
  }
}

TEST(Wkv7Test, FaultsAreSeen) {
  for (const HeadShape& shape : {HeadShape{2, 64}, HeadShape{2, 64, StateType::kF16}, HeadShape{2, 40}}) {
    SCOPED_TRACE(NameOf(shape));
    const KernelCase run = [&](const Trial& trial) { return Wkv7Fault(trial, shape, true, {{9, 1, 1}, {1, 2, 0}}); };
    ExpectEachBarrierIsNeeded(run, shape.head_size == 64 ? 4 : 3);
    ExpectIndexFaultsAreSeen(run);
    ExpectABlockTooManyIsSeen(run);
  }
}

}  // namespace
}  // namespace skein::cuda
