#include "cuda/state_form.h"

#include <gtest/gtest.h>

#include "numbers/state_layout.h"
#include "support/boundary.h"

namespace skein::cuda {
namespace {

skein_segment_desc Desc(uint32_t generation, uint32_t d_model, uint32_t num_heads, uint32_t head_size) {
  skein_segment_desc desc = {};
  desc.num_layers = 3;
  desc.model.generation = generation;
  desc.model.d_model = d_model;
  desc.model.d_att = generation == 4 ? d_model : num_heads * head_size;
  desc.model.num_heads = num_heads;
  desc.model.head_size = head_size;
  return desc;
}

TEST(StateFormTest, Float32SlotsAreInTheCanonicalLayout) {
  const skein_segment_desc desc = Desc(7, 64, 2, 32);
  const StateForm form(desc, StateType::kF32);
  EXPECT_TRUE(form.is_canonical());
  EXPECT_EQ(form.num_floats(), 3 * LayerStateFloats(desc.model));
  EXPECT_EQ(form.slot_bytes(), form.num_floats() * sizeof(float));
  for (uint32_t layer = 0; layer < desc.num_layers; ++layer) {
    const LayerState at = LayerStateAt(desc.model, layer);
    for (const uint64_t part : {at.time_shift, at.channel_shift, at.wkv}) {
      EXPECT_EQ(form.ByteOffset(part), part * sizeof(float));
    }
  }
}

TEST(StateFormTest, HalfMatricesTakeHalfTheBytesAndShiftsTheirOwn) {
  const skein_segment_desc desc = Desc(7, 64, 2, 32);
  const StateForm form(desc, StateType::kF16);
  EXPECT_FALSE(form.is_canonical());
  constexpr uint64_t kShiftBytes = 2 * 64 * 4, kWkvBytes = 2 * 32 * 32 * 2;
  EXPECT_EQ(form.slot_bytes(), 3 * (kShiftBytes + kWkvBytes));
  const LayerState at = LayerStateAt(desc.model, 2);
  EXPECT_EQ(form.ByteOffset(at.time_shift), 2 * (kShiftBytes + kWkvBytes));
  EXPECT_EQ(form.ByteOffset(at.channel_shift), 2 * (kShiftBytes + kWkvBytes) + 64 * 4);
  EXPECT_EQ(form.ByteOffset(at.wkv), 2 * (kShiftBytes + kWkvBytes) + kShiftBytes);
}

TEST(StateFormTest, LayersBeginAtMultiplesOf16Bytes) {
  // A layer is 2 * 35 + 7 * 5 * 5 = 245 floats: 980 bytes, and with half matrices 280 + 350 = 630.
  const skein_segment_desc desc = Desc(7, 35, 7, 5);
  const StateForm floats(desc, StateType::kF32), halves(desc, StateType::kF16);
  EXPECT_FALSE(floats.is_canonical());
  EXPECT_EQ(floats.shape().layer_bytes, 992u);
  EXPECT_EQ(halves.shape().layer_bytes, 640u);
  EXPECT_EQ(floats.slot_bytes(), 3 * 992u);
  const LayerState at = LayerStateAt(desc.model, 1);
  EXPECT_EQ(floats.ByteOffset(at.time_shift), 992u);
  EXPECT_EQ(halves.ByteOffset(at.wkv), 640u + 280u);
}

TEST(StateFormTest, TheSumsOfRwkv4StayFloat32) {
  const skein_segment_desc desc = Desc(4, 64, 0, 0);
  const StateForm form(desc, StateType::kF16);
  EXPECT_TRUE(form.is_canonical());
  EXPECT_EQ(form.shape().num_wkv, 0u);
  EXPECT_EQ(form.slot_bytes(), 3 * 5 * 64 * sizeof(float));
}

TEST(StateFormTest, ALayerBeyond32BitsIsRefused) {
  const skein_segment_desc desc = Desc(7, 1u << 20, 1, 1u << 20);
  EXPECT_THROW(StateForm(desc, StateType::kF32), plugin::Error);
}

}  // namespace
}  // namespace skein::cuda
