// The contract of tensors: a segment takes the tensors it needs, each once, and names all others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <utility>

#include "tests/conformance/backend_contract.h"
#include "tests/conformance/panels.h"

namespace skein::conformance {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST_P(BackendContract, TensorsThatAreNotExpectedAreRefusedByName) {
  SegmentHandle segment(device_, Desc());
  ASSERT_EQ(segment.status(), SKEIN_OK) << segment.message();
  const auto expect_refused = [&segment](const skein_tensor& tensor, const char* a, const char* b) {
    EXPECT_FALSE(segment.Put(tensor));
    EXPECT_EQ(segment.status(), SKEIN_INVALID_ARGUMENT);
    EXPECT_THAT(segment.message(), AllOf(HasSubstr(a), HasSubstr(b)));
  };
  const skein_tensor good = model_.tensor(SKEIN_ROLE_TIME_KEY, 1).Describe();
  skein_tensor tensor = good;
  tensor.role = 4711;
  expect_refused(tensor, "role 4711", "layer 1");
  tensor = good;
  tensor.layer = 2;
  expect_refused(tensor, "role 21", "layer 2");
  tensor = good;
  tensor.layer = 0;
  tensor.role = SKEIN_ROLE_V7_VALUE_DOWN;  // layer 0 of RWKV-7 has none, and other generations have none at all
  expect_refused(tensor, "role 77", "layer 0");
  tensor.role = shape().generation == 7 ? SKEIN_ROLE_CHANNEL_RECEPTANCE : SKEIN_ROLE_V7_GATE_DOWN;
  expect_refused(tensor, ("role " + std::to_string(tensor.role)).c_str(), "layer 0");
  tensor = good;
  tensor.dtype = 99;
  expect_refused(tensor, "role 21", "type 99");
  tensor = good;
  tensor.size_bytes -= 1;
  expect_refused(tensor, std::to_string(good.size_bytes).c_str(), std::to_string(tensor.size_bytes).c_str());
  tensor = good;
  tensor.data = nullptr;
  expect_refused(tensor, std::to_string(good.size_bytes).c_str(), "found 0");

