#include "files/adapter/adapter_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "files/adapter/adapter_file.h"
#include "tests/support/fake_format.h"
#include "tests/support/serial_host.h"

namespace skein {
namespace {

using ::skein::testing::FakeFormat;
using ::skein::testing::FakeTensor;
using ::skein::testing::FloatBytes;
using ::skein::testing::SerialHost;
using ::skein::testing::TempFolder;
using ::testing::HasSubstr;

absl::StatusOr<std::optional<AdapterSettings>> Read(const std::optional<std::string>& config,
                                                    std::vector<ContainerText> texts = {}) {
  const FakeFormat format({FakeTensor{"t", SKEIN_DTYPE_F32, {1}, FloatBytes({1}), {}, false}}, std::move(texts));
  const TempFolder folder;
  folder.Write("adapter_model.safetensors", format.contents());
  if (config) folder.Write("adapter_config.json", *config);
  const auto adapter = OpenAdapter(format.plugins(), SerialHost(), folder.path(), FileAccess::kMap);
  EXPECT_TRUE(adapter.ok()) << adapter.status();
  return ReadAdapterSettings(**adapter);
}

AdapterSettings Settings(const std::string& config) {
  const auto settings = Read(config);
  EXPECT_TRUE(settings.ok()) << settings.status();
  EXPECT_TRUE(settings.ok() && settings->has_value());
  return settings.ok() ? settings->value_or(AdapterSettings()) : AdapterSettings();
}

// A refusal names the file and something of the reason.
void ExpectRefusal(const std::string& config, absl::StatusCode code, const std::string& reason) {
  const absl::Status status = Read(config).status();
  EXPECT_EQ(status.code(), code) << config << ": " << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("adapter_config.json: ")) << config;
  EXPECT_THAT(std::string(status.message()), HasSubstr(reason)) << config;
}

TEST(AdapterSettingsTest, ScaleIsAlphaOverRank) {
  const AdapterSettings settings = Settings(R"({"peft_type": "LORA", "r": 4, "lora_alpha": 8})");
  EXPECT_EQ(settings.ScaleOf("blocks.0.att.key", 4), 2);
  EXPECT_EQ(settings.ScaleText("blocks.0.att.key", 4), "lora_alpha 8 / r 4");
}

TEST(AdapterSettingsTest, RankStabilisedScaleIsAlphaOverTheRoot) {
  const AdapterSettings settings = Settings(R"({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "use_rslora": true})");
  EXPECT_EQ(settings.ScaleOf("blocks.0.att.key", 4), 4);
  EXPECT_EQ(settings.ScaleText("blocks.0.att.key", 4), "lora_alpha 8 / sqrt(r 4)");
}

TEST(AdapterSettingsTest, PatternsHoldForTheModulesThatTheyFit) {
  const AdapterSettings settings = Settings(R"({"peft_type": "LORA", "r": 4, "lora_alpha": 8,
      "rank_pattern": {"att.key": 2}, "alpha_pattern": {"^blocks.0.att.key": 3, "key": 5}})");
  EXPECT_EQ(settings.ScaleOf("base_model.model.blocks.0.att.key", 2), 1.5);
  EXPECT_EQ(settings.ScaleOf("base_model.model.blocks.1.att.key", 2), 2.5);
  EXPECT_EQ(settings.ScaleOf("base_model.model.blocks.1.att.value", 4), 2);
  EXPECT_TRUE(settings.CheckRank("base_model.model.blocks.1.att.key", 2).ok());
  EXPECT_TRUE(settings.CheckRank("base_model.model.blocks.1.att.value", 4).ok());
  const absl::Status other = settings.CheckRank("base_model.model.blocks.1.att.key", 4);
  EXPECT_TRUE(absl::IsInvalidArgument(other));
  EXPECT_THAT(std::string(other.message()), HasSubstr("its rank is 4, but adapter_config.json says 2"));
}

TEST(AdapterSettingsTest, MissAndBoneHaveNoScale) {
  for (const char* kind : {"MISS", "BONE"}) {
    const AdapterSettings settings = Settings(std::string(R"({"peft_type": ")") + kind + R"(", "r": 8})");
    EXPECT_FALSE(settings.has_scale()) << kind;
    EXPECT_EQ(settings.rank, 8u) << kind;
  }
}

TEST(AdapterSettingsTest, WhatSaysNothingOfTheMathematicsIsNoHindrance) {
  const AdapterSettings settings = Settings(R"({"peft_type": "LORA", "r": 4, "lora_alpha": 8.5, "bias": "all",
      "fan_in_fan_out": true, "modules_to_save": ["head"], "use_dora": true, "use_qalora": false, "arrow_config": null,
      "alora_invocation_tokens": null, "layer_replication": [], "rank_pattern": {}, "alpha_pattern": null,
      "init_lora_weights": "gaussian", "loftq_config": {}, "target_modules": ["key"], "something_new": 1})");
  EXPECT_EQ(settings.alpha, 8.5);
}

TEST(AdapterSettingsTest, NoFileMeansNoSettings) {
  const auto settings = Read(std::nullopt);
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_FALSE(settings->has_value());
}

