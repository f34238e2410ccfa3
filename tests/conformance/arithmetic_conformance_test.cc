// The arithmetics of matrix products, as skein_segment_desc.compute_type names them. The reference backend is held to
// their definition, written here once more in float64; the other backends that were built are held to the reference.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/float64_stream.h"
#include "tests/conformance/model_conformance.h"
#include "tests/conformance/plugin_paths.h"
#include "tests/conformance/quantised_model.h"

namespace skein::conformance {
namespace {

constexpr double kUnit = 0x1p-24;  // the largest relative error of one rounding to float32

std::string TypeName(uint32_t type) {
  switch (type) {
    case SKEIN_DTYPE_NONE:
      return "Auto";
    case SKEIN_DTYPE_F32:
      return "F32";
    case SKEIN_DTYPE_F16:
      return "F16";
    case SKEIN_DTYPE_BF16:
      return "Bf16";
    case SKEIN_DTYPE_Q8:
      return "Q8";
    default:
      return "Q4";
  }
}

bool Offers(const BackendPlugin& plugin, uint32_t compute_type) {
  return compute_type == SKEIN_DTYPE_NONE || (plugin.DeviceInfo().compute_types >> compute_type & 1) != 0;
}

// Of the plugins to test, the reference backend and the others.
struct Plugins {
  std::unique_ptr<BackendPlugin> reference;
  std::vector<std::unique_ptr<BackendPlugin>> others;

  Plugins() {
    for (const std::string& path : PluginPaths()) {
      auto plugin = std::make_unique<BackendPlugin>(path);
      if (std::strcmp(plugin->DeviceInfo().name, "reference") == 0) {
        reference = std::move(plugin);
      } else {
        others.push_back(std::move(plugin));
      }
    }
  }

  std::vector<const BackendPlugin*> All() const {
    std::vector<const BackendPlugin*> all;
    if (reference != nullptr) all.push_back(reference.get());
    for (const auto& plugin : others) all.push_back(plugin.get());
    return all;
  }
};

// --- products of given inputs ---

// A head alone. Its output norm has weight 0, so that the inputs of the product are its bias, whatever comes in.
class Head {
 public:
  static constexpr uint32_t kNumOutputs = 77;

  Head(uint32_t dtype, const std::vector<float>& inputs)
      : model_(Quantised(Shape(static_cast<uint32_t>(inputs.size())), {dtype})) {
    model_.Overwrite(SKEIN_ROLE_OUTPUT_NORM_W, 0, 0, inputs.size(), 0);
    for (size_t i = 0; i < inputs.size(); ++i) model_.Overwrite(SKEIN_ROLE_OUTPUT_NORM_B, 0, i, i + 1, inputs[i]);
  }

  // [kNumOutputs][inputs]
  const std::vector<double>& weights() const { return model_.values(SKEIN_ROLE_HEAD); }

  struct Result {
    int32_t status;
    std::vector<float> outputs;  // [rows][kNumOutputs]
  };

  // Multiplies by this number of equal rows.
  Result Multiply(const BackendPlugin& plugin, uint32_t compute_type, uint32_t num_rows) const {
    const TestHost host(2);
    const Device device(plugin, host);
    skein_segment_desc desc = DescribeSegment(model_, model_.model().num_layers, 0, SKEIN_SEGMENT_HEAD);
    desc.compute_type = compute_type;
    SegmentHandle segment(device, desc);
    EXPECT_TRUE(segment.Load(TensorsOf(model_, desc))) << segment.message();

    std::vector<float> outputs(size_t{num_rows} * kNumOutputs);
    const std::vector<uint32_t> tokens(num_rows, 0);
    std::vector<float> carry(size_t{num_rows} * model_.model().d_model);
    for (size_t i = 0; i < carry.size(); ++i) carry[i] = static_cast<float>(i % 7);
    skein_step_entry entry = {};
    entry.read_slot = SKEIN_SLOT_INITIAL;
    entry.write_slot = SKEIN_SLOT_NONE;
    entry.num_tokens = num_rows;
    entry.output = SKEIN_STEP_LOGITS;
    entry.output_rows = outputs.data();
    skein_step step = {};
    step.struct_size = sizeof(step);
    step.num_tokens = num_rows;
    step.num_entries = 1;
    step.entry_size = sizeof(entry);
    step.tokens = tokens.data();
    step.entries = &entry;
    step.carries_in[SKEIN_CARRY_X] = carry.data();
    EXPECT_TRUE(segment.Step(step)) << segment.message();
    return {entry.status, std::move(outputs)};
  }

