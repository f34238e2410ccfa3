// The one launch of all layers, of instrumented sources: no race is found in it, and what is left out or shifted is
// seen.
#include <cuda_fp16.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "cuda/kernels/persistent_step.h"
#include "cuda_emulator/control.h"
#include "numbers/half.h"
#include "tests/unit/backends/cuda/kernel_harness.h"
#include "tests/unit/backends/cuda/mutants.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kWidth = 192, kChannels = 84, kLayers = 2;
constexpr uint32_t kRanks[kNumRanks] = {24, 16, 8, 40};

// A model that the host makes no plan of: two layers, their states in one slot, and a row.
class Model {
 public:
  Model() {
    in_.num_layers = kLayers;
    in_.d_model = kWidth;
    in_.type = WeightType::kF16;
    in_.inputs = Inputs::kF16;
    in_.norm_epsilon = 1e-5f;
    in_.head_epsilon = 64e-5f;
    for (uint32_t m = 0; m < kNumLayerMatrices; ++m) in_.shapes[m] = ShapeOf(m);
    std::vector<PersistentLayer> layers;
    for (uint32_t l = 0; l < kLayers; ++l) layers.push_back(MakeLayer(l));
    layers_ = std::make_unique<DeviceArray<PersistentLayer>>(layers);
    in_.layers = layers_->get();
    in_.x = x_.get();
    for (float** row : {&in_.v_first, &in_.r, &in_.key, &in_.value, &in_.gated}) *row = Row(kWidth);
    in_.channel = Row(kChannels);
    for (uint32_t i = 0; i < kNumRanks; ++i) in_.ranks[i] = Row(kRanks[i]);
    in_.arrivals = arrivals_.get();
  }

  // Why the step did not end well, or "".
  std::string Run(const Trial& trial) {
    const Batch batch = {.tokens = nullptr,
                         .sequences = sequences_.get(),
                         .row_sequences = nullptr,
                         .output_rows = nullptr,
                         .num_rows = 1,
                         .num_sequences = 1,
                         .num_outputs = 0};
    const States states = {reinterpret_cast<unsigned char*>(state_.get()), kSlotFloats * sizeof(float),
                           StateType::kF32};
    uint32_t num_blocks = 0;
    EXPECT_EQ(PersistentBlocks(in_, StateType::kF32, num_blocks), cudaSuccess);
    EXPECT_EQ(num_blocks, 2u);  // the first has two heads
    const auto as_words = [](const DeviceArray<float>& array) { return reinterpret_cast<uint32_t*>(array.get()); };
    return trial.Run({{as_words(x_), as_words(x_source_), kWidth}},
                     [&](const Queue& queue) { return PersistentStep(queue, batch, states, in_, num_blocks); });
  }
  std::vector<float> Results() const {
    std::vector<float> results = x_.Read();
    const std::vector<float> state = state_.Read();
    results.insert(results.end(), state.begin(), state.end());
    return results;
  }

 private:
  static constexpr uint32_t kLayerFloats = 2 * kWidth + kWidth * kPersistentHeadSize;
  static constexpr uint32_t kSlotFloats = kLayers * kLayerFloats;

  static LayerMatrixShape ShapeOf(uint32_t matrix) {
    uint32_t rows = kWidth, columns = kWidth;
    if (matrix >= kDecayDown && matrix <= kGateDown) rows = kRanks[matrix - kDecayDown];
    if (matrix >= kDecayUp && matrix <= kGateUp) columns = kRanks[matrix - kDecayUp];
    if (matrix == kChannelKey) rows = kChannels;
    if (matrix == kChannelValue) columns = kChannels;
    return {rows, columns, (columns * 2 + 15) / 16 * 16};
  }

  const void* Matrix(const LayerMatrixShape& shape) {
    std::vector<uint16_t> halves(size_t{shape.num_rows} * shape.row_bytes / 2);
    const std::vector<float> values = random_.Floats(halves.size());
    for (size_t i = 0; i < halves.size(); ++i) {
      const bool is_padding = i % (shape.row_bytes / 2) >= shape.num_columns;
      halves[i] = is_padding ? uint16_t{0} : F32ToF16(0.1f * values[i]);
    }
    matrices_.push_back(std::make_unique<DeviceArray<uint16_t>>(halves));
    return matrices_.back()->get();
  }
  float* Vector() {
    vectors_.push_back(std::make_unique<DeviceArray<float>>(random_.Floats(kWidth)));
    return vectors_.back()->get();
  }
  // That nobody has written.
  float* Row(uint32_t width) {
    vectors_.push_back(std::make_unique<DeviceArray<float>>(size_t{width}));
    return vectors_.back()->get();
  }