  EXPECT_TRUE(segment.Put(good)) << segment.message();
  expect_refused(good, "role 21", "twice");
}

TEST_P(BackendContract, LayoutsThatATensorCannotHaveAreRefusedByName) {
  SegmentHandle segment(device_, Desc());
  ASSERT_EQ(segment.status(), SKEIN_OK) << segment.message();
  const auto expect_refused = [&segment](const skein_tensor& tensor, const char* role) {
    EXPECT_FALSE(segment.Put(tensor));
    EXPECT_EQ(segment.status(), SKEIN_INVALID_ARGUMENT);
    EXPECT_THAT(segment.message(), HasSubstr(role));
  };
  const skein_tensor good = model_.tensor(SKEIN_ROLE_TIME_KEY, 1).Describe();
  skein_tensor tensor = good;
  tensor.layout = 7;
  expect_refused(tensor, "role 21");
  tensor.layout = SKEIN_LAYOUT_PANELS;
  tensor.size_bytes = 64;
  expect_refused(tensor, "role 21");
  tensor = model_.tensor(SKEIN_ROLE_EMBEDDING, 0).Describe();
  tensor.layout = SKEIN_LAYOUT_PANELS;
  tensor.size_bytes =
      PanelsOf(tensor.dtype, tensor.shape[0], tensor.shape[1], static_cast<const uint8_t*>(tensor.data)).size();
  expect_refused(tensor, "role 1");
  tensor = model_.tensor(SKEIN_ROLE_OUTPUT_NORM_W, 0).Describe();
  tensor.layout = SKEIN_LAYOUT_PANELS;
  expect_refused(tensor, "role 4");
  EXPECT_TRUE(segment.Put(good)) << segment.message();
}

// "[64, 96]"
std::string ShapeText(const skein_tensor& tensor) {
  std::string text = "[";
  for (uint32_t i = 0; i < tensor.num_dims; ++i) text += (i > 0 ? ", " : "") + std::to_string(tensor.shape[i]);
  return text + "]";
}

TEST_P(BackendContract, EveryRoleRefusesOtherShapes) {
  SegmentHandle segment(device_, Desc());
  ASSERT_EQ(segment.status(), SKEIN_OK) << segment.message();
  for (const skein_tensor& good : TensorsOf(model_, Desc())) {
    const auto expect_refused = [&](const skein_tensor& tensor, const std::string& found) {
      EXPECT_FALSE(segment.Put(tensor)) << "role " << good.role;
      EXPECT_EQ(segment.status(), SKEIN_INVALID_ARGUMENT) << "role " << good.role;
      EXPECT_THAT(segment.message(),
                  AllOf(HasSubstr("role " + std::to_string(good.role)), HasSubstr(ShapeText(good)), HasSubstr(found)));
    };
    for (uint32_t dim = 0; dim < good.num_dims; ++dim) {
      skein_tensor tensor = good;
      tensor.shape[dim] += 1;
      expect_refused(tensor, ShapeText(tensor));
    }
    skein_tensor tensor = good;
    tensor.shape[tensor.num_dims++] = 1;
    expect_refused(tensor, ShapeText(tensor));
    tensor.num_dims = good.num_dims - 1;
    expect_refused(tensor, ShapeText(tensor));
    tensor.num_dims = 1000;
    expect_refused(tensor, "1000");
    if (good.num_dims == 2 && good.shape[0] != good.shape[1]) {
      tensor = good;
      std::swap(tensor.shape[0], tensor.shape[1]);  // a matrix the other way round
      expect_refused(tensor, ShapeText(tensor));
    }
    EXPECT_TRUE(segment.Put(good)) << segment.message();
  }
  EXPECT_TRUE(segment.Seal()) << segment.message();
}

TEST_P(BackendContract, SealNamesTheFirstMissingTensor) {
  SegmentHandle segment(device_, Desc());
  for (const skein_tensor& tensor : TensorsOf(model_, Desc())) {
    if (tensor.role == SKEIN_ROLE_CHANNEL_VALUE && tensor.layer == 1) continue;
    ASSERT_TRUE(segment.Put(tensor)) << segment.message();
  }
  EXPECT_FALSE(segment.Seal());
  EXPECT_EQ(segment.status(), SKEIN_FAILED_PRECONDITION);
  EXPECT_THAT(segment.message(), AllOf(HasSubstr("role 27"), HasSubstr("layer 1")));
  EXPECT_TRUE(segment.Put(model_.tensor(SKEIN_ROLE_CHANNEL_VALUE, 1).Describe()));
  EXPECT_TRUE(segment.Seal()) << segment.message();
}

TEST_P(BackendContract, CallsBeforeAndAfterSealAreRefused) {
  SegmentHandle segment(device_, Desc());
  RawStep raw(1);
  raw.Add(kInitial, 0, 0, 1);
  EXPECT_FALSE(segment.Step(raw.Get()));
  EXPECT_EQ(segment.status(), SKEIN_FAILED_PRECONDITION);
  EXPECT_FALSE(segment.Init(0));
  EXPECT_EQ(segment.status(), SKEIN_FAILED_PRECONDITION);
  ASSERT_TRUE(segment.Load(TensorsOf(model_, Desc()))) << segment.message();
  EXPECT_FALSE(segment.Put(model_.tensor(SKEIN_ROLE_TIME_KEY, 1).Describe()));
  EXPECT_EQ(segment.status(), SKEIN_FAILED_PRECONDITION);
  EXPECT_FALSE(segment.Seal());
  EXPECT_EQ(segment.status(), SKEIN_FAILED_PRECONDITION);
}

}  // namespace
}  // namespace skein::conformance
