#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/rwkvcpp/reader.h"
#include "tests/unit/plugins/formats/checkpoint_writer.h"
#include "tests/unit/plugins/formats/format_harness.h"

namespace skein::test {
namespace {

using formats::RwkvCpp;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr int32_t kF32 = 0;
constexpr int32_t kF16 = 1;
constexpr int32_t kQ5_1 = 8;

Bytes SmallFile() {
  return RwkvCppWriter(101, kQ5_1, 12)
      .Add("emb.weight", kF32, {3, 2}, Floats({1, 2, 3, 4, 5, 6}))
      .Add("odd", kF16, {1}, {0x00, 0x3c})
      .Add("key", kQ5_1, {32, 2}, Bytes(48, 9))
      .Finish();
}

TEST(RwkvCppTest, GivesShapesInPyTorchOrderAndHeaderAsMetadata) {
  const Outcome outcome = ReadAll<RwkvCpp>(SmallFile());
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_THAT(outcome.tensors.at("emb.weight").shape, ElementsAre(2, 3));
  EXPECT_THAT(FloatsOf(outcome.tensors.at("emb.weight")), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(outcome.tensors.at("odd").dtype, static_cast<uint32_t>(SKEIN_DTYPE_F16));
  EXPECT_EQ(outcome.tensors.at("key").dtype, static_cast<uint32_t>(SKEIN_DTYPE_GGML_Q5_1));
  EXPECT_THAT(outcome.tensors.at("key").shape, ElementsAre(2, 32));
  EXPECT_EQ(outcome.tensors.at("key").packed, Bytes(48, 9));
  EXPECT_THAT(outcome.metadata, UnorderedElementsAre(Pair("rwkvcpp.version", "101"), Pair("rwkvcpp.n_vocab", "256"),
                                                     Pair("rwkvcpp.n_embed", "64"), Pair("rwkvcpp.n_layer", "12"),
                                                     Pair("rwkvcpp.data_type", "Q5_1")));
}

TEST(RwkvCppTest, BlockTypesTakeTheirSizes) {
  constexpr std::pair<int32_t, size_t> kBlockBytes[] = {{2, 18}, {3, 20}, {7, 22}, {8, 24}, {9, 34}};
  for (const auto& [type, bytes] : kBlockBytes) {
    const Outcome outcome = ReadAll<RwkvCpp>(RwkvCppWriter().Add("w", type, {64, 3}, Bytes(6 * bytes)).Finish());
    EXPECT_EQ(outcome.status, SKEIN_OK) << type << ": " << outcome.message;
    EXPECT_EQ(ReadAll<RwkvCpp>(RwkvCppWriter().Add("w", type, {64, 3}, Bytes(6 * bytes - 1)).Finish()).status,
              SKEIN_DATA_LOSS);
  }
  constexpr std::pair<int32_t, size_t> kLargeBlockBytes[] = {{11, 84}, {12, 110}, {13, 144}, {14, 176}, {15, 210}};
  for (const auto& [type, bytes] : kLargeBlockBytes) {
    const Outcome outcome = ReadAll<RwkvCpp>(RwkvCppWriter().Add("w", type, {512, 3}, Bytes(6 * bytes)).Finish());
    EXPECT_EQ(outcome.status, SKEIN_OK) << type << ": " << outcome.message;
    EXPECT_EQ(ReadAll<RwkvCpp>(RwkvCppWriter().Add("w", type, {128, 3}, Bytes(6 * bytes)).Finish()).status,
              SKEIN_DATA_LOSS);
  }
}

TEST(RwkvCppTest, ReadsPlainDataOfEitherVersion) {
  for (const int32_t version : {100, 101}) {
    const Outcome outcome = ReadAll<RwkvCpp>(RwkvCppWriter(version, kF16).Add("w", kF32, {1}, Floats({7})).Finish());
    ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
    EXPECT_THAT(FloatsOf(outcome.tensors.at("w")), ElementsAre(7));
  }
}

TEST(RwkvCppTest, NamesTheTypesItDoesNotRead) {
  constexpr std::pair<int32_t, const char*> kUnread[] = {
      {4, "Q4_1_O"}, {5, "Q4_2"}, {6, "Q4_3"}, {10, "Q8_1"}, {16, "Q8_K"}};
  for (const auto& [type, name] : kUnread) {
    for (const Bytes& file :
         {RwkvCppWriter(101, type).Finish(), RwkvCppWriter(100).Add("w", type, {256}, Bytes(300)).Finish()}) {
      const Outcome outcome = ReadAll<RwkvCpp>(file);
      EXPECT_EQ(outcome.status, SKEIN_UNIMPLEMENTED) << name;
      EXPECT_THAT(outcome.message, HasSubstr("found type " + std::to_string(type) + " (" + name + ")"));
    }
  }
}

TEST(RwkvCppTest, ATruncatedFileFailsUnlessCutBetweenTensors) {
  const Bytes file = SmallFile();
  int accepted = 0;
  ForEachTruncation<RwkvCpp>(file, [&](const Outcome& outcome, size_t length) {
    if (outcome.status == SKEIN_OK) {
      ++accepted;
    } else {
      EXPECT_EQ(outcome.status, SKEIN_DATA_LOSS) << "length " << length;
    }
  });
  EXPECT_EQ(accepted, 3) << "after the header, the first and the second of three tensors";
}

TEST(RwkvCppTest, SurvivesEveryBitFlip) {
  ForEachBitFlip<RwkvCpp>(SmallFile(), [](const Outcome& outcome, size_t byte) {
    EXPECT_TRUE(byte >= 4 || outcome.status == SKEIN_DATA_LOSS) << "magic, byte " << byte;
    EXPECT_EQ(outcome.message.empty(), outcome.status == SKEIN_OK) << "byte " << byte;
  });
}

struct BadFile {
  const char* what;
  Bytes file;
  int32_t status;
  const char* message;
};

class RwkvCppBadFileTest : public ::testing::TestWithParam<BadFile> {};

TEST_P(RwkvCppBadFileTest, IsRefusedWithAReason) {
  const Outcome outcome = ReadAll<RwkvCpp>(GetParam().file, "m.bin");
  EXPECT_EQ(outcome.status, GetParam().status);
  EXPECT_THAT(outcome.message, HasSubstr("m.bin: "));
  EXPECT_THAT(outcome.message, HasSubstr(GetParam().message));
}

constexpr int32_t kHuge = 0x7fffffff;

INSTANTIATE_TEST_SUITE_P(
    Each, RwkvCppBadFileTest,
    ::testing::Values(
        BadFile{"OldVersion", RwkvCppWriter(99).Finish(), SKEIN_UNIMPLEMENTED, "found 99"},
        BadFile{"NewVersion", RwkvCppWriter(102).Finish(), SKEIN_UNIMPLEMENTED, "found 102"},
        BadFile{"NoLayers", RwkvCppWriter(101, kF32, 0).Finish(), SKEIN_DATA_LOSS, "rwkvcpp.n_layer"},
        BadFile{"UnknownDataType", RwkvCppWriter(101, 17).Finish(), SKEIN_UNIMPLEMENTED, "found type 17"},
        BadFile{"OldQuantisedHeader", RwkvCppWriter(100, kQ5_1).Finish(), SKEIN_UNIMPLEMENTED, "version 100"},
        BadFile{"OldQuantisedTensor", RwkvCppWriter(100).Add("w", kQ5_1, {32}, Bytes(24)).Finish(), SKEIN_UNIMPLEMENTED,
                "found Q5_1"},
        BadFile{"NoDimensions", RwkvCppWriter().Add("w", kF32, {}, Bytes(4)).Finish(), SKEIN_DATA_LOSS, "1 to 4"},
        BadFile{"ManyDimensions", RwkvCppWriter().Add("w", kF32, {1, 1, 1, 1, 1}, Bytes(4)).Finish(), SKEIN_DATA_LOSS,
                "found 5"},
        BadFile{"ZeroDimension", RwkvCppWriter().Add("w", kF32, {0}, {}).Finish(), SKEIN_DATA_LOSS, "found 0"},
        BadFile{"NegativeDimension", RwkvCppWriter().Add("w", kF32, {-4}, {}).Finish(), SKEIN_DATA_LOSS, "found -4"},
        BadFile{"EmptyName", RwkvCppWriter().Add("", kF32, {1}, Bytes(4)).Finish(), SKEIN_DATA_LOSS, "1 to 1024"},
        BadFile{"NameTwice", RwkvCppWriter().Add("w", kF32, {1}, Bytes(4)).Add("w", kF32, {1}, Bytes(4)).Finish(),
                SKEIN_DATA_LOSS, "named twice"},
        BadFile{"ElementCountOverflows", RwkvCppWriter().Add("w", kF32, {kHuge, kHuge, kHuge}, {}).Finish(),
                SKEIN_DATA_LOSS, "over 2^64"},
        BadFile{"ByteCountOverflows", RwkvCppWriter().Add("w", kF32, {kHuge, kHuge, 2}, {}).Finish(), SKEIN_DATA_LOSS,
                "over 2^64"},
        BadFile{"PartOfABlock", RwkvCppWriter().Add("w", kQ5_1, {48}, Bytes(48)).Finish(), SKEIN_DATA_LOSS,
                "multiple of 32"}),
    [](const ::testing::TestParamInfo<BadFile>& test) { return test.param.what; });

TEST(RwkvCppTest, ProbeKnowsTheMagicNumber) {
  const Bytes file = SmallFile();
  EXPECT_GE(RwkvCpp::Probe(file, "model"), 90u);
  EXPECT_LT(RwkvCpp::Probe(Bytes(100), "pytorch_model.bin"), 30u);
  EXPECT_EQ(RwkvCpp::Probe(Bytes(2), "model"), 0u);
}

TEST(RwkvCppTest, ReadsATrainedModel) {
  const std::optional<Bytes> file = SharedFile("tiny-rwkv/tiny-rwkv-7v0-834K-FP32.bin");
  if (!file) GTEST_SKIP() << "SKEIN_TEST_DATA is not set";
  const Outcome outcome = ReadAll<RwkvCpp>(*file);
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  // Names, shapes, first and last values: as Python's struct module gives them.
  EXPECT_EQ(outcome.tensors.size(), 339u);
  EXPECT_EQ(outcome.metadata.at("rwkvcpp.n_layer"), "12");
  const ReadBack& head = outcome.tensors.at("head.weight");
  EXPECT_THAT(head.shape, ElementsAre(256, 64));
  EXPECT_EQ(FloatsOf(head).front(), 0.03759765625f);
  EXPECT_EQ(FloatsOf(head).back(), 0.0242919921875f);
  const ReadBack& shift = outcome.tensors.at("blocks.0.att.x_rwkvag");
  EXPECT_THAT(shift.shape, ElementsAre(6, 1, 64));
  EXPECT_EQ(FloatsOf(shift).back(), -0.0013580322265625f);
  EXPECT_THAT(outcome.tensors.at("blocks.3.att.w1").shape, ElementsAre(32, 64));
}

TEST(RwkvCppTest, ReadsEveryVersionAndAQuantisedModel) {
  for (const char* name : {"4v0-660K-FP32", "4v0-660K-Q5_1", "5v2-730K-FP32", "7v0-834K-Q5_1"}) {
    const std::optional<Bytes> file = SharedFile("tiny-rwkv/tiny-rwkv-" + std::string(name) + ".bin");
    if (!file) GTEST_SKIP() << "SKEIN_TEST_DATA is not set";
    const Outcome outcome = ReadAll<RwkvCpp>(*file);
    ASSERT_EQ(outcome.status, SKEIN_OK) << name << ": " << outcome.message;
    const bool quantised = std::string(name).find("Q5_1") != std::string::npos;
    EXPECT_EQ(outcome.tensors.at("blocks.0.ffn.key.weight").dtype,
              static_cast<uint32_t>(quantised ? SKEIN_DTYPE_GGML_Q5_1 : SKEIN_DTYPE_F32))
        << name;
  }
}

}  // namespace
}  // namespace skein::test
