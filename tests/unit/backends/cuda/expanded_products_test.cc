#include "cuda/expanded_products.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "cuda/cuda_stream.h"
#include "cuda/devices.h"
#include "cuda/matrix_form.h"
#include "cuda_emulator/control.h"
#include "numbers/half.h"
#include "skein/dtype.h"
#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/quantise.h"
#include "tests/conformance/synthetic_model.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kInputs = 96, kOutputs = 64, kRows = 70;

// A product of kQ8 with its rows in the device's memory.
class ProductRows {
 public:
  ProductRows()
      : weights_(Random(1, kOutputs * kInputs)), in_values_(Random(2, kRows * kInputs)), in_(0, kRows * kInputs, "in") {
    const std::vector<uint8_t> packed = conformance::QuantiseRows(SKEIN_DTYPE_Q8, weights_, kInputs);
    const kit::TensorView view = {
        .dtype = SKEIN_DTYPE_Q8, .num_rows = kOutputs, .num_columns = kInputs, .data = packed.data()};
    const MatrixForm form = FormOf(SKEIN_DTYPE_Q8, kOutputs, kInputs);
    std::vector<unsigned char> codes(form.data_bytes()), scales(form.scale_bytes());
    for (uint32_t row = 0; row < kOutputs; ++row) {
      PackRow(view, form, row, codes.data() + row * form.row_bytes);
      PackScales(view, form, row, scales.data() + row * form.groups_per_row * sizeof(uint16_t));
      view.Expand(row, 0, kInputs, weights_.data() + row * kInputs);
    }
    for (float& x : in_values_) x = Bf16ToF32(F32ToBf16(x));
    Write(codes_.data(), codes.data(), codes.size());
    Write(scales_.data(), scales.data(), scales.size());
    Write(in_.data(), in_values_.data(), in_values_.size() * sizeof(float));
    weight_ = {.type = form.type,
               .num_rows = kOutputs,
               .num_columns = kInputs,
               .row_bytes = form.row_bytes,
               .data = codes_.data(),
               .scales = reinterpret_cast<const __half*>(scales_.data()),
               .groups_per_row = form.groups_per_row};
  }

  Queue queue() const { return {.stream = stream_.get()}; }
  DeviceProduct product() const {
    return {weight_, {in_.data(), kRows, kInputs}, {out_.data(), kRows, kOutputs}, kit::Then::kStore};
  }
  // How far the outputs are from the exact ones, as a share of the sum of their products' magnitudes.
  double Error() const {
    EXPECT_EQ(cudaStreamSynchronize(stream_.get()), cudaSuccess);
    std::vector<float> out(kRows * kOutputs);
    EXPECT_EQ(cudaMemcpy(out.data(), out_.data(), out.size() * sizeof(float), cudaMemcpyDeviceToHost), cudaSuccess);
    double most = 0;
    for (uint32_t i = 0; i < out.size(); ++i) {
      double sum = 0, magnitude = 0;
      for (uint32_t c = 0; c < kInputs; ++c) {
        const double product = double{weights_[i % kOutputs * kInputs + c]} * in_values_[i / kOutputs * kInputs + c];
        sum += product;
        magnitude += std::abs(product);
      }
      most = std::max(most, std::abs(out[i] - sum) / magnitude);
    }
    return most;
  }

 private:
  static std::vector<float> Random(uint32_t seed, size_t count) {
    std::mt19937 engine(seed);
    std::normal_distribution<float> normal;
    std::vector<float> values(count);
    for (float& value : values) value = normal(engine);
    return values;
  }
  static void Write(void* to, const void* from, size_t bytes) {
    EXPECT_EQ(cudaMemcpy(to, from, bytes, cudaMemcpyHostToDevice), cudaSuccess);
  }

  const CudaStream stream_{0};
  std::vector<float> weights_;
  std::vector<float> in_values_;
  const DeviceArray<float> in_;
  const DeviceArray<float> out_{0, kRows* kOutputs, "out"};
  const DeviceArray<unsigned char> codes_{0, FormOf(SKEIN_DTYPE_Q8, kOutputs, kInputs).data_bytes(), "codes"};
  const DeviceArray<unsigned char> scales_{0, FormOf(SKEIN_DTYPE_Q8, kOutputs, kInputs).scale_bytes(), "scales"};
  MatrixView weight_ = {};
};

// A segment with a value matrix of kInputs and kOutputs, and a folder for the file.
class ExpandedProductsTest : public testing::Test {
 protected:
  ExpandedProductsTest() {
    std::filesystem::remove_all(folder_);
    setenv("XDG_CACHE_HOME", folder_.c_str(), 1);
    emulator::Configure({});
  }
  ~ExpandedProductsTest() override {
    std::filesystem::remove_all(folder_);
    unsetenv("XDG_CACHE_HOME");
  }

