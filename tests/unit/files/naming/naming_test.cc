#include "files/naming/naming.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "numbers/roles.h"
#include "skein/backend.h"
#include "tests/support/tiny_model.h"

namespace skein {
namespace {

using ::skein::testing::FakeTensor;
using ::skein::testing::Find;
using ::skein::testing::GgufTexts;
using ::skein::testing::kEveryVersion;
using ::skein::testing::Mixes;
using ::skein::testing::NamesOf;
using ::skein::testing::Remove;
using ::skein::testing::TinyBlinkDl;
using ::skein::testing::TinyConfig;
using ::skein::testing::TinyFla;
using ::skein::testing::TinyGguf;
using ::skein::testing::TinyHuggingFace;
using ::skein::testing::TinyHuggingFace7;
using ::skein::testing::TinyRwkvCpp;
using ::skein::testing::VersionText;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

absl::Status Refusal(const std::vector<FakeTensor>& tensors) { return NameTensors(NamesOf(tensors)).status(); }
std::string MessageOf(const std::vector<FakeTensor>& tensors) { return absl::StrCat(Refusal(tensors).message()); }

const TensorLocation& At(const NamedModel& model, uint32_t role, uint32_t layer) {
  return *std::find_if(model.tensors.begin(), model.tensors.end(), [&](const TensorLocation& location) {
    return location.role == role && location.layer == layer;
  });
}

void ExpectTinyDims(const ModelConfig& config, VersionSet version = kV7) {
  const ModelConfig expected = TinyConfig(version);
  EXPECT_EQ(config.generation, expected.generation);
  EXPECT_EQ(config.variant, expected.variant);
  EXPECT_EQ(config.num_layers, expected.num_layers);
  EXPECT_EQ(config.d_model, expected.d_model);
  EXPECT_EQ(config.d_att, expected.d_att);
  EXPECT_EQ(config.d_ffn, expected.d_ffn);
  EXPECT_EQ(config.vocab_size, expected.vocab_size);
  EXPECT_EQ(config.num_heads, expected.num_heads);
  EXPECT_EQ(config.head_size, expected.head_size);
  EXPECT_EQ(config.rank_mix, expected.rank_mix);
  EXPECT_EQ(config.rank_decay, expected.rank_decay);
  EXPECT_EQ(config.rank_iclr, expected.rank_iclr);
  EXPECT_EQ(config.rank_value, expected.rank_value);
  EXPECT_EQ(config.rank_gate, expected.rank_gate);
}

TEST(NamingTest, ReadsTheDimensionsOfABlinkDlModelFromItsShapes) {
  for (const VersionSet version : kEveryVersion) {
    const auto model = NameTensors(NamesOf(TinyBlinkDl(version)));
    ASSERT_TRUE(model.ok()) << VersionText(version) << ": " << model.status();
    EXPECT_STREQ(model->scheme->name, "BlinkDL");
    ExpectTinyDims(model->config, version);
  }
}

TEST(NamingTest, ReadsTheDimensionsOfAnRwkvCppModelFromItsShapes) {
  const auto model = NameTensors(NamesOf(TinyRwkvCpp()));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_STREQ(model->scheme->name, "rwkv.cpp");
  ExpectTinyDims(model->config);
  EXPECT_EQ(At(*model, SKEIN_ROLE_V7_MIX_A, 0).part.stored, Stored::kRow);
  EXPECT_EQ(At(*model, SKEIN_ROLE_V7_MIX_A, 0).part.part, 4);
}

TEST(NamingTest, LocationsHaveTheShapesOfTheirRoles) {
  for (const auto& tensors : {TinyBlinkDl(), TinyRwkvCpp()}) {
    const auto model = NameTensors(NamesOf(tensors));
    ASSERT_TRUE(model.ok());
    EXPECT_THAT(At(*model, SKEIN_ROLE_V7_GATE_DOWN, 1).shape, ElementsAre(6, 8));
    EXPECT_THAT(At(*model, SKEIN_ROLE_V7_BONUS, 0).shape, ElementsAre(2, 4));
    EXPECT_THAT(At(*model, SKEIN_ROLE_V7_MIX_A, 0).shape, ElementsAre(8));
    EXPECT_THAT(At(*model, SKEIN_ROLE_CHANNEL_KEY, 1).shape, ElementsAre(12, 8));
    EXPECT_THAT(At(*model, SKEIN_ROLE_CHANNEL_VALUE, 1).shape, ElementsAre(8, 12));
  }
  const auto v6 = NameTensors(NamesOf(TinyBlinkDl(kV6)));
  ASSERT_TRUE(v6.ok());
  EXPECT_THAT(At(*v6, SKEIN_ROLE_V6_MIX_DOWN_R, 1).shape, ElementsAre(2, 8));
  EXPECT_THAT(At(*v6, SKEIN_ROLE_V6_MIX_UP_R, 1).shape, ElementsAre(8, 2));
  EXPECT_THAT(At(*v6, SKEIN_ROLE_V6_DECAY_UP, 1).shape, ElementsAre(12, 3));
  EXPECT_THAT(At(*v6, SKEIN_ROLE_TIME_OUTPUT, 1).shape, ElementsAre(8, 12));
}

TEST(NamingTest, TensorsComeInTheOrderOfTheModel) {
  for (const VersionSet version : kEveryVersion) {
    const auto model = NameTensors(NamesOf(TinyBlinkDl(version)));
    ASSERT_TRUE(model.ok());
    const std::vector<ExpectedTensor> expected = ExpectedTensors(model->config);
    ASSERT_EQ(model->tensors.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(model->tensors[i].role, expected[i].role->role) << i;
      EXPECT_EQ(model->tensors[i].layer, expected[i].layer) << i;
    }
    EXPECT_EQ(model->tensors.front().role, uint32_t{SKEIN_ROLE_EMBEDDING});
    EXPECT_EQ(model->tensors.back().role, uint32_t{SKEIN_ROLE_HEAD});
  }
}

TEST(NamingTest, AWrapperInFrontOfAllNamesIsIgnored) {
  std::vector<FakeTensor> tensors = TinyBlinkDl();
  for (FakeTensor& tensor : tensors) tensor.name = "_forward_module." + tensor.name;
  const auto model = NameTensors(NamesOf(tensors));
  ASSERT_TRUE(model.ok()) << model.status();
  ExpectTinyDims(model->config);
}

TEST(NamingTest, VectorsMayHaveAnyNumberOfDimensionsOfSizeOne) {
  std::vector<FakeTensor> tensors = TinyBlinkDl();
  Find(tensors, "blocks.0.att.x_r").shape = {8};
  Find(tensors, "blocks.1.att.w0").shape = {1, 8};
  Find(tensors, "blocks.1.ln1.weight").shape = {8, 1, 1};
  EXPECT_TRUE(Refusal(tensors).ok()) << Refusal(tensors);
}

TEST(NamingTest, OneHeadKeepsItsBonusTwoDimensional) {
  std::vector<FakeTensor> tensors = TinyBlinkDl();
  Find(tensors, "blocks.0.att.r_k").shape = {1, 8};
  Find(tensors, "blocks.1.att.r_k").shape = {1, 8};
  const auto model = NameTensors(NamesOf(tensors));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->config.num_heads, 1u);
  EXPECT_EQ(model->config.head_size, 8u);
  EXPECT_THAT(At(*model, SKEIN_ROLE_V7_BONUS, 1).shape, ElementsAre(1, 8));
}

TEST(NamingTest, TheValueResidualOfLayerZeroIsIgnoredWhateverItsShape) {
  std::vector<FakeTensor> tensors = TinyBlinkDl();
  for (const char* name : {"blocks.0.att.v0", "blocks.0.att.v1", "blocks.0.att.v2"}) {
    tensors.push_back({name, SKEIN_DTYPE_F32, {77}, {}, {}, false});
  }
  const auto model = NameTensors(NamesOf(tensors));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->config.rank_value, 1u);
  EXPECT_EQ(model->tensors.size(), TinyBlinkDl().size());
}

