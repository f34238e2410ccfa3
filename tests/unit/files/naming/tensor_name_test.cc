#include "files/naming/tensor_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "skein/backend.h"
#include "tests/support/tiny_model.h"

namespace skein {
namespace {

using ::skein::testing::TinyConfig;
using ::testing::ElementsAre;

std::vector<uint32_t> RolesOf(const std::vector<AuthorPart>& parts) {
  std::vector<uint32_t> roles;
  for (const AuthorPart& part : parts) roles.push_back(part.role);
  return roles;
}

TEST(AuthorNamesTest, ATensorIsFoundWithLayerAndOrientation) {
  const auto key = FindAuthorTensor("blocks.1.att.key.weight", TinyConfig(kV6));
  ASSERT_EQ(key.size(), 1u);
  EXPECT_EQ(key[0].role, uint32_t{SKEIN_ROLE_TIME_KEY});
  EXPECT_EQ(key[0].layer, 1u);
  EXPECT_EQ(key[0].part.stored, Stored::kAsRole);
  const auto factor = FindAuthorTensor("blocks.1.att.w1", TinyConfig(kV7));
  ASSERT_EQ(factor.size(), 1u);
  EXPECT_EQ(factor[0].part.stored, Stored::kTransposed);
  const auto head = FindAuthorTensor("head.weight", TinyConfig(kV4));
  ASSERT_EQ(head.size(), 1u);
  EXPECT_EQ(head[0].role, uint32_t{SKEIN_ROLE_HEAD});
  EXPECT_EQ(head[0].layer, 0u);
}

TEST(AuthorNamesTest, AStackHoldsSeveralRoles) {
  EXPECT_THAT(RolesOf(FindAuthorTensor("blocks.0.att.time_maa_w1", TinyConfig(kV6))),
              ElementsAre(SKEIN_ROLE_V6_MIX_DOWN_W, SKEIN_ROLE_V6_MIX_DOWN_K, SKEIN_ROLE_V6_MIX_DOWN_V,
                          SKEIN_ROLE_V6_MIX_DOWN_R, SKEIN_ROLE_V6_MIX_DOWN_G));
}

TEST(AuthorNamesTest, OneNameMeansWhatItMeansInTheVersion) {
  EXPECT_THAT(RolesOf(FindAuthorTensor("blocks.0.att.time_decay", TinyConfig(kV4))), ElementsAre(SKEIN_ROLE_V4_DECAY));
  EXPECT_THAT(RolesOf(FindAuthorTensor("blocks.0.att.time_decay", TinyConfig(kV52))), ElementsAre(SKEIN_ROLE_V5_DECAY));
  EXPECT_THAT(RolesOf(FindAuthorTensor("blocks.0.att.time_decay", TinyConfig(kV6))),
              ElementsAre(SKEIN_ROLE_V6_DECAY_BIAS));
}

TEST(AuthorNamesTest, WhatTheModelDoesNotHaveIsNotFound) {
  for (const char* name : {"blocks.2.att.key.weight", "blocks.0.att.gate.weight", "blocks.0.att.v1", "att.key.weight",
                           "_forward_module.head.weight", "blocks.0.att.time_state", ""}) {
    EXPECT_TRUE(FindAuthorTensor(name, TinyConfig(kV7)).empty()) << name;
  }
  EXPECT_FALSE(FindAuthorTensor("blocks.1.att.v1", TinyConfig(kV7)).empty());
}

TEST(AuthorNamesTest, TunedStatesAreToldByName) {
  uint32_t layer = 9;
  EXPECT_TRUE(ParseAuthorStateName("blocks.3.att.time_state", &layer));
  EXPECT_EQ(layer, 3u);
  EXPECT_FALSE(ParseAuthorStateName("blocks.3.att.time_decay", &layer));
  EXPECT_FALSE(ParseAuthorStateName("att.time_state", &layer));
}

}  // namespace
}  // namespace skein
