#include "model/matrix_type.h"

#include <gtest/gtest.h>

#include <vector>

#include "model/tensor.h"
#include "numbers/roles.h"
#include "skein/backend.h"
#include "skein/dtype.h"

namespace skein {
namespace {

struct Case {
  uint32_t role;
  std::vector<uint64_t> shape;
  uint32_t wanted;
  uint32_t own;
  uint32_t expected;
};

TEST(MatrixTypeTest, KeepsEightBitsWhereARoleNeedsThemAndSixteenWhereRowsAreShort) {
  const Case cases[] = {
      {SKEIN_ROLE_TIME_KEY, {1024, 1024}, SKEIN_DTYPE_Q4, SKEIN_DTYPE_F16, SKEIN_DTYPE_Q4},
      {SKEIN_ROLE_HEAD, {65536, 1024}, SKEIN_DTYPE_Q8, SKEIN_DTYPE_BF16, SKEIN_DTYPE_Q8},
      {SKEIN_ROLE_EMBEDDING, {65536, 1024}, SKEIN_DTYPE_Q4, SKEIN_DTYPE_F16, SKEIN_DTYPE_Q8},
      {SKEIN_ROLE_V7_DECAY_DOWN, {64, 1024}, SKEIN_DTYPE_Q4, SKEIN_DTYPE_F16, SKEIN_DTYPE_Q8},
      {SKEIN_ROLE_V7_GATE_UP, {1024, 128}, SKEIN_DTYPE_Q8, SKEIN_DTYPE_BF16, SKEIN_DTYPE_Q8},
      {SKEIN_ROLE_V7_DECAY_UP, {2048, 96}, SKEIN_DTYPE_Q4, SKEIN_DTYPE_BF16, SKEIN_DTYPE_Q8},
      // A group of 128 with its scale has 130 bytes, 64 values in 16 bits have 128.
      {SKEIN_ROLE_V7_DECAY_UP, {1024, 64}, SKEIN_DTYPE_Q4, SKEIN_DTYPE_F16, SKEIN_DTYPE_F16},
      {SKEIN_ROLE_V7_DECAY_UP, {1024, 64}, SKEIN_DTYPE_Q4, SKEIN_DTYPE_BF16, SKEIN_DTYPE_BF16},
      {SKEIN_ROLE_TIME_KEY, {64, 64}, SKEIN_DTYPE_Q8, SKEIN_DTYPE_BF16, SKEIN_DTYPE_BF16},
      {SKEIN_ROLE_TIME_KEY, {64, 64}, SKEIN_DTYPE_Q8, SKEIN_DTYPE_F32, SKEIN_DTYPE_F16},
      {SKEIN_ROLE_TIME_KEY, {66, 66}, SKEIN_DTYPE_Q8, SKEIN_DTYPE_F32, SKEIN_DTYPE_Q8},
      // A group of 64 in Q4 has 34.
      {SKEIN_ROLE_TIME_KEY, {64, 64}, SKEIN_DTYPE_Q4, SKEIN_DTYPE_F32, SKEIN_DTYPE_Q4},
      {SKEIN_ROLE_TIME_KEY, {17, 17}, SKEIN_DTYPE_Q4, SKEIN_DTYPE_F32, SKEIN_DTYPE_F16},
      {SKEIN_ROLE_V7_VALUE_UP, {1024, 32}, SKEIN_DTYPE_Q8, SKEIN_DTYPE_F32, SKEIN_DTYPE_F16},
      {SKEIN_ROLE_V7_DECAY_DOWN, {64, 1024}, SKEIN_DTYPE_F16, SKEIN_DTYPE_BF16, SKEIN_DTYPE_F16},
      {SKEIN_ROLE_V7_DECAY_DOWN, {64, 1024}, SKEIN_DTYPE_NONE, SKEIN_DTYPE_BF16, SKEIN_DTYPE_BF16},
      {SKEIN_ROLE_V7_MIX_R, {1024}, SKEIN_DTYPE_Q4, SKEIN_DTYPE_BF16, SKEIN_DTYPE_F32},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(TypeInModel(c.role, c.shape, c.wanted, c.own), c.expected)
        << TensorName(c.role, 0) << " " << c.shape.back() << ", wanted " << DtypeName(c.wanted);
  }
}

}  // namespace
}  // namespace skein
