#include "state/state_shape.h"

#include <gtest/gtest.h>

#include <string>

namespace skein {
namespace {

StateShape Shape(uint32_t generation) {
  StateShape shape;
  shape.generation = generation;
  shape.num_layers = 3;
  shape.d_model = 8;
  shape.d_att = 12;
  shape.num_heads = 2;
  shape.head_size = 4;
  return shape;
}

std::string NamesOf(const StateShape& shape) {
  std::string names;
  for (const StatePart& part : shape.Parts()) names += std::string(part.name) + " ";
  return names;
}

TEST(StateShapeTest, Generation4HasThreeVectorsBesideTheShifts) {
  EXPECT_EQ(NamesOf(Shape(4)), "att_shift ffn_shift aa bb pp ");
  EXPECT_EQ(Shape(4).NumFloats(), 3u * (8 + 8 + 3 * 12));
}

TEST(StateShapeTest, LaterGenerationsHaveAMatrixPerHead) {
  for (const uint32_t generation : {5u, 6u, 7u}) {
    EXPECT_EQ(NamesOf(Shape(generation)), "att_shift ffn_shift wkv ");
    EXPECT_EQ(Shape(generation).NumFloats(), 3u * (8 + 8 + 2 * 4 * 4));
  }
}

}  // namespace
}  // namespace skein
