#include "cuda/kernels/norm_shift.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/backends/cuda/kernel_harness.h"

namespace skein::cuda {
namespace {

constexpr float kTolerance = 1e-5f;
constexpr uint32_t kShiftOffset = 3;  // the shift row does not begin the slot

struct ShiftShape {
  uint32_t width;
  uint32_t num_blends;
  bool keeps_rows;
  bool has_earlier = false;  // writes another shift's row too
};

// Rows of outputs for up to kMaxBlends blends.
class CaseBlends {
 public:
  CaseBlends(uint32_t num_blends, uint32_t num_rows, uint32_t width, Random& random) : num_blends_(num_blends) {
    for (uint32_t i = 0; i < kMaxBlends; ++i) {
      out_.push_back(Unwritten(num_rows, width));
      rounded_.emplace_back(size_t{num_rows} * width);
      mixes_.emplace_back(random.Floats(width));
    }
  }

  kit::Blend host(uint32_t i) { return {i < num_blends_ ? mixes_[i].host() : nullptr, out_[i].host()}; }
  kit::Blend device(uint32_t i) const { return {mixes_[i].device(), out_[i].device()}; }
  RoundedRows rounded(uint32_t i) const { return {rounded_[i].get(), Inputs::kBf16}; }
  std::string Difference() const {
    std::string fault;
    for (uint32_t i = 0; i < num_blends_; ++i) {
      fault += out_[i].Difference("blend " + std::to_string(i), kTolerance);
      if (rounded_[i].Read() != RoundedBits(out_[i].Read(), Inputs::kBf16)) fault += "the copy of a blend is another";
    }
    return fault;
  }