TEST(NamingTest, AModelOfOneLayerNeedsNoValueResidual) {
  std::vector<FakeTensor> tensors = TinyBlinkDl();
  tensors.erase(std::remove_if(tensors.begin(), tensors.end(),
                               [](const FakeTensor& t) { return t.name.rfind("blocks.1.", 0) == 0; }),
                tensors.end());
  const auto model = NameTensors(NamesOf(tensors));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->config.num_layers, 1u);
  EXPECT_EQ(model->config.rank_value, 0u);
}

TEST(NamingTest, OneHeadOfRwkv5IsNotTakenForOneDecayPerHead) {
  std::vector<FakeTensor> tensors = TinyBlinkDl(kV52);
  for (const char* name : {"time_decay", "time_faaaa"}) {
    for (const char* block : {"blocks.0.att.", "blocks.1.att."}) {
      Find(tensors, std::string(block) + name).shape = {1, 12};
    }
  }
  const auto model = NameTensors(NamesOf(tensors));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(VersionOf(model->config), kV52);
  EXPECT_EQ(model->config.num_heads, 1u);
  EXPECT_EQ(model->config.head_size, 12u);
}

TEST(NamingTest, NamesTheFirstTensorThatIsMissing) {
  for (const VersionSet version : kEveryVersion) {
    for (const FakeTensor& tensor : TinyBlinkDl(version)) {
      std::vector<FakeTensor> tensors = TinyBlinkDl(version);
      Remove(tensors, tensor.name);
      EXPECT_EQ(Refusal(tensors).code(), absl::StatusCode::kInvalidArgument) << tensor.name;
      // These tensors tell the version, or whether the names are web-rwkv's.
      const bool is_telltale = tensor.name == "blocks.0.att.r_k" || tensor.name == "blocks.0.att.time_maa_x" ||
                               tensor.name == "blocks.0.att.gate.weight" || tensor.name == "blocks.0.att.time_decay" ||
                               tensor.name == "blocks.0.att.ln_x.weight";
      if (is_telltale) continue;
      EXPECT_THAT(MessageOf(tensors), HasSubstr("tensor \"" + tensor.name + "\" is missing"));
    }
  }
}