 private:
  static SyntheticShape Shape(uint32_t num_inputs) {
    return {.name = "Head",
            .generation = 4,
            .num_layers = 1,
            .d_model = num_inputs,
            .d_ffn = 16,
            .vocab_size = kNumOutputs};
  }

  SyntheticModel model_;
};

// Inputs of any size from group to group; one group of zeros; and in the first group ties, as its largest magnitude is
// 127.
std::vector<float> Inputs() {
  constexpr size_t kNumInputs = 333;
  std::vector<float> inputs(kNumInputs);
  const std::vector<uint32_t> noise = SyntheticTokens(kNumInputs, 1u << 20, 3);
  for (size_t i = 0; i < kNumInputs; ++i) {
    const auto uniform = static_cast<float>(noise[i]) / (1u << 19) - 1;
    inputs[i] = i < 64 ? static_cast<float>(i) - 31.5f
                       : uniform * std::exp2(static_cast<float>(3 * static_cast<int>(i / 64) - 8));
    if (i >= 128 && i < 256) inputs[i] = 0;
  }
  inputs[5] = -127;
  return inputs;
}

std::vector<double> RoundedToBf16(std::vector<double> values) {
  for (double& value : values) {
    int exponent = 0;
    const double fraction = std::frexp(value, &exponent);
    value = std::ldexp(std::nearbyint(std::ldexp(fraction, 8)), exponent - 8);
  }
  return values;
}

// The inputs as a product takes them with a matrix of type `dtype`.
std::vector<double> Rounded(const std::vector<float>& inputs, uint32_t dtype, uint32_t compute_type) {
  std::vector<double> rounded(inputs.begin(), inputs.end());
  if (compute_type == SKEIN_DTYPE_BF16) return RoundedToBf16(rounded);
  if (IsQuantised(compute_type) && IsQuantised(dtype)) {
    const size_t group_size = dtype == SKEIN_DTYPE_Q8 ? 128 : 64;
    for (size_t first = 0; first < inputs.size(); first += group_size) {
      const size_t end = std::min(inputs.size(), first + group_size);
      float largest = 0;
      for (size_t i = first; i < end; ++i) largest = std::max(largest, std::fabs(inputs[i]));
      const bool is_zero = largest < 0x1p-100f;
      const float inverse = 127 / largest, scale = largest / 127;
      for (size_t i = first; i < end; ++i) {
        rounded[i] = is_zero ? 0 : double{scale} * std::nearbyint(inputs[i] * inverse);
      }
    }
  }
  return rounded;
}

struct Sums {
  double sum = 0;
  double magnitudes = 0;  // the sum of |weight * input|
};

Sums Product(const Head& head, size_t output, const std::vector<double>& inputs) {
  Sums sums;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const double term = head.weights()[output * inputs.size() + i] * inputs[i];
    sums.sum += term;
    sums.magnitudes += std::fabs(term);
  }
  return sums;
}

// A type in which a matrix is put, and a compute type.
class ProductsConformance : public testing::TestWithParam<std::tuple<uint32_t, uint32_t>> {
 protected:
  uint32_t dtype() const { return std::get<0>(GetParam()); }
  uint32_t compute_type() const { return std::get<1>(GetParam()); }
  bool IsInEightBits() const { return IsQuantised(compute_type()) && IsQuantised(dtype()); }
  // The largest error of float32 sums in any order, as a share of the magnitudes: one rounding for each term. A term is
  // a group in 8 bits.
  double Tolerance(size_t num_inputs) const {
    return (IsInEightBits() ? static_cast<double>(num_inputs) / 64 + 3 : static_cast<double>(num_inputs)) * kUnit;
  }
  const Plugins plugins_;
};

TEST_P(ProductsConformance, TheReferenceMultipliesByTheDefinition) {
  if (plugins_.reference == nullptr) GTEST_SKIP() << "the reference backend is not among the plugins to test";
  ASSERT_TRUE(Offers(*plugins_.reference, compute_type()));
  const std::vector<float> inputs = Inputs();
  const std::vector<double> exact(inputs.begin(), inputs.end());
  const std::vector<double> rounded = Rounded(inputs, dtype(), compute_type());
  const Head head(dtype(), inputs);
  const auto [status, outputs] = head.Multiply(*plugins_.reference, compute_type(), 1);
  ASSERT_EQ(status, SKEIN_OK);
  double rounding = 0;
  for (size_t o = 0; o < outputs.size(); ++o) {
    const Sums expected = Product(head, o, rounded);
    EXPECT_NEAR(outputs[o], expected.sum, expected.magnitudes * Tolerance(inputs.size())) << "output " << o;
    rounding = std::max(rounding, std::fabs(expected.sum - Product(head, o, exact).sum) / expected.magnitudes);
  }
  if (rounded != exact) {
    EXPECT_GT(rounding, 8 * Tolerance(inputs.size())) << "inputs that do not show whether they were rounded";
  }
}

TEST_P(ProductsConformance, TinyInputsAreZeroInEightBitsAlone) {
  if (plugins_.reference == nullptr) GTEST_SKIP() << "the reference backend is not among the plugins to test";
  const std::vector<float> inputs(150, 0x1p-101f);
  const Head head(dtype(), inputs);
  for (const float output : head.Multiply(*plugins_.reference, compute_type(), 1).outputs) {
    EXPECT_EQ(output == 0, IsInEightBits());
  }
}

TEST_P(ProductsConformance, NoRoundingHidesAnInputThatIsNotFinite) {
  std::vector<float> inputs = Inputs();
  for (const float damage : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    inputs[300] = damage;
    const Head head(dtype(), inputs);
    for (const BackendPlugin* plugin : plugins_.All()) {
      if (!Offers(*plugin, compute_type())) continue;
      EXPECT_EQ(head.Multiply(*plugin, compute_type(), 1).status, SKEIN_DATA_LOSS) << plugin->DeviceInfo().name;
    }
  }
}

class ProductsOnTwoBackends : public ProductsConformance {
 protected:
  // The largest error of `outputs`, as rows of one product of `inputs`, in shares of what float32 sums may have.
  static double WorstError(const Head& head, const std::vector<double>& inputs, const std::vector<float>& outputs,
                           double tolerance) {
    double worst = 0;
    for (size_t o = 0; o < Head::kNumOutputs; ++o) {
      const Sums expected = Product(head, o, inputs);
      for (size_t i = o; i < outputs.size(); i += Head::kNumOutputs) {
        const double error = std::fabs(outputs[i] - expected.sum) / (expected.magnitudes * tolerance);
        if (!(error <= worst)) worst = error;  // also NaN
      }
    }
    return worst;
  }