 private:
  uint32_t num_blends_;
  std::vector<CaseRows> out_;
  std::vector<DeviceArray<uint16_t>> rounded_;
  std::vector<CaseVector> mixes_;
};

std::string NormShiftFault(const Trial& trial, const ShiftShape& shape, const std::vector<SequenceShape>& sequences) {
  Random random(shape.width);
  const CaseBatch batch(sequences);
  const uint32_t num_rows_of_slot = shape.has_earlier ? 2 : 1;
  CaseSlots slots({.num_slots = kRaggedSlots, .num_shift_floats = kShiftOffset + num_rows_of_slot * shape.width},
                  random);
  CaseRows earlier(random.Floats(size_t{batch.num_rows()} * shape.width), batch.num_rows(), shape.width);
  CaseRows x(random.Floats(size_t{batch.num_rows()} * shape.width), batch.num_rows(), shape.width);
  const CaseNorm norm(shape.width, 1e-5f, random);
  CaseBlends blends(shape.num_blends, batch.num_rows(), shape.width, random);
  CaseRows n = Unwritten(batch.num_rows(), shape.width), n_before = Unwritten(batch.num_rows(), shape.width);

  NormShiftArguments arguments = {};
  arguments.x = x.device();
  arguments.norm = norm.device();
  arguments.state = kShiftOffset * sizeof(float);
  arguments.num_blends = shape.num_blends;
  for (uint32_t i = 0; i < shape.num_blends; ++i) {
    arguments.blends[i] = blends.device(i);
    arguments.rounded[i] = blends.rounded(i);
  }
  if (shape.keeps_rows) arguments.kept = {n.device(), n_before.device()};
  if (shape.has_earlier) {
    arguments.earlier = earlier.device();
    arguments.earlier_state = (kShiftOffset + shape.width) * sizeof(float);
  }
  std::string fault = trial.Run({x.copy(), earlier.copy()}, [&](const Queue& queue) {
    return NormShift(queue, batch.device(), slots.states(), arguments);
  });
  if (!fault.empty()) return fault;

  const kit::ShiftedRows kept = shape.keeps_rows ? kit::ShiftedRows{n.host(), n_before.host()} : kit::ShiftedRows{};
  batch.Reference(slots, 0, [&](reference::Ops& ops) {
    ops.NormShift(x.host(), norm.host(), kShiftOffset,
                  {blends.host(0), blends.host(1), blends.host(2), blends.host(3), blends.host(4), blends.host(5)},
                  kept);
  });
  for (const Sequence& sequence : batch.sequences()) {
    if (!shape.has_earlier || sequence.write_slot == kNoSlot) continue;
    const float* last = earlier.host()[sequence.first_row + sequence.num_rows - 1];
    std::copy(last, last + shape.width, slots.host(sequence.write_slot).data() + kShiftOffset + shape.width);
  }
  fault += blends.Difference() + slots.Difference(kTolerance);
  if (shape.keeps_rows) fault += n.Difference("n", kTolerance) + n_before.Difference("n'", kTolerance);
  return fault;
}

TEST(NormShiftTest, EveryWidthAndNumberOfBlendsGivesTheReferencesRows) {
  for (const ShiftShape& shape : {ShiftShape{192, 6, false}, ShiftShape{77, 1, true}, ShiftShape{5, 2, false},
                                  ShiftShape{1, 6, true}, ShiftShape{256, 0, true}, ShiftShape{600, 3, false}}) {
    SCOPED_TRACE(shape.width);
    ExpectRight([&](const Trial& trial) { return NormShiftFault(trial, shape, kRagged); });
  }
}

TEST(NormShiftTest, TheRowOfAnEarlierShiftIsWrittenToo) {
  for (const ShiftShape& shape : {ShiftShape{192, 2, false, true}, ShiftShape{77, 1, true, true}}) {
    SCOPED_TRACE(shape.width);
    const KernelCase run = [&](const Trial& trial) { return NormShiftFault(trial, shape, kRagged); };
    ExpectRight(run);
    ExpectEachBarrierIsNeeded(run, 2);
  }
}

// So few that a row is spread over several blocks.
TEST(NormShiftTest, OneRowIsSpreadOverBlocks) {
  ExpectRight([](const Trial& trial) { return NormShiftFault(trial, {1100, 6, false}, {{1, 2, 2}}); });
  ExpectRight([](const Trial& trial) { return NormShiftFault(trial, {1100, 6, false}, {{3, 2, 2}, {1, 0, 1}}); });
  // Wider than what a block keeps in registers.
  ExpectRight([](const Trial& trial) { return NormShiftFault(trial, {2200, 1, false}, {{3, 2, 2}, {1, 0, 1}}); });
}

// So many that each row has one block.
TEST(NormShiftTest, ManyRowsHaveABlockEach) {
  ExpectRight(
      [](const Trial& trial) {
        return NormShiftFault(trial, {300, 2, true}, {{40, 0, 0}, {1, 1, 2}, {70, 3, kNoSlot}});
      },
      1);
}

TEST(NormShiftTest, EachBarrierIsNeeded) {
  ExpectEachBarrierIsNeeded([](const Trial& trial) { return NormShiftFault(trial, {300, 2, false}, kRagged); }, 2);
}

TEST(NormShiftTest, IndexFaultsAreSeen) {
  const KernelCase run = [](const Trial& trial) { return NormShiftFault(trial, {256, 2, false}, kRagged); };
  ExpectIndexFaultsAreSeen(run);
  ExpectABlockTooManyIsSeen(run);
}

// A row's numbers do not depend on the number of blocks that share it.
TEST(NormShiftTest, ARowDoesNotKnowTheOthers) {
  constexpr uint32_t kWidth = 700;
  Random random(1);
  const std::vector<float> row = random.Floats(kWidth);
  const CaseNorm norm(kWidth, 1e-5f, random);
  const CaseVector mix(random.Floats(kWidth));
  const auto run = [&](uint32_t num_sequences) {
    std::vector<SequenceShape> sequences(num_sequences, SequenceShape{1, 0, kNoSlot});
    const CaseBatch batch(sequences);
    Random same(2);
    const CaseSlots slots({.num_slots = 1, .num_shift_floats = kWidth}, same);
    std::vector<float> values;
    for (uint32_t i = 0; i < num_sequences; ++i) values.insert(values.end(), row.begin(), row.end());
    const DeviceRows x(values, num_sequences, kWidth), out = Poisoned(num_sequences, kWidth);
    NormShiftArguments arguments = {};
    arguments.x = x.rows();
    arguments.norm = norm.device();
    arguments.blends[0] = {mix.device(), out.rows()};
    arguments.num_blends = 1;
    const TestQueue queue;
    EXPECT_EQ(NormShift(queue.get(), batch.device(), slots.states(), arguments), cudaSuccess);
    std::vector<float> last = out.Read();
    last.erase(last.begin(), last.end() - kWidth);
    return last;
  };
  const std::vector<float> alone = run(1);
  EXPECT_EQ(run(20), alone);
  EXPECT_EQ(run(70), alone);
}

std::string DataShiftFault(const Trial& trial, uint32_t width, uint32_t num_rows, uint32_t num_blends) {
  Random random(width);
  const CaseBatch batch({{num_rows, 0, kNoSlot}});
  CaseSlots slots({.num_slots = 1, .num_shift_floats = 1}, random);
  CaseRows n(random.Floats(size_t{num_rows} * width), num_rows, width);
  CaseRows n_before(random.Floats(size_t{num_rows} * width), num_rows, width);
  std::vector<CaseRows> m;  // outputs lie over them
  std::vector<CaseVector> mixes;
  for (uint32_t i = 0; i < num_blends; ++i) {
    m.emplace_back(random.Floats(size_t{num_rows} * width), num_rows, width);
    mixes.emplace_back(random.Floats(width));
  }
  DataShiftArguments arguments = {};
  arguments.rows = {n.device(), n_before.device()};
  arguments.num_blends = num_blends;
  std::vector<WordCopy> produced = {n.copy(), n_before.copy()};
  for (uint32_t i = 0; i < num_blends; ++i) {
    arguments.blends[i] = {mixes[i].device(), m[i].device(), m[i].device()};
    produced.push_back(m[i].copy());
  }
  std::string fault = trial.Run(produced, [&](const Queue& queue) { return DataShift(queue, arguments); });
  if (!fault.empty()) return fault;

  batch.Reference(slots, 0, [&](reference::Ops& ops) {
    for (uint32_t i = 0; i < num_blends; ++i) {
      ops.DataShift({n.host(), n_before.host()}, {{mixes[i].host(), m[i].host(), m[i].host()}});
    }
  });
  for (uint32_t i = 0; i < num_blends; ++i) fault += m[i].Difference("blend " + std::to_string(i), kTolerance);
  return fault;
}

TEST(DataShiftTest, EveryWidthGivesTheReferencesRows) {
  for (const uint32_t width : {192u, 77u, 5u, 1u, 513u})
    ExpectRight([&](const Trial& trial) { return DataShiftFault(trial, width, 7, 5); });
}

TEST(DataShiftTest, FaultsAreSeen) {
  const KernelCase run = [](const Trial& trial) { return DataShiftFault(trial, 256, 3, 5); };
  ExpectEachBarrierIsNeeded(run, 1);
  ExpectIndexFaultsAreSeen(run);
  ExpectABlockTooManyIsSeen(run);
}

std::string GatedAddFault(const Trial& trial, uint32_t width, uint32_t num_rows) {
  Random random(width);
  const CaseBatch batch({{num_rows, 0, kNoSlot}});
  CaseSlots slots({.num_slots = 1, .num_shift_floats = 1}, random);
  const size_t count = size_t{num_rows} * width;
  CaseRows x(random.Floats(count), num_rows, width);
  CaseRows gate(random.Floats(count), num_rows, width), value(random.Floats(count), num_rows, width);
  std::string fault = trial.Run({x.copy(), gate.copy(), value.copy()}, [&](const Queue& queue) {
    return GatedAdd(queue, x.device(), gate.device(), value.device());
  });
  if (!fault.empty()) return fault;

  batch.Reference(slots, 0, [&](reference::Ops& ops) { ops.GatedAdd(x.host(), gate.host(), value.host()); });
  return x.Difference("x", kTolerance);
}

TEST(GatedAddTest, EveryWidthGivesTheReferencesRows) {
  for (const uint32_t width : {192u, 77u, 5u, 1u, 513u})
    ExpectRight([&](const Trial& trial) { return GatedAddFault(trial, width, 7); });
}

// A block more than there are finds no work, which is right.
TEST(GatedAddTest, FaultsAreSeen) {
  const KernelCase run = [](const Trial& trial) { return GatedAddFault(trial, 256, 2); };
  ExpectEachBarrierIsNeeded(run, 1);
  ExpectIndexFaultsAreSeen(run);
}

}  // namespace
}  // namespace skein::cuda
