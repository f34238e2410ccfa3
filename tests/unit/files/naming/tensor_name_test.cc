#include "files/naming/tensor_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "skein/backend.h"
#include "tests/support/tiny_model.h"

namespace skein {
namespace {

using ::skein::testing::FakeTensor;
using ::skein::testing::kEveryVersion;
using ::skein::testing::Mixes;
using ::skein::testing::TinyBlinkDl;
using ::skein::testing::TinyConfig;
using ::skein::testing::TinyFla;
using ::skein::testing::TinyGguf;
using ::skein::testing::TinyHuggingFace;
using ::skein::testing::TinyHuggingFace7;
using ::skein::testing::VersionText;
using ::testing::ElementsAre;

std::vector<uint32_t> RolesOf(const std::vector<NamedPart>& parts) {
  std::vector<uint32_t> roles;
  for (const NamedPart& part : parts) roles.push_back(part.role);
  return roles;
}

TEST(StripWrappersTest, FrameworksMayBeNestedInAnyOrder) {
  for (const char* wrapper :
       {"", "base_model.model.", "model.", "module.", "_forward_module.", "module.model.",
        "_forward_module.module.base_model.model.", "base_model.model.model.", "_orig_mod.module.", "rwkv."}) {
    EXPECT_EQ(StripWrappers(std::string(wrapper) + "blocks.0.att.key.weight"), "blocks.0.att.key.weight") << wrapper;
  }
  EXPECT_EQ(StripWrappers("blocks.0._orig_mod.att._fsdp_wrapped_module.key.weight"), "blocks.0.att.key.weight");
}

TEST(StripWrappersTest, OtherWordsStay) {
  for (const char* name : {"head.weight", "blocks.0.model.weight", "models.0.weight", "", "."}) {
    EXPECT_EQ(StripWrappers(name), name);
  }
}

TEST(FindTensorTest, ATensorIsFoundWithLayerAndOrientation) {
  const auto key = FindTensor("blocks.1.att.key.weight", TinyConfig(kV6));
  ASSERT_EQ(key.size(), 1u);
  EXPECT_EQ(key[0].role, uint32_t{SKEIN_ROLE_TIME_KEY});
  EXPECT_EQ(key[0].layer, 1u);
  EXPECT_EQ(key[0].part.stored, Stored::kAsRole);
  const auto factor = FindTensor("blocks.1.att.w1", TinyConfig(kV7));
  ASSERT_EQ(factor.size(), 1u);
  EXPECT_EQ(factor[0].part.stored, Stored::kTransposed);
  const auto head = FindTensor("head.weight", TinyConfig(kV4));
  ASSERT_EQ(head.size(), 1u);
  EXPECT_EQ(head[0].role, uint32_t{SKEIN_ROLE_HEAD});
  EXPECT_EQ(head[0].layer, 0u);
}

TEST(FindTensorTest, AStackHoldsSeveralRoles) {
  EXPECT_THAT(RolesOf(FindTensor("blocks.0.att.time_maa_w1", TinyConfig(kV6))),
              ElementsAre(SKEIN_ROLE_V6_MIX_DOWN_W, SKEIN_ROLE_V6_MIX_DOWN_K, SKEIN_ROLE_V6_MIX_DOWN_V,
                          SKEIN_ROLE_V6_MIX_DOWN_R, SKEIN_ROLE_V6_MIX_DOWN_G));
}

TEST(FindTensorTest, OneNameMeansWhatItMeansInTheVersion) {
  EXPECT_THAT(RolesOf(FindTensor("blocks.0.att.time_decay", TinyConfig(kV4))), ElementsAre(SKEIN_ROLE_V4_DECAY));
  EXPECT_THAT(RolesOf(FindTensor("blocks.0.att.time_decay", TinyConfig(kV52))), ElementsAre(SKEIN_ROLE_V5_DECAY));
  EXPECT_THAT(RolesOf(FindTensor("blocks.0.att.time_decay", TinyConfig(kV6))), ElementsAre(SKEIN_ROLE_V6_DECAY_BIAS));
}

TEST(FindTensorTest, OtherSchemesNameTheSameRoles) {
  const auto role = [](const char* name) { return RolesOf(FindTensor(name, TinyConfig(kV7))); };
  for (const char* name : {"base_model.model.model.layers.1.attn.k_proj.weight", "layers.1.attn.k_proj.weight",
                           "base_model.model.model.layers.1.attention.key.weight", "blk.1.time_mix_key.weight"}) {
    EXPECT_THAT(role(name), ElementsAre(SKEIN_ROLE_TIME_KEY)) << name;
  }
  EXPECT_THAT(RolesOf(FindTensor("base_model.model.rwkv.blocks.1.attention.key.weight", TinyConfig(kV4))),
              ElementsAre(SKEIN_ROLE_TIME_KEY));
  // Linear layers in fla, parameters that act from the right with the author.
  EXPECT_EQ(FindTensor("model.layers.1.attn.w_lora.lora.0.weight", TinyConfig(kV7))[0].part.stored, Stored::kAsRole);
  EXPECT_EQ(FindTensor("model.layers.1.attention.w1", TinyConfig(kV7))[0].part.stored, Stored::kTransposed);
}

// Every tensor of `tensors` is known by its name, also inside a wrapper.
void ExpectAllFound(const std::vector<FakeTensor>& tensors, VersionSet version) {
  for (const FakeTensor& tensor : tensors) {
    for (const std::string& name : {tensor.name, "base_model.model." + tensor.name}) {
      EXPECT_TRUE(!FindTensor(name, TinyConfig(version)).empty() || IsUnusedTensor(name, TinyConfig(version)))
          << VersionText(version) << " " << name;
    }
  }
}

TEST(FindTensorTest, EveryTensorOfEverySchemeIsKnown) {
  for (const VersionSet version : kEveryVersion) ExpectAllFound(TinyBlinkDl(version), version);
  for (const VersionSet version : {kV4, kV50, kV51, kV52, kV6}) ExpectAllFound(TinyHuggingFace(version), version);
  ExpectAllFound(TinyHuggingFace7(), kV7);
  ExpectAllFound(TinyFla(Mixes::kSplit), kV7);
  for (const VersionSet version : {kV6, kV7}) ExpectAllFound(TinyGguf(version), version);
}

TEST(FindTensorTest, WhatTheModelDoesNotHaveIsNotFound) {
  for (const char* name : {"blocks.2.att.key.weight", "blocks.0.att.gate.weight", "blocks.0.att.v1", "att.key.weight",
                           "blocks.0.att.time_state", "layers.0.att.key.weight", "blk.0.att.key.weight", ""}) {
    EXPECT_TRUE(FindTensor(name, TinyConfig(kV7)).empty()) << name;
  }
  EXPECT_FALSE(FindTensor("blocks.1.att.v1", TinyConfig(kV7)).empty());
}

TEST(FindTensorTest, OnlyTheValueResidualOfLayer0IsUnused) {
  for (const char* name : {"blocks.0.att.v0", "module.blocks.0.att.v1", "blk.0.time_mix_v2.weight"}) {
    EXPECT_TRUE(IsUnusedTensor(name, TinyConfig(kV7))) << name;
  }
  for (const char* name : {"blocks.1.att.v0", "blocks.0.att.w0", "blocks.0.att.v3", "v0", ""}) {
    EXPECT_FALSE(IsUnusedTensor(name, TinyConfig(kV7))) << name;
  }
}

TEST(ParseStateNameTest, TunedStatesAreToldByName) {
  for (const char* name : {"blocks.3.att.time_state", "base_model.model.blocks.3.att.time_state",
                           "_forward_module.module.model.blocks.3.att.time_state", "rwkv.blocks.3.attention.time_state",
                           "model.layers.3.attention.time_state"}) {
    uint32_t layer = 9;
    EXPECT_TRUE(ParseStateName(name, &layer)) << name;
    EXPECT_EQ(layer, 3u) << name;
  }
  uint32_t layer = 9;
  EXPECT_FALSE(ParseStateName("blocks.3.att.time_decay", &layer));
  EXPECT_FALSE(ParseStateName("att.time_state", &layer));
}

}  // namespace
}  // namespace skein