  // Whether a step's rows are products of the inputs as they are, or rounded to bf16: 8 bits are allowed, not asked.
  static bool IsInFinerInputs(const Head& head, const std::vector<float>& inputs, const std::vector<float>& outputs) {
    const std::vector<double> exact(inputs.begin(), inputs.end());
    const double tolerance = static_cast<double>(inputs.size()) * kUnit;
    return WorstError(head, exact, outputs, tolerance) <= 1 ||
           WorstError(head, RoundedToBf16(exact), outputs, tolerance) <= 1;
  }
};

TEST_P(ProductsOnTwoBackends, AreTheSame) {
  if (plugins_.reference == nullptr || plugins_.others.empty()) GTEST_SKIP() << "no two backends to compare";
  const std::vector<float> inputs = Inputs();
  const std::vector<double> rounded = Rounded(inputs, dtype(), compute_type());
  const Head head(dtype(), inputs);
  const std::vector<float> expected = head.Multiply(*plugins_.reference, compute_type(), 1).outputs;
  for (const auto& plugin : plugins_.others) {
    if (!Offers(*plugin, compute_type())) continue;
    for (const uint32_t num_rows : {1, 3, 40}) {
      const auto [status, outputs] = head.Multiply(*plugin, compute_type(), num_rows);
      ASSERT_EQ(status, SKEIN_OK);
      if (IsInEightBits() && IsInFinerInputs(head, inputs, outputs)) continue;
      for (size_t i = 0; i < outputs.size(); ++i) {
        const size_t o = i % Head::kNumOutputs;
        ASSERT_NEAR(outputs[i], expected[o], Product(head, o, rounded).magnitudes * 2 * Tolerance(inputs.size()))
            << plugin->DeviceInfo().name << ", " << num_rows << " rows, output " << o;
      }
    }
  }
}

constexpr uint32_t kDtypes[] = {SKEIN_DTYPE_F32, SKEIN_DTYPE_F16, SKEIN_DTYPE_BF16, SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4};

std::string ProductName(const testing::TestParamInfo<ProductsConformance::ParamType>& parameter) {
  return TypeName(std::get<0>(parameter.param)) + "In" + TypeName(std::get<1>(parameter.param));
}

INSTANTIATE_TEST_SUITE_P(Types, ProductsConformance,
                         testing::Combine(testing::ValuesIn(kDtypes),
                                          testing::Values(SKEIN_DTYPE_NONE, SKEIN_DTYPE_F32, SKEIN_DTYPE_BF16,
                                                          SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4)),
                         ProductName);
INSTANTIATE_TEST_SUITE_P(Types, ProductsOnTwoBackends,
                         testing::Combine(testing::ValuesIn(kDtypes), testing::Values(SKEIN_DTYPE_NONE, SKEIN_DTYPE_F32,
                                                                                      SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4)),
                         ProductName);
// A backend may round the other weights too, when they are put.
INSTANTIATE_TEST_SUITE_P(Bf16, ProductsOnTwoBackends,
                         testing::Combine(testing::Values(SKEIN_DTYPE_BF16), testing::Values(SKEIN_DTYPE_BF16)),
                         ProductName);

// --- whole models ---

// A shape, all of whose matrices are put in the type that is also the compute type.
class ModelsOnTwoBackends : public testing::TestWithParam<std::tuple<SyntheticShape, uint32_t>> {
 protected:
  static constexpr uint32_t kNumStreams = 32;

