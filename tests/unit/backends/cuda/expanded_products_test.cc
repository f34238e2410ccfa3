#include "cuda/expanded_products.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <string>
#include <vector>

#include "cuda/devices.h"
#include "cuda_emulator/control.h"
#include "skein/dtype.h"
#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/synthetic_model.h"
#include "tests/unit/backends/cuda/code_product.h"

namespace skein::cuda {
namespace {

// A segment with a value matrix of CodeProduct::kInputs and CodeProduct::kOutputs, and a folder for the file.
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
    const conformance::SyntheticModel model({.name = "Small",
                                             .generation = 4,
                                             .num_layers = 1,
                                             .d_model = CodeProduct::kOutputs,
                                             .d_ffn = CodeProduct::kInputs,
                                             .vocab_size = 77});
    skein_segment_desc desc = conformance::DescribeSegment(model, 0, 1, 0);
    desc.compute_type = desc.weight_type = type;
    desc.max_tokens = CodeProduct::kRows;
    return desc;
  }

  std::string file() const { return AlgorithmFilePath(CurrentDeviceModel(), 0); }
  // As a file from an earlier start says.
  void Keep(CodePath path) const { ASSERT_TRUE(AddToAlgorithmFile(file(), {{kShape, AlgorithmOf(path)}})); }

  static constexpr ProductShape kShape = {static_cast<uint32_t>(WeightType::kQ8), CodeProduct::kOutputs,
                                          CodeProduct::kInputs, 128};
  const std::string folder_ =
      testing::TempDir() + "expanded_products_test_" + testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(ExpandedProductsTest, TheFileSaysWhichWayAProductGoes) {
  const CodeProduct rows;
  for (const CodePath path : {CodePath::kCodes, CodePath::kExpandedTiles}) {
    Keep(path);
    const ExpandedProducts products(0, Desc(), nullptr);
    EXPECT_EQ(products.IsFaster(rows.product().weight, 65), path == CodePath::kExpandedTiles);
    EXPECT_FALSE(products.IsFaster(rows.product().weight, 64)) << "few rows are bound by the bytes of the weights";
    EXPECT_FALSE(products.IsFaster(rows.product().weight, 129)) << "nobody has timed so many rows";
  }
}

TEST_F(ExpandedProductsTest, AnExpandedProductGivesTheSumsOfRoundedWeights) {
  const CodeProduct rows;
  // A library that was there when the file was written may be gone.
  for (const CodePath path : {CodePath::kExpandedTiles, CodePath::kExpandedLibrary}) {
    Keep(path);
    ExpandedProducts products(0, Desc(), nullptr);
    bool by_library = true;
    ASSERT_EQ(products.Multiply(rows.queue(), rows.product(), CodeProduct::kRows, by_library), cudaSuccess);
    EXPECT_FALSE(by_library);
    EXPECT_LT(rows.Error(), 0x1p-8);
    EXPECT_GT(rows.Error(), 0x1p-16) << "the codes were multiplied as they are";
  }
}

// Instrumented kernels say so, those of cuda_host_races_test.
TEST_F(ExpandedProductsTest, TheProductWaitsUntilTheMatrixIsExpanded) {
  const CodeProduct rows;
  Keep(CodePath::kExpandedTiles);
  ExpandedProducts products(0, Desc(), nullptr);
  Queue queue = rows.queue();
  queue.dependent_launch = true;
  emulator::TakeErrors();
  for (int i = 0; i < 2; ++i) {
    bool by_library = false;
    ASSERT_EQ(products.Multiply(queue, rows.product(), CodeProduct::kRows, by_library), cudaSuccess);
  }
  EXPECT_LT(rows.Error(), 0x1p-8);
  for (const emulator::Error& error : emulator::TakeErrors()) ADD_FAILURE() << error.message;
}

TEST_F(ExpandedProductsTest, AChoiceIsTimedOnce) {
  const CodeProduct rows;
  const DeviceProduct product = rows.product();
  const auto launches_of_choice = [&] {
    ExpandedProducts products(0, Desc(), nullptr);
    const uint64_t before = emulator::CurrentCounters().num_launches;
    products.Choose(rows.queue(), product.weight, CodeProduct::kRows, product.in.data, product.out.data);
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
  const CodeProduct rows;
  Keep(CodePath::kExpandedTiles);
  for (const uint32_t type : {SKEIN_DTYPE_F32, SKEIN_DTYPE_F16}) {
    EXPECT_EQ(ExpandedProducts::Bytes(Desc(type)), 0u);
    EXPECT_FALSE(ExpandedProducts(0, Desc(type), nullptr).IsFaster(rows.product().weight, CodeProduct::kRows));
  }
  // Whole vectors of 16 bytes of codes: 64 outputs of 96 inputs.
  EXPECT_EQ(ExpandedProducts::Bytes(Desc()), 64u * 96 * 2);
}

}  // namespace
}  // namespace skein::cuda
