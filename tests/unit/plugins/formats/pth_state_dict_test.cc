// What checkpoints hold around the dict of tensors: the wrappings and settings of trainers, DeepSpeed's files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "formats/pth/reader.h"
#include "tests/unit/plugins/formats/checkpoint_writer.h"
#include "tests/unit/plugins/formats/format_harness.h"

namespace skein::test {
namespace {

using formats::Pth;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Pair;

const Bytes kSix = Floats({0, 1, 2, 3, 4, 5});

Outcome ReadPickled(PickleWriter& pickle, const std::string& path = "m.pth") {
  return ReadAll<Pth>(PthFile(pickle.Finish(), {kSix}), path);
}

// The tensor "w" in a dict, on top of the stack.
PickleWriter& DictWithW(PickleWriter& pickle, const std::vector<int64_t>& shape = {6}) {
  return pickle.Raw("}").Text("w").Tensor("FloatStorage", "0", 6, 0, shape, {1}).Raw("s");
}

class PthWrapperTest : public ::testing::TestWithParam<const char*> {};

TEST_P(PthWrapperTest, IsTakenOff) {
  PickleWriter pickle;
  pickle.Raw("}(").Text("epoch").Int(3).Text(GetParam());
  const Outcome outcome = ReadPickled(DictWithW(pickle).Raw("u"));
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_THAT(outcome.tensors, ElementsAre(Key("w")));
  EXPECT_THAT(outcome.metadata, ElementsAre(Pair("epoch", "3")));
}

INSTANTIATE_TEST_SUITE_P(Each, PthWrapperTest,
                         ::testing::Values("state_dict", "module", "model", "model_state_dict", "weights"));

TEST(PthStateDictTest, WrappersMayLieInEachOtherAndBesideTensors) {
  PickleWriter pickle;
  pickle.Raw("}(").Text("rng_state").Tensor("ByteStorage", "0", 24, 0, {24}, {1}).Text("state_dict").Raw("}");
  pickle.Text("model");
  const Outcome outcome = ReadPickled(DictWithW(pickle).Raw("su"));
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_THAT(outcome.tensors, ElementsAre(Key("w")));
}

TEST(PthStateDictTest, AListGivesItsTensorsByTheirPlaces) {
  for (const auto& [begin, end] : {std::pair("](", "e"), std::pair("(", "t")}) {
    PickleWriter pickle;
    pickle.Raw(begin).Tensor("FloatStorage", "0", 6, 0, {6}, {1}).Tensor("FloatStorage", "0", 6, 2, {3}, {1}).Raw(end);
    const Outcome outcome = ReadPickled(pickle);
    ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
    EXPECT_THAT(outcome.tensors, ElementsAre(Key("0"), Key("1")));
    EXPECT_THAT(FloatsOf(outcome.tensors.at("1")), ElementsAre(2, 3, 4));
  }
}

TEST(PthStateDictTest, AListOfSomethingElseIsRefused) {
  PickleWriter pickle;
  pickle.Raw("](").Tensor("FloatStorage", "0", 6, 0, {6}, {1}).Raw("Ne");
  const Outcome outcome = ReadPickled(pickle);
  EXPECT_EQ(outcome.status, SKEIN_UNIMPLEMENTED);
  EXPECT_THAT(outcome.message, HasSubstr("expected a list of tensors, found one with None at 1"));
  PickleWriter number;
  number.Int(3);
  EXPECT_THAT(ReadPickled(number).message, HasSubstr("expected a dict or a list of tensors at the top"));
}

TEST(PthStateDictTest, AnEmptyWrapperIsNone) {
  PickleWriter pickle;
  pickle.Raw("}(").Text("model").Raw("}").Text("w").Tensor("FloatStorage", "0", 6, 0, {6}, {1}).Raw("u");
  const Outcome outcome = ReadPickled(pickle);
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_THAT(outcome.tensors, ElementsAre(Key("w")));
}

TEST(PthStateDictTest, TheSettingsOfTrainersAreReadAndMeanNothing) {
  PickleWriter pickle;
  pickle.Raw("}(");
  pickle.Text("shape").Global("torch", "Size").Raw("K\x02K\x03\x86\x85R");
  pickle.Text("names").Global("__builtin__", "set").Raw("](").Text("a").Raw("e\x85R");
  pickle.Text("options")
      .Global("argparse", "Namespace")
      .Raw(")\x81}")
      .Text("lr")
      .Raw(std::string_view("G\x3f\xe8\0\0\0\0\0\0", 9));
  pickle.Raw("sb").Text("hyper_parameters").Global("pytorch_lightning.utilities.parsing", "AttributeDict");
  pickle.Raw(")\x81}").Text("n").Raw("K\x01sb");
  pickle.Text("groups").Global("collections", "defaultdict").Global("__builtin__", "dict").Raw("\x85R").Text("k");
  pickle.Raw("K\x02s").Text("ordered").Global("collections", "OrderedDict").Raw(")\x81");
  pickle.Text("type").Global("torch", "bfloat16").Text("bytes").Global("_codecs", "encode").Text("x").Text("latin1");
  pickle.Raw("\x86R").Text("number").Global("numpy.core.multiarray", "scalar").Global("numpy", "dtype").Text("f8");
  pickle.Raw("\x89\x88\x87R(K\x03").Text("<").Raw("NtbX");
  pickle.Raw(std::string_view("\x01\0\0\0x\x86R", 7)).Text("w").Tensor("FloatStorage", "0", 6, 0, {6}, {1}).Raw("u");
  const Outcome outcome = ReadPickled(pickle);
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_THAT(outcome.tensors, ElementsAre(Key("w")));
  EXPECT_THAT(outcome.metadata, ElementsAre());
}

TEST(PthStateDictTest, AValueOfNoConcernIsNoTensorAndCannotBeCalled) {
  for (const char* opcodes :
       {"cargparse\nNamespace\n)\x81)R", "ctorch\nSize\n)R", "ctorch\nSize\nN\x85R", "ctorch\nFloatStorage\n)R",
        "ctorch\nFloatStorage\n)\x81", "N)\x81", "ccollections\nOrderedDict\nN\x81"}) {
    PickleWriter pickle;
    pickle.Raw(opcodes);
    EXPECT_EQ(ReadPickled(pickle).status, SKEIN_DATA_LOSS) << opcodes;
  }
  for (const char* name : {"builtins\neval", "__builtin__\neval", "__builtin__\ngetattr", "os\nsystem", "torch\nload",
                           "posix\nsystem", "numpy\nload", "__builtin__\nobject"}) {
    PickleWriter pickle;
    pickle.Raw("c").Raw(name).Raw("\n");
    EXPECT_EQ(ReadPickled(pickle).status, SKEIN_UNIMPLEMENTED) << name;
  }
}

// --- DeepSpeed ---

TEST(PthDeepSpeedTest, TheModuleOfAWholeModelIsRead) {
  PickleWriter pickle;
  pickle.Raw("}(").Text("module");
  DictWithW(pickle).Text("optimizer").Raw("N").Text("param_shapes").Raw("](}").Text("w");
  pickle.Global("torch", "Size").Raw("K\x06\x85\x85Rse").Text("sparse_tensor_module_names");
  pickle.Global("__builtin__", "set").Raw("]\x85R").Text("mp_world_size").Raw("K\x01").Text("ds_version");
  pickle.Text("0.14.0").Text("ds_config").Raw("}").Text("train_batch_size").Raw("K\x08su");
  const Outcome outcome = ReadPickled(pickle, "mp_rank_00_model_states.pt");
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_THAT(FloatsOf(outcome.tensors.at("w")), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(PthDeepSpeedTest, AModuleOfEmptyTensorsIsRefusedWithAHint) {
  PickleWriter pickle;
  pickle.Raw("}(").Text("module");
  const Outcome outcome = ReadPickled(DictWithW(pickle, {0}).Raw("u"), "zero_pp_rank_0_mp_rank_00_model_states.pt");
  EXPECT_EQ(outcome.status, SKEIN_UNIMPLEMENTED);
  EXPECT_THAT(outcome.message, HasSubstr("ZeRO-3"));
  EXPECT_THAT(outcome.message, HasSubstr("zero_to_fp32.py"));
}

TEST(PthDeepSpeedTest, AnOptimisersFileIsRefusedByItsNameAndByItsContents) {
  for (const char* path : {"zero_pp_rank_0_mp_rank_00_optim_states.pt", "renamed.pt"}) {
    PickleWriter pickle;
    pickle.Raw("}(").Text("optimizer_state_dict").Raw("}").Text("zero_stage").Raw("K\x02s").Text("ds_version");
    const Outcome outcome = ReadPickled(pickle.Text("0.14.0").Raw("u"), path);
    EXPECT_EQ(outcome.status, SKEIN_UNIMPLEMENTED) << path;
    EXPECT_THAT(outcome.message, HasSubstr("the optimiser's file of one DeepSpeed process"));
    EXPECT_THAT(outcome.message, HasSubstr("zero_to_fp32.py"));
  }
}

TEST(PthDeepSpeedTest, ItsClassesAreRefusedWithAHint) {
  PickleWriter pickle;
  pickle.Global("deepspeed.runtime.fp16.loss_scaler", "LossScaler");
  EXPECT_THAT(ReadPickled(pickle).message, HasSubstr("zero_to_fp32.py"));
}

TEST(PthDeepSpeedTest, APartOfAModelIsRefused) {
  PickleWriter pickle;
  pickle.Raw("}(").Text("module");
  const Outcome outcome = ReadPickled(DictWithW(pickle).Text("mp_world_size").Raw("K\x02u"));
  EXPECT_EQ(outcome.status, SKEIN_UNIMPLEMENTED);
  EXPECT_THAT(outcome.message, HasSubstr("one of 2 parts"));
}

TEST(PthDeepSpeedTest, ReadsTheSharedFile) {
  const std::optional<Bytes> file = SharedFile("public-reports/mp_rank_00_model_states.pt");
  const std::optional<Bytes> base = SharedFile("public-reports/base.pth");
  if (!file || !base) GTEST_SKIP() << "SKEIN_TEST_DATA is not set";
  const Outcome outcome = ReadAll<Pth>(*file);
  const Outcome expected = ReadAll<Pth>(*base);
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  ASSERT_EQ(outcome.tensors.size(), expected.tensors.size());
  for (const auto& [name, tensor] : expected.tensors) EXPECT_EQ(outcome.tensors.at(name).packed, tensor.packed) << name;
}

}  // namespace
}  // namespace skein::test
