#include "cuda/kernels/shift_products.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "cuda/kernels/norm_shift.h"
#include "tests/unit/backends/cuda/kernel_harness.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kShiftOffset = 3;  // the shift row does not begin the slot

struct ShiftShape {
  uint32_t width;
  std::vector<uint32_t> ranks;
  WeightType type = WeightType::kF16;
  Inputs inputs = Inputs::kF32;
};

// The products of a step's blend.
class ShiftCase {
 public:
  ShiftCase(const ShiftShape& shape, const std::vector<SequenceShape>& sequences)
      : shape_(shape),
        random_(shape.width),
        batch_(sequences),
        num_rows_(batch_.num_rows()),
        slots_({.num_slots = kRaggedSlots, .num_shift_floats = kShiftOffset + shape.width}, random_),
        norm_(shape.width, 1e-5f, random_),
        mix_(random_.Floats(shape.width)),
        x_(random_.Floats(size_t{num_rows_} * shape.width), num_rows_, shape.width) {
    for (const uint32_t rank : shape.ranks) {
      weights_.push_back(std::make_unique<Weights>(shape.type, rank, shape.width, random_));
    }
  }

  // n, n' and the products, by the kernels that ShiftProducts stands for.
  std::vector<std::vector<float>> Expected() const {
    const Results results(*this);
    NormShiftArguments shift = {};
    shift.x = x_.rows(), shift.norm = norm_.device(), shift.state = kShiftOffset * sizeof(float);
    shift.blends[0] = {mix_.device(), results.blend.rows()};
    shift.num_blends = 1;
    shift.kept = results.kept();
    const TestQueue queue;
    EXPECT_EQ(NormShift(queue.get(), batch_.device(), slots_.states(), shift), cudaSuccess);
    EXPECT_EQ(RowProducts(queue.get(), results.Products(*this), shape_.inputs), cudaSuccess);
    return results.Read();
  }

  std::string Fault(const Trial& trial, const std::vector<std::vector<float>>& expected) {
    const Results results(*this);
    CaseRows x(x_.Read(), num_rows_, shape_.width);
    const ShiftProductsArguments arguments = {x.device(), norm_.device(), kShiftOffset * sizeof(float), mix_.device(),
                                              results.kept()};
    std::string fault = trial.Run({x.copy()}, [&](const Queue& queue) {
      return ShiftProducts(queue, batch_.device(), slots_.states(), arguments, results.Products(*this), shape_.inputs);
    });
    if (!fault.empty()) return fault;
    const std::vector<std::vector<float>> found = results.Read();
    for (size_t i = 0; i < found.size(); ++i) {
      if (std::memcmp(found[i].data(), expected[i].data(), found[i].size() * sizeof(float)) == 0) continue;
      fault += FirstDifference("rows " + std::to_string(i), expected[i], found[i], 0) + "\n";
    }
    return fault + slots_.Difference(0);  // none is written
  }

 private:
  struct Results {
    explicit Results(const ShiftCase& of)
        : blend(Poisoned(of.num_rows_, of.shape_.width)),
          n(Poisoned(of.num_rows_, of.shape_.width)),
          n_before(Poisoned(of.num_rows_, of.shape_.width)) {
      for (const uint32_t rank : of.shape_.ranks)
        out.push_back(std::make_unique<DeviceRows>(Poisoned(of.num_rows_, rank)));
    }

    kit::ShiftedRows kept() const { return {n.rows(), n_before.rows()}; }
    ProductList Products(const ShiftCase& of) const {
      std::vector<DeviceProduct> products;
      for (size_t i = 0; i < out.size(); ++i) {
        products.push_back({of.weights_[i]->view(), blend.rows(), out[i]->rows(), kit::Then::kTanh});
      }
      return ListOf(products);
    }
    std::vector<std::vector<float>> Read() const {
      std::vector<std::vector<float>> rows = {n.Read(), n_before.Read()};
      for (const auto& product : out) rows.push_back(product->Read());
      return rows;
    }

    DeviceRows blend, n, n_before;
    std::vector<std::unique_ptr<DeviceRows>> out;
  };

  const ShiftShape shape_;
  Random random_;
  const CaseBatch batch_;
  const uint32_t num_rows_;
  const CaseSlots slots_;
  const CaseNorm norm_;
  const CaseVector mix_;
  const DeviceRows x_;
  std::vector<std::unique_ptr<Weights>> weights_;
};

void ExpectRightOf(const ShiftShape& shape, const std::vector<SequenceShape>& sequences) {
  SCOPED_TRACE(std::to_string(shape.width) + ", " + NameOf(shape.type));
  emulator::Configure({});
  const auto expected = ShiftCase(shape, sequences).Expected();
  ExpectRight([&](const Trial& trial) { return ShiftCase(shape, sequences).Fault(trial, expected); }, 2);
}

TEST(ShiftProductsTest, EveryWidthGivesTheBitsOfTheKernelsAlone) {
  for (const uint32_t width : {192u, 77u, 5u, 1u, 256u, 1100u}) ExpectRightOf({width, {8, 24, 1, 33, 8}}, kRagged);
}

TEST(ShiftProductsTest, EveryTypeAndNumberOfRowsGivesTheBitsOfTheKernelsAlone) {
  for (const WeightType type : kWeightTypes) {
    for (const uint32_t num_rows : {1u, 2u, 3u, 9u}) {
      ExpectRightOf({70, {8, 20}, type, Inputs::kBf16}, {{num_rows, 1, 1}});
    }
  }
}

// More columns than a block stages at a time, in more blocks than have columns to keep.
TEST(ShiftProductsTest, WideRowsGoByInChunks) {
  ExpectRightOf({4500, {40, 3}}, {{1, 2, 2}});
  ExpectRightOf({1300, {40, 3}, WeightType::kF32, Inputs::kF16}, {{5, 2, 2}});
}

TEST(ShiftProductsTest, FaultsAreSeen) {
  const ShiftShape shape = {2500, {8, 24}};
  const std::vector<SequenceShape> sequences = {{3, 1, 1}, {2, 0, kNoSlot}};
  emulator::Configure({});
  const auto expected = ShiftCase(shape, sequences).Expected();
  const KernelCase run = [&](const Trial& trial) { return ShiftCase(shape, sequences).Fault(trial, expected); };
  // The wait, the barriers of both sums, and those before and after a chunk of the blend.
  ExpectEachBarrierIsNeeded(run, 5);
  ExpectIndexFaultsAreSeen(run);
}

TEST(ShiftProductsTest, ProductsThatDoNotFitAreRefused) {
  const DeviceRows x(std::vector<float>(16), 2, 8);
  Random random(1);
  const Weights weights(WeightType::kF32, 3, 8, random);
  const DeviceRows out = Poisoned(2, 3);
  const TestQueue queue;
  ShiftProductsArguments arguments = {};
  arguments.x = x.rows();
  DeviceProduct product = {weights.view(), x.rows(), out.rows(), kit::Then::kAdd};
  const auto run = [&](const ProductList& list) {
    return ShiftProducts(queue.get(), {}, {}, arguments, list, Inputs::kF32);
  };
  EXPECT_EQ(run(ListOf({product})), cudaErrorInvalidValue);
  product.then = kit::Then::kStore;
  product.in.width = 7;
  EXPECT_EQ(run(ListOf({product})), cudaErrorInvalidValue);
  EXPECT_EQ(run({}), cudaErrorInvalidValue);
}

}  // namespace
}  // namespace skein::cuda
