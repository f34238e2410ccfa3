#include "model/convert_dtype.h"

#include <gtest/gtest.h>

#include <vector>

#include "numbers/half.h"
#include "skein/dtype.h"

namespace skein {
namespace {

TEST(ConvertDtypeTest, AStretchMayStartAnywhere) {
  const float values[3] = {1.5f, -2.0f, 0.25f};
  for (const uint32_t dtype : {SKEIN_DTYPE_F32, SKEIN_DTYPE_F16, SKEIN_DTYPE_BF16}) {
    std::vector<uint8_t> bytes(1 + 3 * FloatBytes(dtype));
    RoundFloats(values, 3, dtype, bytes.data() + 1);
    float back[2];
    ToF32(dtype, bytes.data() + 1, 1, 2, back);
    EXPECT_EQ(back[0], -2.0f);
    EXPECT_EQ(back[1], 0.25f);
  }
}

TEST(ConvertDtypeTest, DoublesAreRounded) {
  const double values[3] = {7, 1.0 + 1e-12, -0.1};
  float out[2];
  ToF32(SKEIN_DTYPE_F64, reinterpret_cast<const uint8_t*>(values), 1, 2, out);
  EXPECT_EQ(out[0], 1.0f);
  EXPECT_EQ(out[1], -0.1f);
}

}  // namespace
}  // namespace skein