  static skein_segment_desc Desc(uint32_t type = SKEIN_DTYPE_Q8) {
    const conformance::SyntheticModel model(
        {.name = "Small", .generation = 4, .num_layers = 1, .d_model = kOutputs, .d_ffn = kInputs, .vocab_size = 77});
    skein_segment_desc desc = conformance::DescribeSegment(model, 0, 1, 0);
    desc.compute_type = desc.weight_type = type;
    desc.max_tokens = kRows;
    return desc;
  }

  std::string file() const { return AlgorithmFilePath(CurrentDeviceModel(), 0); }
  // As a file from an earlier start says.
  void Keep(CodePath path) const { ASSERT_TRUE(AddToAlgorithmFile(file(), {{kShape, AlgorithmOf(path)}})); }

  static constexpr ProductShape kShape = {static_cast<uint32_t>(WeightType::kQ8), kOutputs, kInputs, 128};
  const std::string folder_ =
      testing::TempDir() + "expanded_products_test_" + testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(ExpandedProductsTest, TheFileSaysWhichWayAProductGoes) {
  const ProductRows rows;
  for (const CodePath path : {CodePath::kCodes, CodePath::kExpandedTiles}) {
    Keep(path);
    const ExpandedProducts products(0, Desc(), nullptr);
    EXPECT_EQ(products.IsFaster(rows.product().weight, 65), path == CodePath::kExpandedTiles);
    EXPECT_FALSE(products.IsFaster(rows.product().weight, 64)) << "few rows are bound by the bytes of the weights";
    EXPECT_FALSE(products.IsFaster(rows.product().weight, 129)) << "nobody has timed so many rows";
  }
}

TEST_F(ExpandedProductsTest, AnExpandedProductGivesTheSumsOfRoundedWeights) {
  const ProductRows rows;
  // A library that was there when the file was written may be gone.
  for (const CodePath path : {CodePath::kExpandedTiles, CodePath::kExpandedLibrary}) {
    Keep(path);
    ExpandedProducts products(0, Desc(), nullptr);
    bool by_library = true;
    ASSERT_EQ(products.Multiply(rows.queue(), rows.product(), kRows, by_library), cudaSuccess);
    EXPECT_FALSE(by_library);
    EXPECT_LT(rows.Error(), 0x1p-8);
    EXPECT_GT(rows.Error(), 0x1p-16) << "the codes were multiplied as they are";
  }
}

TEST_F(ExpandedProductsTest, AChoiceIsTimedOnce) {
  const ProductRows rows;
  const DeviceProduct product = rows.product();
  const auto launches_of_choice = [&] {
    ExpandedProducts products(0, Desc(), nullptr);
    const uint64_t before = emulator::CurrentCounters().num_launches;
    products.Choose(rows.queue(), product.weight, kRows, product.in.data, product.out.data);
    products.Keep();
    return emulator::CurrentCounters().num_launches - before;
  };
  EXPECT_GT(launches_of_choice(), 0u);
  const Algorithms kept = ReadAlgorithmFile(file());
  ASSERT_EQ(kept.size(), 1u);
  EXPECT_EQ(kept.begin()->first, kShape);
  // There is no library.
  EXPECT_TRUE(kept.begin()->second == AlgorithmOf(CodePath::kCodes) ||
              kept.begin()->second == AlgorithmOf(CodePath::kExpandedTiles));
  EXPECT_EQ(launches_of_choice(), 0u);
  // Of other kernels.
  ASSERT_TRUE(AddToAlgorithmFile(file(), {{kShape, Algorithm{1, 77}}}));
  EXPECT_GT(launches_of_choice(), 0u);
}

TEST_F(ExpandedProductsTest, MatricesWithoutRoomStayCodes) {
  const ProductRows rows;
  Keep(CodePath::kExpandedTiles);
  for (const uint32_t type : {SKEIN_DTYPE_F32, SKEIN_DTYPE_F16}) {
    EXPECT_EQ(ExpandedProducts::Bytes(Desc(type)), 0u);
    EXPECT_FALSE(ExpandedProducts(0, Desc(type), nullptr).IsFaster(rows.product().weight, kRows));
  }
  // Whole vectors of 16 bytes of codes: 64 outputs of 96 inputs.
  EXPECT_EQ(ExpandedProducts::Bytes(Desc()), 64u * 96 * 2);
}

}  // namespace
}  // namespace skein::cuda