TEST(NamingTest, NamesATensorThatNoModelHas) {
  std::vector<FakeTensor> tensors = TinyBlinkDl();
  tensors.push_back({"blocks.1.att.mystery", SKEIN_DTYPE_F32, {8}, {}, {}, false});
  EXPECT_EQ(Refusal(tensors).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(MessageOf(tensors), HasSubstr("\"blocks.1.att.mystery\" [8]"));
}

TEST(NamingTest, AShapeThatContradictsAnotherNamesBothTensors) {
  std::vector<FakeTensor> tensors = TinyBlinkDl();
  Find(tensors, "blocks.1.att.w1").shape = {8, 4};
  EXPECT_THAT(MessageOf(tensors),
              AllOf(HasSubstr("\"blocks.1.att.w1\": expected [8, 3]"), HasSubstr("\"blocks.0.att.w1\" [8, 3] (R_w)"),
                    HasSubstr("\"emb.weight\" [5, 8] (C)"), HasSubstr("found [8, 4]")));
}

TEST(NamingTest, HeadsThatDoNotFillTheWidthNameBothTensors) {
  std::vector<FakeTensor> tensors = TinyBlinkDl();
  Find(tensors, "blocks.0.att.r_k").shape = {2, 5};
  EXPECT_THAT(MessageOf(tensors), AllOf(HasSubstr("\"blocks.0.att.r_k\" [2, 5]"), HasSubstr("\"emb.weight\" [5, 8]"),
                                        HasSubstr("found 2 * 5 = 10")));
  tensors = TinyBlinkDl(kV51);
  Find(tensors, "blocks.0.att.time_decay").shape = {5};
  EXPECT_THAT(MessageOf(tensors), AllOf(HasSubstr("\"blocks.0.att.time_decay\" [5]"),
                                        HasSubstr("\"blocks.0.att.key.weight\" [12, 8] (A)")));
}

TEST(NamingTest, EveryWrongShapeIsRefused) {
  for (const VersionSet version : kEveryVersion) {
    for (const FakeTensor& tensor : TinyBlinkDl(version)) {
      for (size_t d = 0; d < tensor.shape.size(); ++d) {
        for (const uint64_t size : {uint64_t{0}, tensor.shape[d] + 1, uint64_t{1} << 40, ~uint64_t{0}}) {
          std::vector<FakeTensor> tensors = TinyBlinkDl(version);
          Find(tensors, tensor.name).shape[d] = size;
          EXPECT_FALSE(Refusal(tensors).ok()) << tensor.name << " " << d << " " << size;
        }
      }
      std::vector<FakeTensor> tensors = TinyBlinkDl(version);
      Find(tensors, tensor.name).shape = {};
      EXPECT_FALSE(Refusal(tensors).ok()) << tensor.name;
    }
  }
}

TEST(NamingTest, ARescaleBeyondReasonIsRefused) {
  std::vector<ContainerText> texts = GgufTexts(kV6);
  texts.push_back({"skein.rescale_every", "0"});
  const auto none = NameTensors(NamesOf(TinyGguf(kV6)), texts);
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_EQ(At(*none, SKEIN_ROLE_TIME_OUTPUT, 1).map.factor, 1.0f);
  texts.back().value = "1";
  const auto each = NameTensors(NamesOf(TinyGguf(kV6)), texts);
  ASSERT_TRUE(each.ok()) << each.status();
  EXPECT_EQ(At(*each, SKEIN_ROLE_TIME_OUTPUT, 0).map.factor, 1.0f);
  EXPECT_EQ(At(*each, SKEIN_ROLE_TIME_OUTPUT, 1).map.factor, 2.0f);
  EXPECT_EQ(At(*each, SKEIN_ROLE_CHANNEL_VALUE, 1).map.factor, 2.0f);
  EXPECT_EQ(At(*each, SKEIN_ROLE_TIME_KEY, 1).map.factor, 1.0f);
}

TEST(NamingTest, ANameThatIsThereTwiceIsRefused) {
  std::vector<FakeTensor> tensors = TinyBlinkDl();
  tensors.push_back(tensors[3]);
  EXPECT_THAT(MessageOf(tensors), HasSubstr("is there twice"));
}

TEST(NamingTest, TheFusedMixOfRwkvCppMustHaveSixRows) {
  std::vector<FakeTensor> tensors = TinyRwkvCpp();
  Find(tensors, "blocks.1.att.x_rwkvag").shape = {5, 1, 8};
  EXPECT_THAT(MessageOf(tensors), AllOf(HasSubstr("\"blocks.1.att.x_rwkvag\""), HasSubstr("expected [6, 8]")));
}

TEST(NamingTest, LayerNumbersThatNoModelHasAreRefused) {
  for (const char* name : {"blocks.5000.ln1.weight", "blocks.4294967295.ln1.weight",
                           "blocks.99999999999999999999.ln1.weight", "blocks.-1.ln1.weight", "blocks..ln1.weight"}) {
    std::vector<FakeTensor> tensors = TinyBlinkDl();
    tensors.push_back({name, SKEIN_DTYPE_F32, {8}, {}, {}, false});
    EXPECT_FALSE(Refusal(tensors).ok()) << name;
  }
}

TEST(NamingTest, NothingIsNoModel) {
  EXPECT_EQ(Refusal({}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(MessageOf({{"weight", SKEIN_DTYPE_F32, {8}, {}, {}, false}}), HasSubstr("\"weight\""));
}

// The tensors that tell a model which is recognised but not run.
struct OtherModel {
  const char* expected;
  std::vector<NamedShape> tensors;
  std::vector<ContainerText> texts = {};
};

NamedShape Block(const char* name, std::vector<uint64_t> shape = {8}) {
  return {std::string("blocks.0.") + name, std::move(shape)};
}

class OtherModelsTest : public ::testing::TestWithParam<OtherModel> {};

TEST_P(OtherModelsTest, IsRefusedByName) {
  const absl::Status status = NameTensors(GetParam().tensors, GetParam().texts).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().expected));
  EXPECT_THAT(std::string(status.message()), HasSubstr("this version runs RWKV-4, 5.0, 5.1, 5.2, 6"));
}

std::vector<NamedShape> Version4With(const char* name) {
  std::vector<NamedShape> tensors = NamesOf(TinyBlinkDl(kV4));
  tensors.push_back({name, {8, 8}});
  return tensors;
}

INSTANTIATE_TEST_SUITE_P(
    All, OtherModelsTest,
    ::testing::Values(
        OtherModel{"pos_emb", Version4With("pos_emb")}, OtherModel{"pos_emb", Version4With("blocks.0.pos_emb_x")},
        OtherModel{"ffnPre", Version4With("blocks.0.ffnPre.key.weight")},
        OtherModel{"tiny attention", Version4With("blocks.1.tiny_q.weight")},
        OtherModel{"copy head", Version4With("head_q.weight")},
        OtherModel{"RWKV-6a", {Block("att.time_maa_x"), Block("att.time_maa_w1"), Block("att.gate_w1")}},
        OtherModel{"RWKV-6b", {Block("att.time_maa_x"), Block("att.time_maa_rkvw_w1")}},
        OtherModel{"RWKV-7a", {Block("att.r_k"), Block("ffn.s_emb.weight")}},
        OtherModel{"RWKV-7b", {Block("att.r_k"), Block("ffn.s_emb.weight"), Block("qkv.qq.weight"), Block("qkv.k1")}},
        OtherModel{"RWKV-8 rc00:", {Block("att.r_k"), Block("ffn.enn.weight")}},
        OtherModel{"RWKV-8 rc00 hybrid", {Block("att.r_k"), Block("ffn.enn.weight"), Block("qkv.ennk.weight")}},
        OtherModel{"RWKV-8 (ROSA)", {Block("rosa.rosa_qkv.emb")}},
        OtherModel{"rwkv pip package", Version4With("_strategy")},
        OtherModel{"rwkv pip package", NamesOf(TinyBlinkDl(kV4)), {{"_version", "0.7"}}},
        OtherModel{
            "architecture \"rwkv6qwen2\"", {{"token_embd.weight", {8, 8}}}, {{"general.architecture", "rwkv6qwen2"}}}));

TEST(NamingTest, WrappersMayStandInFrontOfEveryScheme) {
  const auto name_wrapped = [](std::vector<FakeTensor> tensors) {
    for (FakeTensor& tensor : tensors) tensor.name = "_forward_module.module." + tensor.name;
    return NameTensors(NamesOf(tensors)).status();
  };
  for (const VersionSet version : kEveryVersion) EXPECT_TRUE(name_wrapped(TinyBlinkDl(version)).ok());
  EXPECT_TRUE(name_wrapped(TinyHuggingFace(kV6)).ok());
  EXPECT_TRUE(name_wrapped(TinyHuggingFace7()).ok());
  EXPECT_TRUE(name_wrapped(TinyFla(Mixes::kFused)).ok());
}

TEST(NamingTest, AFileThatGoesWithAModelSaysSo) {
  const auto message = [](const char* name) {
    return std::string(NameTensors(std::vector<NamedShape>{{name, {2, 3}}}).status().message());
  };
  EXPECT_THAT(message("base_model.model.blocks.0.att.key.lora_A.weight"), HasSubstr("option lora"));
  EXPECT_THAT(message("blk.0.time_mix_key.weight.lora_a"), HasSubstr("option lora"));
  EXPECT_THAT(message("blocks.0.att.time_state"), HasSubstr("option state"));
  EXPECT_THAT(message("some.weight"), Not(HasSubstr("option")));
}

TEST(NamingTest, AWrapperStandsInFrontOfAllNames) {
  EXPECT_EQ(FindWrapper(std::vector<NamedShape>{{"a.blocks.0.x", {}}, {"a.head", {}}}), "a.");
  EXPECT_EQ(FindWrapper(std::vector<NamedShape>{{"a.blocks.0.x", {}}, {"head", {}}}), "");
  EXPECT_EQ(FindWrapper(std::vector<NamedShape>{{"blocks.0.x", {}}, {"head", {}}}), "");
  EXPECT_EQ(FindWrapper(std::vector<NamedShape>{{"module.rwkv.blocks.0.x", {}}, {"module.head.weight", {}}}),
            "module.");
  EXPECT_EQ(FindWrapper(std::vector<NamedShape>{{"module.model.layers.0.x", {}}, {"module.lm_head.weight", {}}}),
            "module.");
  EXPECT_EQ(FindWrapper(std::vector<NamedShape>{{"model.layers.0.x", {}}, {"model.embeddings.weight", {}}}), "")
      << "the names of the scheme itself";
  EXPECT_EQ(FindWrapper({}), "");
}

}  // namespace
}  // namespace skein
