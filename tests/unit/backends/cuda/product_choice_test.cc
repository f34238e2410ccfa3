#include "cuda/product_choice.h"

#include <gtest/gtest.h>

#include "skein/dtype.h"

namespace skein::cuda {
namespace {

constexpr ProductCase kOneRow = {.type = WeightType::kF16,
                                 .num_weights = 1u << 20,
                                 .has_columns = false,
                                 .has_library = false,
                                 .has_nibble_products = false,
                                 .is_expanded_faster = false,
                                 .num_rows = 1,
                                 .compute_type = SKEIN_DTYPE_F16,
                                 .capability = 90};

ProductCase With(WeightType type, uint32_t compute_type, uint32_t num_rows, uint32_t capability = 90) {
  ProductCase product = kOneRow;
  product.type = type;
  product.compute_type = compute_type;
  product.num_rows = num_rows;
  product.capability = capability;
  return product;
}

constexpr WeightType kTypes[] = {WeightType::kF32, WeightType::kF16, WeightType::kBf16, WeightType::kQ8,
                                 WeightType::kQ4};

TEST(ProductChoiceTest, Float32ArithmeticTakesOnePathForAllRows) {
  for (const WeightType type : kTypes) {
    for (const uint32_t compute_type : {SKEIN_DTYPE_NONE, SKEIN_DTYPE_F32}) {
      for (const uint32_t num_rows : {1, 4, 5, 64, 2000}) {
        EXPECT_EQ(ChooseProduct(With(type, compute_type, num_rows)), (ProductChoice{ProductPath::kRows, Inputs::kF32}));
      }
    }
  }
}

TEST(ProductChoiceTest, FewRowsGoTogetherAndManyToTheTensorCores) {
  EXPECT_EQ(ChooseProduct(With(WeightType::kF16, SKEIN_DTYPE_F16, 4)),
            (ProductChoice{ProductPath::kRows, Inputs::kF16}));
  EXPECT_EQ(ChooseProduct(With(WeightType::kF16, SKEIN_DTYPE_F16, 5)),
            (ProductChoice{ProductPath::kTiles, Inputs::kF16}));
  EXPECT_EQ(ChooseProduct(With(WeightType::kBf16, SKEIN_DTYPE_BF16, 4)),
            (ProductChoice{ProductPath::kRows, Inputs::kBf16}));
  EXPECT_EQ(ChooseProduct(With(WeightType::kBf16, SKEIN_DTYPE_BF16, 5)),
            (ProductChoice{ProductPath::kTiles, Inputs::kBf16}));
}

TEST(ProductChoiceTest, CodesAreMultipliedByInputsInBf16OnTheTensorCores) {
  for (const WeightType type : {WeightType::kQ8, WeightType::kQ4}) {
    for (const uint32_t compute_type : {SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4}) {
      EXPECT_EQ(ChooseProduct(With(type, compute_type, 4)), (ProductChoice{ProductPath::kRows, Inputs::kF32}));
      EXPECT_EQ(ChooseProduct(With(type, compute_type, 5)), (ProductChoice{ProductPath::kTiles, Inputs::kBf16}));
    }
  }
}

TEST(ProductChoiceTest, MatricesOfOtherTypesKeepTheirExactValues) {
  for (const WeightType type : {WeightType::kF32, WeightType::kF16, WeightType::kBf16}) {
    EXPECT_EQ(ChooseProduct(With(type, SKEIN_DTYPE_Q8, 64)), (ProductChoice{ProductPath::kRows, Inputs::kF32}));
  }
  EXPECT_EQ(ChooseProduct(With(WeightType::kF32, SKEIN_DTYPE_F16, 64)),
            (ProductChoice{ProductPath::kRows, Inputs::kF16}));
  EXPECT_EQ(ChooseProduct(With(WeightType::kBf16, SKEIN_DTYPE_F16, 64)),
            (ProductChoice{ProductPath::kRows, Inputs::kF16}));
  EXPECT_EQ(ChooseProduct(With(WeightType::kF16, SKEIN_DTYPE_BF16, 64)),
            (ProductChoice{ProductPath::kRows, Inputs::kBf16}));
}

TEST(ProductChoiceTest, BeforeCapability80EveryProductIsByRows) {
  EXPECT_EQ(ChooseProduct(With(WeightType::kF16, SKEIN_DTYPE_F16, 64, 75)).path, ProductPath::kRows);
  EXPECT_EQ(ChooseProduct(With(WeightType::kQ4, SKEIN_DTYPE_Q4, 64, 75)),
            (ProductChoice{ProductPath::kRows, Inputs::kF32}));
  EXPECT_EQ(ChooseProduct(With(WeightType::kF16, SKEIN_DTYPE_F16, 64, 80)).path, ProductPath::kTiles);
}

TEST(ProductChoiceTest, ColumnsServeFewRowsAlone) {
  ProductCase product = kOneRow;
  product.has_columns = true;
  EXPECT_EQ(ChooseProduct(product), (ProductChoice{ProductPath::kSparse, Inputs::kF16}));
  product.num_rows = 4;
  EXPECT_EQ(ChooseProduct(product).path, ProductPath::kSparse);
  product.num_rows = 5;
  EXPECT_EQ(ChooseProduct(product).path, ProductPath::kTiles);
}

TEST(ProductChoiceTest, ColumnsOfCodesServeFewRowsWithInputsAsTheyAre) {
  for (const WeightType type : {WeightType::kQ8, WeightType::kQ4}) {
    ProductCase product = With(type, SKEIN_DTYPE_Q8, 4);
    product.has_columns = true;
    EXPECT_EQ(ChooseProduct(product), (ProductChoice{ProductPath::kSparse, Inputs::kF32}));
    product.num_rows = 5;
    EXPECT_EQ(ChooseProduct(product), (ProductChoice{ProductPath::kTiles, Inputs::kBf16}));
  }
}

TEST(ProductChoiceTest, CodesBecomeBf16WhereThatIsFaster) {
  for (const uint32_t compute_type : {SKEIN_DTYPE_Q8, SKEIN_DTYPE_Q4, SKEIN_DTYPE_BF16}) {
    ProductCase product = With(WeightType::kQ4, compute_type, 65);
    product.is_expanded_faster = true;
    EXPECT_EQ(ChooseProduct(product), (ProductChoice{ProductPath::kExpanded, Inputs::kBf16}));
    product.num_rows = 4;
    EXPECT_EQ(ChooseProduct(product).path, ProductPath::kRows);
  }
  for (const uint32_t compute_type : {SKEIN_DTYPE_NONE, SKEIN_DTYPE_F32, SKEIN_DTYPE_F16}) {
    ProductCase product = With(WeightType::kQ4, compute_type, 65);
    product.is_expanded_faster = true;
    EXPECT_EQ(ChooseProduct(product).path, ProductPath::kRows);
  }
}

TEST(ProductChoiceTest, NibblesGoToTheTensorCoresForFewRowsWithInputsAsTheyAre) {
  ProductCase product = With(WeightType::kQ4, SKEIN_DTYPE_Q4, 4);
  product.has_nibble_products = true;
  EXPECT_EQ(ChooseProduct(product), (ProductChoice{ProductPath::kNibbles, Inputs::kF32}));
  product.has_columns = true;
  EXPECT_EQ(ChooseProduct(product).path, ProductPath::kSparse);
  product.has_columns = false;
  for (const uint32_t compute_type : {SKEIN_DTYPE_NONE, SKEIN_DTYPE_F32}) {
    product.compute_type = compute_type;
    EXPECT_EQ(ChooseProduct(product).path, ProductPath::kRows) << "five rows would have other bits";
  }
  product = With(WeightType::kQ4, SKEIN_DTYPE_Q4, 1, 75);
  product.has_nibble_products = true;
  EXPECT_EQ(ChooseProduct(product).path, ProductPath::kRows);
  product = With(WeightType::kQ8, SKEIN_DTYPE_Q8, 1);
  product.has_nibble_products = true;
  EXPECT_EQ(ChooseProduct(product).path, ProductPath::kRows);
}

// Five rows would have other bits.
TEST(ProductChoiceTest, InFloat32NoProductIsSparse) {
  for (const uint32_t compute_type : {SKEIN_DTYPE_NONE, SKEIN_DTYPE_F32}) {
    ProductCase product = With(WeightType::kF16, compute_type, 1);
    product.has_columns = true;
    EXPECT_EQ(ChooseProduct(product), (ProductChoice{ProductPath::kRows, Inputs::kF32}));
  }
}

TEST(ProductChoiceTest, TheLibraryTakesManyRowsOfLargeMatricesOfTheComputeType) {
  ProductCase product = With(WeightType::kF16, SKEIN_DTYPE_F16, 65);
  product.has_library = true;
  EXPECT_EQ(ChooseProduct(product), (ProductChoice{ProductPath::kLibrary, Inputs::kF16}));
  product.num_rows = 64;
  EXPECT_EQ(ChooseProduct(product).path, ProductPath::kTiles);
  product.num_rows = 65;
  product.num_weights = 1000;
  EXPECT_EQ(ChooseProduct(product).path, ProductPath::kTiles);
  product.num_weights = 1u << 20;
  for (const WeightType type : {WeightType::kF32, WeightType::kBf16, WeightType::kQ8}) {
    product.type = type;
    EXPECT_NE(ChooseProduct(product).path, ProductPath::kLibrary);
  }
  product.type = WeightType::kF16;
  product.compute_type = SKEIN_DTYPE_NONE;
  EXPECT_EQ(ChooseProduct(product), (ProductChoice{ProductPath::kRows, Inputs::kF32}));
}

}  // namespace
}  // namespace skein::cuda