TEST(AdapterSettingsTest, NumbersThatMakeNoSenseAreRefused) {
  const auto invalid = absl::StatusCode::kInvalidArgument;
  for (const char* alpha : {"0", "-8", "\"8\"", "null", "[8]", "1e300", "true"}) {
    ExpectRefusal(std::string(R"({"peft_type": "LORA", "r": 4, "lora_alpha": )") + alpha + "}", invalid,
                  "\"lora_alpha\": expected a positive number");
  }
  for (const char* rank : {"0", "-4", "4.5", "\"4\"", "null", "1e30"}) {
    ExpectRefusal(std::string(R"({"peft_type": "LORA", "lora_alpha": 4, "r": )") + rank + "}", invalid,
                  "\"r\": expected a whole number");
  }
  ExpectRefusal(R"({"peft_type": "LORA", "lora_alpha": 4})", invalid, "\"r\": expected a whole number");
  ExpectRefusal(R"({"peft_type": "LORA", "r": 4})", invalid, "found none");
  ExpectRefusal(R"({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "use_rslora": "yes"})", invalid, "use_rslora");
  ExpectRefusal(R"({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "rank_pattern": [2]})", invalid, "rank_pattern");
  ExpectRefusal(R"({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "alpha_pattern": {"key": 0}})", invalid,
                "alpha_pattern.key");
  ExpectRefusal(R"({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "alpha_pattern": {"(": 1}})", invalid,
                "alpha_pattern.(");
}

TEST(AdapterSettingsTest, WhatIsNoJsonObjectIsRefused) {
  for (const char* text : {"", "{", "[]", "3", "{\"peft_type\": \"LORA\", \"r\": 4, \"lora_alpha\": NaN}"}) {
    ExpectRefusal(text, absl::StatusCode::kInvalidArgument, "expected a JSON object");
  }
  ExpectRefusal("{}", absl::StatusCode::kInvalidArgument, "\"peft_type\"");
}

// With patterns whose flips are regular expressions of many kinds.
TEST(AdapterSettingsTest, EveryBitFlipIsRefusedOrGivesAScale) {
  const std::string sound = R"({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "use_rslora": true,
      "rank_pattern": {"a.*key": 4}, "alpha_pattern": {"^b(l|k)[0-9]+.*\\w?$": 3}, "init_lora_weights": "eva"})";
  for (size_t bit = 0; bit < sound.size() * 8; ++bit) {
    std::string flipped = sound;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const auto settings = ParseAdapterConfig({reinterpret_cast<const uint8_t*>(flipped.data()), flipped.size()});
    if (!settings.ok()) {
      EXPECT_FALSE(settings.status().message().empty());
    } else if (settings->has_scale()) {
      EXPECT_GT(settings->ScaleOf("base_model.model.blocks.0.att.key", 4), 0) << flipped;
    }
  }
}

TEST(AdapterSettingsTest, OtherKindsAreRefusedByName) {
  for (const char* kind : {"ADALORA", "LOHA", "IA3", "PREFIX_TUNING"}) {
    ExpectRefusal(std::string(R"({"peft_type": ")") + kind + R"("})", absl::StatusCode::kUnimplemented, kind);
  }
}

TEST(AdapterSettingsTest, VariantsThatAreMergedOtherwiseAreRefusedByName) {
  for (const char* variant :
       {R"("use_qalora": true)", R"("alora_invocation_tokens": [1, 2])", R"("layer_replication": [[0, 2]])",
        R"("lora_bias": true)", R"("trainable_token_indices": [5])", R"("target_parameters": ["w1"])"}) {
    const std::string key = std::string(variant).substr(0, std::string(variant).find(':'));
    ExpectRefusal(std::string(R"({"peft_type": "LORA", "r": 4, "lora_alpha": 8, )") + variant + "}",
                  absl::StatusCode::kUnimplemented, key);
  }
}

TEST(AdapterSettingsTest, StartsThatChangeTheModelAreRefused) {
  for (const char* start :
       {"\"pissa\"", "\"pissa_niter_4\"", "\"olora\"", "\"corda\"", "\"loftq\"", "\"lora_ga\"", "3"}) {
    ExpectRefusal(std::string(R"({"peft_type": "LORA", "r": 4, "lora_alpha": 8, "init_lora_weights": )") + start + "}",
                  absl::StatusCode::kUnimplemented, "init_lora_weights");
  }
}

TEST(AdapterSettingsTest, GgufHasThemInItsMetadata) {
  const auto read = [](std::vector<ContainerText> texts) {
    texts.push_back({"general.architecture", "rwkv7"});
    return Read(std::nullopt, std::move(texts));
  };
  const auto settings = read({{"adapter.type", "lora"}, {"adapter.lora.alpha", "8"}});
  ASSERT_TRUE(settings.ok()) << settings.status();
  EXPECT_EQ((*settings)->ScaleOf("blk.0.time_mix_key.weight", 4), 2);
  const auto none = read({{"adapter.type", "lora"}});
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_FALSE(none->has_value());
  for (const char* alpha : {"0", "-1", "nan", "x"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(read({{"adapter.lora.alpha", alpha}}).status())) << alpha;
  }
  EXPECT_TRUE(absl::IsUnimplemented(read({{"adapter.type", "control"}}).status()));
}

TEST(AdapterFileTest, AFolderWithoutAnAdapterSaysWhatWasLookedFor) {
  const TempFolder folder;
  const auto adapter = OpenAdapter({}, SerialHost(), folder.path(), FileAccess::kMap);
  EXPECT_TRUE(absl::IsNotFound(adapter.status())) << adapter.status();
  EXPECT_THAT(std::string(adapter.status().message()), HasSubstr("adapter_model.safetensors"));
}

TEST(AdapterFileTest, AFolderMayHoldPytorchsFileOrOneOfAnyFormat) {
  const FakeFormat format({FakeTensor{"t", SKEIN_DTYPE_F32, {1}, FloatBytes({1}), {}, false}});
  for (const char* name : {"adapter_model.bin", "my_lora.fake"}) {
    const TempFolder folder;
    folder.Write(name, format.contents());
    folder.Write("README.md", "");
    const auto adapter = OpenAdapter(format.plugins(), SerialHost(), folder.path(), FileAccess::kMap);
    EXPECT_TRUE(adapter.ok()) << adapter.status();
  }
}

}  // namespace
}  // namespace skein
