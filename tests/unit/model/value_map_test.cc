#include "model/value_map.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_format.h"

namespace skein {
namespace {

using ::skein::testing::FloatBytes;
using ::testing::AllOf;
using ::testing::HasSubstr;

absl::StatusOr<std::vector<float>> Map(const ValueMap& map, const std::vector<float>& stored) {
  const std::vector<uint8_t> bytes = FloatBytes(stored);
  std::vector<float> values;
  const absl::Status status = VisitMapped({SKEIN_DTYPE_F32, {stored.size()}, {1}, bytes.data()}, map, "t",
                                          [&](const float* run, uint64_t first, size_t count) {
                                            EXPECT_EQ(first, values.size());
                                            values.insert(values.end(), run, run + count);
                                            return absl::OkStatus();
                                          });
  if (!status.ok()) return status;
  return values;
}

TEST(ValueMapTest, UndoesWhatWasStored) {
  const std::vector<float> parameters = {-8, -2.5f, -0.25f, 0, 0.5f, 1.25f};
  const struct {
    ValueMap::Function function;
    double (*store)(double);
  } cases[] = {
      {ValueMap::Function::kLog, [](double p) { return std::exp(p); }},
      {ValueMap::Function::kLogOfNegated, [](double p) { return -std::exp(p); }},
      {ValueMap::Function::kLogOfNegatedLog, [](double p) { return std::exp(-std::exp(p)); }},
  };
  for (const auto& c : cases) {
    std::vector<float> stored;
    for (const float p : parameters) stored.push_back(static_cast<float>(c.store(p)));
    const auto values = Map({c.function, 1}, stored);
    ASSERT_TRUE(values.ok()) << values.status();
    for (size_t i = 0; i < parameters.size(); ++i) {
      // exp(-exp(-8)) lies so close to 1 that float32 keeps four digits of the difference.
      EXPECT_NEAR((*values)[i], parameters[i], parameters[i] == -8 ? 2e-4 : 1e-6);
      // The stored number must come back.
      EXPECT_FLOAT_EQ(static_cast<float>(c.store((*values)[i])), stored[i]);
    }
  }
}

TEST(ValueMapTest, LimitsBecomeFiniteParametersWithTheSameFactorInFloat32) {
  const auto decays4 = Map({ValueMap::Function::kLogOfNegated, 1}, {0.0f, -0.0f});
  ASSERT_TRUE(decays4.ok()) << decays4.status();
  for (const float d : *decays4) EXPECT_EQ(std::exp(d), 0.0f);
  const auto decays5 = Map({ValueMap::Function::kLogOfNegatedLog, 1}, {0.0f, 1.0f});
  ASSERT_TRUE(decays5.ok()) << decays5.status();
  EXPECT_EQ(std::exp(-std::exp((*decays5)[0])), 0.0f);
  EXPECT_EQ(std::exp(-std::exp((*decays5)[1])), 1.0f);
  const auto bonus = Map({ValueMap::Function::kLog, 1}, {0.0f});
  ASSERT_TRUE(bonus.ok()) << bonus.status();
  EXPECT_EQ(std::exp((*bonus)[0]), 0.0f);
}

TEST(ValueMapTest, AValueThatNothingStoresIsDataLoss) {
  const struct {
    ValueMap::Function function;
    float stored;
  } cases[] = {
      {ValueMap::Function::kLog, -0.5f},
      {ValueMap::Function::kLogOfNegated, 0.5f},
      {ValueMap::Function::kLogOfNegatedLog, 1.5f},
      {ValueMap::Function::kLogOfNegatedLog, -0.5f},
      {ValueMap::Function::kLog, NAN},
      {ValueMap::Function::kLogOfNegated, -INFINITY},
  };
  for (const auto& c : cases) {
    const absl::Status status = Map({c.function, 1}, {c.stored}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << c.stored;
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("tensor \"t\": element"), HasSubstr("found")));
  }
}

TEST(ValueMapTest, AFactorScalesExactlyAndMayOverflow) {
  const auto values = Map({ValueMap::Function::kIdentity, 8}, std::vector<float>(3000, 1.0f / 3));
  ASSERT_TRUE(values.ok()) << values.status();
  ASSERT_EQ(values->size(), 3000u);
  for (const float value : *values) EXPECT_EQ(value, 8 * (1.0f / 3));
  EXPECT_EQ(Map({ValueMap::Function::kIdentity, 8}, {3e38f}).status().code(), absl::StatusCode::kOutOfRange);
}

}  // namespace
}  // namespace skein