  void SetUp() override {
    if (plugins_.reference == nullptr || plugins_.others.empty()) GTEST_SKIP() << "no two backends to compare";
  }

  uint32_t compute_type() const { return std::get<1>(GetParam()); }
  // The first token of every stream.
  std::vector<uint32_t> Tokens() const { return SyntheticTokens(kNumStreams, model_.model().vocab_size, 7); }

  std::vector<double> LogitsOn(const BackendPlugin& plugin) const {
    const TestHost host(2);
    const Device device(plugin, host);
    Pipeline pipeline(device, model_, {.cuts = {}, .compute_type = compute_type(), .max_entries = kNumStreams});
    std::vector<Entry> entries;
    for (const uint32_t token : Tokens()) {
      entries.push_back({.read_slot = SKEIN_SLOT_INITIAL, .write_slot = SKEIN_SLOT_NONE, .tokens = {token}});
    }
    EXPECT_EQ(pipeline.Step(entries), SKEIN_OK) << pipeline.message();
    std::vector<double> logits;
    for (const Entry& entry : entries) logits.insert(logits.end(), entry.rows.begin(), entry.rows.end());
    return logits;
  }

  std::vector<double> ExactLogits() const {
    std::vector<double> logits;
    for (const uint32_t token : Tokens()) {
      const auto stream = Float64Stream::Make(model_);
      stream->Feed(token);
      logits.insert(logits.end(), stream->logits().begin(), stream->logits().end());
    }
    return logits;
  }

  // The distance between the logits of each stream: the root of the sum of squares.
  static std::vector<double> Distances(const std::vector<double>& a, const std::vector<double>& b) {
    std::vector<double> distances(kNumStreams, 0);
    const size_t vocab_size = a.size() / kNumStreams;
    for (size_t i = 0; i < a.size(); ++i) distances[i / vocab_size] += (a[i] - b[i]) * (a[i] - b[i]);
    for (double& distance : distances) distance = std::sqrt(distance);
    return distances;
  }

  static double MedianShare(std::vector<double> distances, const std::vector<double>& of) {
    for (size_t i = 0; i < distances.size(); ++i) distances[i] /= of[i];
    std::sort(distances.begin(), distances.end());
    return distances[distances.size() / 2];
  }

  const Plugins plugins_;
  const SyntheticModel model_ = Quantised(std::get<0>(GetParam()), {compute_type()});
};

// Backends differ by the rounding of float32 as long as they round every input to the same code. An input in the middle
// between two codes may get either. From there on the two backends are as far apart as either is from the exact model.
// In the first tokens of small models that is rare: the median distance was at most 5e-5 of the rounding, on every tier
// of `cpu`. A backend that rounds less than to 8 bits is to be nearer to the exact model than the reference is.
TEST_P(ModelsOnTwoBackends, MostLogitsDifferByLessThanAThousandthOfWhatRoundingCosts) {
  const std::vector<double> reference = LogitsOn(*plugins_.reference);
  const std::vector<double> exact = ExactLogits();
  const std::vector<double> rounding = Distances(reference, exact);
  for (const auto& plugin : plugins_.others) {
    if (!Offers(*plugin, compute_type())) continue;
    const std::vector<double> logits = LogitsOn(*plugin);
    if (IsQuantised(compute_type()) && MedianShare(Distances(logits, exact), rounding) < 0.5) continue;
    EXPECT_LT(MedianShare(Distances(logits, reference), rounding), 1e-3) << plugin->DeviceInfo().name;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, ModelsOnTwoBackends,
                         testing::Combine(testing::ValuesIn(AllShapes()),
                                          testing::Values(SKEIN_DTYPE_BF16, SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4)),
                         [](const auto& parameter) {
                           return std::get<0>(parameter.param).name + "In" + TypeName(std::get<1>(parameter.param));
                         });

}  // namespace
}  // namespace skein::conformance