  PersistentLayer MakeLayer(uint32_t index) {
    PersistentLayer layer = {};
    for (uint32_t m = 0; m < kNumLayerMatrices; ++m) {
      const bool is_missing = index == 0 && (m == kValueDown || m == kValueUp);
      if (!is_missing) layer.matrices[m] = Matrix(in_.shapes[m]);
    }
    for (const float*& mix : layer.mixes) mix = Vector();
    for (const float** vector : {&layer.time_weight, &layer.time_bias, &layer.decay_bias, &layer.rate_bias,
                                 &layer.key_k, &layer.key_a, &layer.value_bias, &layer.bonus, &layer.head_weight,
                                 &layer.head_bias, &layer.channel_weight, &layer.channel_bias, &layer.channel_mix}) {
      *vector = Vector();
    }
    const size_t begin = size_t{index} * kLayerFloats;
    layer.time_shift = begin * sizeof(float);
    layer.channel_shift = (begin + kWidth) * sizeof(float);
    layer.wkv = (begin + size_t{2} * kWidth) * sizeof(float);
    return layer;
  }

  Random random_{7};
  std::vector<std::unique_ptr<DeviceArray<uint16_t>>> matrices_;
  std::vector<std::unique_ptr<DeviceArray<float>>> vectors_;
  std::unique_ptr<DeviceArray<PersistentLayer>> layers_;
  const DeviceArray<float> x_source_{random_.Floats(kWidth)}, state_{random_.Floats(kSlotFloats)};
  const DeviceArray<float> x_{size_t{kWidth}};
  const DeviceArray<Sequence> sequences_{std::vector<Sequence>{{0, 1, 0, 0}}};
  const DeviceArray<unsigned long long> arrivals_{std::vector<unsigned long long>(1, 0)};  // NOLINT
  PersistentArguments in_ = {};
};

void OnTwoMultiprocessors() {
  emulator::Options options = emulator::CurrentOptions();
  options.num_multiprocessors = 2;
  emulator::Configure(options);
}

// What two steps of a right kernel give, the second with a count of arrivals that goes on.
const std::vector<float>& Expected() {
  static const std::vector<float> expected = [] {
    const emulator::Options options = emulator::CurrentOptions();
    OnTwoMultiprocessors();
    std::vector<float> results;
    {
      Model model;
      EXPECT_EQ(model.Run({}), "");
      EXPECT_EQ(model.Run({}), "");
      results = model.Results();
    }
    emulator::Configure(options);
    return results;
  }();
  return expected;
}

std::string TwoSteps(const Trial& trial) {
  Expected();
  OnTwoMultiprocessors();
  Model model;
  for (int i = 0; i < 2; ++i) {
    std::string fault = model.Run(trial);
    if (!fault.empty()) return fault;
  }
  const std::vector<float> results = model.Results();
  return std::memcmp(results.data(), Expected().data(), results.size() * sizeof(float)) == 0 ? "" : "other results";
}

TEST(PersistentFaults, ARightKernelIsNotAccused) { ExpectRight(TwoSteps); }

// Two of the grid's barrier, which has a release and an acquire beside, and that of the weights' copies; those of a sum
// over the block; those of inputs, norms and heads.
TEST(PersistentFaults, EachBarrierIsNeeded) { ExpectEachBarrierIsNeeded(TwoSteps, 16); }

TEST(PersistentFaults, EachStageWaitsForTheOneBefore) {
  constexpr int kBarriers = 5 * kLayers - 1;
  for (int number = 0; number < kBarriers; ++number) {
    const KernelCase run = [&](const Trial&) {
      Expected();
      OnTwoMultiprocessors();
      Model model;
      emulator::LeaveOutRelease(number);
      return model.Run({});
    };
    EXPECT_TRUE(IsCaught(run, {})) << "barrier " << number;
  }
}

TEST(PersistentFaults, IndexFaultsAreSeen) { ExpectIndexFaultsAreSeen(TwoSteps); }

}  // namespace
}  // namespace skein::cuda
