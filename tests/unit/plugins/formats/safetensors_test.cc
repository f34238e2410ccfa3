#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/safetensors/reader.h"
#include "tests/unit/plugins/formats/checkpoint_writer.h"
#include "tests/unit/plugins/formats/format_harness.h"

namespace skein::test {
namespace {

using formats::Safetensors;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

Bytes SmallFile() {
  return SafetensorsWriter()
      .AddToHeader(R"("__metadata__":{"format":"pt","note":"caf\u00e9"})")
      .Add("emb.weight", "F32", "[2,3]", Floats({1, 2, 3, 4, 5, 6}))
      .Add("scalar", "BF16", "[]", {0x80, 0x3f})
      .Add("empty", "F16", "[0,4]", {})
      .Add("ids", "I64", "[1]", Bytes(8, 7))
      .Finish();
}

Outcome ReadHeader(std::string_view header, size_t data_bytes = 0) {
  return ReadAll<Safetensors>(SafetensorsFile(header, Bytes(data_bytes)));
}

TEST(SafetensorsTest, GivesTensorsAndMetadata) {
  const Outcome outcome = ReadAll<Safetensors>(SmallFile());
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  ASSERT_EQ(outcome.tensors.size(), 4u);
  const ReadBack& emb = outcome.tensors.at("emb.weight");
  EXPECT_EQ(emb.dtype, static_cast<uint32_t>(SKEIN_DTYPE_F32));
  EXPECT_THAT(emb.shape, ElementsAre(2, 3));
  EXPECT_THAT(FloatsOf(emb), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_TRUE(outcome.tensors.at("scalar").shape.empty());
  EXPECT_THAT(outcome.tensors.at("scalar").packed, ElementsAre(0x80, 0x3f));
  EXPECT_THAT(outcome.tensors.at("empty").shape, ElementsAre(0, 4));
  EXPECT_THAT(outcome.metadata, UnorderedElementsAre(Pair("format", "pt"), Pair("note", "caf\xc3\xa9")));
}

TEST(SafetensorsTest, ListsATypeItDoesNotReadAndFailsOnlyWhenItIsRead) {
  const Bytes file = SmallFile();
  EXPECT_EQ(ReadAll<Safetensors>(file).tensors.at("ids").dtype, static_cast<uint32_t>(SKEIN_DTYPE_NONE));
  MemoryFolder folder({});
  const plugin::OpenCheckpoint checkpoint("model.st", Safetensors::Read(plugin::Source(&folder.Add("model.st", file))));
  Bytes destination(8);
  try {
    checkpoint.Read(3, destination.data(), destination.size());
    FAIL() << "read a tensor of type I64";
  } catch (const plugin::Error& error) {
    EXPECT_EQ(error.code(), SKEIN_UNIMPLEMENTED);
    EXPECT_THAT(error.what(), HasSubstr("model.st: tensor \"ids\": type I64"));
  }
}

TEST(SafetensorsTest, AcceptsAHeaderPaddedWithSpaces) { EXPECT_EQ(ReadHeader("{}      ").status, SKEIN_OK); }

TEST(SafetensorsTest, FailsAtEveryTruncation) {
  ForEachTruncation<Safetensors>(SmallFile(), [](const Outcome& outcome, size_t length) {
    EXPECT_EQ(outcome.status, SKEIN_DATA_LOSS) << "length " << length;
    EXPECT_THAT(outcome.message, HasSubstr("checkpoint: ")) << "length " << length;
  });
}

TEST(SafetensorsTest, SurvivesEveryBitFlip) {
  const Bytes file = SmallFile();
  int failures = 0;
  ForEachBitFlip<Safetensors>(file, [&](const Outcome& outcome, size_t byte) {
    if (outcome.status != SKEIN_OK) ++failures;
    EXPECT_EQ(outcome.message.empty(), outcome.status == SKEIN_OK) << "byte " << byte;
    EXPECT_TRUE(byte >= 8 || outcome.status != SKEIN_OK) << "header length, byte " << byte;
  });
  EXPECT_GT(failures, 0);
}

struct BadHeader {
  const char* what;
  const char* header;
  size_t data_bytes;
  const char* message;
};

class SafetensorsBadHeaderTest : public ::testing::TestWithParam<BadHeader> {};

TEST_P(SafetensorsBadHeaderTest, IsRefusedWithAReason) {
  const Outcome outcome = ReadHeader(GetParam().header, GetParam().data_bytes);
  EXPECT_THAT(outcome.status, ::testing::AnyOf(SKEIN_DATA_LOSS, SKEIN_UNIMPLEMENTED));
  EXPECT_THAT(outcome.message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Each, SafetensorsBadHeaderTest,
    ::testing::Values(
        BadHeader{"NotJson", "{\"a\":]", 0, "expected JSON"}, BadHeader{"NotAnObject", "[]", 0, "expected '{'"},
        BadHeader{"TrailingText", "{}x", 0, "expected JSON"},
        BadHeader{"UnknownType", R"({"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}})", 4, "F31"},
        BadHeader{"MissingShape", R"({"a":{"dtype":"F32","data_offsets":[0,4]}})", 4, "without shape"},
        BadHeader{"UnknownField", R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}})", 4, "\"x\""},
        BadHeader{"FieldTwice", R"({"a":{"dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4]}})", 4,
                  "shape given twice"},
        BadHeader{
            "NameTwice",
            R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
            2, "named twice"},
        BadHeader{"MetadataTwice", R"({"__metadata__":{},"__metadata__":{}})", 0, "given twice"},
        BadHeader{"MetadataKeyTwice", R"({"__metadata__":{"k":"1","k":"2"}})", 0, "given twice"},
        BadHeader{"MetadataNotText", R"({"__metadata__":{"k":1}})", 0, "expected a string, found a number"},
        BadHeader{"MetadataNested", R"({"__metadata__":{"k":{}}})", 0, "expected a string, found an object"},
        BadHeader{"NegativeDimension", R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", 4, "negative"},
        BadHeader{"FractionalDimension", R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", 4, "1.5"},
        BadHeader{"DimensionOver64Bits", R"({"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}})",
                  4, "99999999999999999999"},
        BadHeader{"NestedShape", R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", 4, "found an array"},
        BadHeader{"NineDimensions", R"({"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}})", 1,
                  "at most 8 dimensions"},
        BadHeader{"ElementCountOverflows",
                  R"({"a":{"dtype":"F32","shape":[9223372036854775808,2],"data_offsets":[0,0]}})", 0, "over 2^64"},
        BadHeader{"EmptyShapeOverflows",
                  R"({"a":{"dtype":"F32","shape":[0,9223372036854775808,2],"data_offsets":[0,0]}})", 0, "over 2^64"},
        BadHeader{"ByteCountOverflows", R"({"a":{"dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0]}})",
                  0, "over 2^64"},
        BadHeader{"OffsetsTooLarge",
                  R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[18446744073709551614,18446744073709551615]}})", 1,
                  "within the 1 bytes"},
        BadHeader{"OffsetsReversed", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", 1, "found [1, 0]"},
        BadHeader{"OneOffset", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}})", 1, "expected 2 data_offsets"},
        BadHeader{"ThreeOffsets", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}})", 2,
                  "expected 2 data_offsets"},
        BadHeader{"SizeDisagrees", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4, "expected 8 bytes"},
        BadHeader{
            "Overlap",
            R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
            3, "expected data at offset 2"},
        BadHeader{
            "Hole",
            R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
            3, "expected data at offset 1"},
        BadHeader{"TrailingBytes", R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 2, "expected 1 bytes"},
        BadHeader{"NulInName", R"({"a\u0000b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1, "printable"},
        BadHeader{"EmptyName", R"({"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1, "1 to 1024"}),
    [](const ::testing::TestParamInfo<BadHeader>& test) { return test.param.what; });

TEST(SafetensorsTest, RefusesAHeaderLengthBeyondTheFile) {
  for (const uint64_t length : {uint64_t{3}, uint64_t{100'000'001}, uint64_t{1} << 63, ~uint64_t{0}}) {
    Bytes file;
    Append(&file, length);
    Append(&file, std::string_view("{}"));
    EXPECT_EQ(ReadAll<Safetensors>(file).status, SKEIN_DATA_LOSS) << length;
  }
}

TEST(SafetensorsTest, RefusesDeepNestingWithoutRecursion) {
  const std::string deep(1'000'000, '[');
  EXPECT_EQ(ReadHeader("{\"a\":" + deep).status, SKEIN_DATA_LOSS);
  EXPECT_EQ(ReadHeader("{\"__metadata__\":{\"a\":" + deep).status, SKEIN_DATA_LOSS);
}

TEST(SafetensorsTest, RefusesMoreTensorsThanAnyModelHas) {
  SafetensorsWriter writer;
  for (int i = 0; i < 65537; ++i) writer.Add(std::to_string(i), "U8", "[0]", {});
  EXPECT_EQ(ReadAll<Safetensors>(writer.Finish()).status, SKEIN_RESOURCE_EXHAUSTED);
}

// --- checkpoints in shards ---

Bytes OneTensor(const std::string& name, const std::vector<float>& values) {
  return SafetensorsWriter().Add(name, "F32", "[" + std::to_string(values.size()) + "]", Floats(values)).Finish();
}

Outcome ReadIndex(std::string_view index, const MemoryFolder::Files& shards) {
  Bytes bytes;
  Append(&bytes, index);
  return ReadAll<Safetensors>(bytes, "m.safetensors.index.json", shards);
}

TEST(SafetensorsIndexTest, GivesEachTensorFromItsShard) {
  const Outcome outcome =
      ReadIndex(R"({"metadata":{"total_size":16,"other":[{"deep":[null,true,-1,1.5]}]},"else":{"weight_map":3},)"
                R"("weight_map":{"a":"1.safetensors","b":"2.safetensors"}})",
                {{"1.safetensors", OneTensor("a", {1, 2})}, {"2.safetensors", OneTensor("b", {3, 4})}});
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_EQ(outcome.tensors.size(), 2u);
  EXPECT_THAT(FloatsOf(outcome.tensors.at("a")), ElementsAre(1, 2));
  EXPECT_THAT(FloatsOf(outcome.tensors.at("b")), ElementsAre(3, 4));
}

TEST(SafetensorsIndexTest, AByteOrderMarkInFrontIsSkipped) {
  const Outcome outcome =
      ReadIndex("\xEF\xBB\xBF{\"weight_map\":{\"a\":\"1.safetensors\"}}", {{"1.safetensors", OneTensor("a", {1, 2})}});
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_THAT(FloatsOf(outcome.tensors.at("a")), ElementsAre(1, 2));
}

TEST(SafetensorsIndexTest, OpensEachShardOnce) {
  SafetensorsWriter writer;
  std::string map;
  for (int i = 0; i < 20; ++i) {
    writer.Add("t" + std::to_string(i), "F32", "[1]", Floats({static_cast<float>(i)}));
    map += (i == 0 ? "\"t" : ",\"t") + std::to_string(i) + "\":\"1.st\"";
  }
  Bytes index;
  Append(&index, std::string_view("{\"weight_map\":{" + map + "}}"));
  MemoryFolder folder({{"1.st", writer.Finish()}});
  const Outcome outcome = ReadAll(plugin::kFormatTable<Safetensors>, folder.Add("model.safetensors.index.json", index));
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_EQ(outcome.tensors.size(), 20u);
  EXPECT_EQ(folder.num_opened(), 1);
}

struct BadIndex {
  const char* what;
  const char* index;
  int32_t status;
  const char* message;
};

class SafetensorsBadIndexTest : public ::testing::TestWithParam<BadIndex> {};

TEST_P(SafetensorsBadIndexTest, IsRefusedWithAReason) {
  const Outcome outcome = ReadIndex(
      GetParam().index, {{"1.st", OneTensor("a", {1, 2})}, {"text", {'h', 'e', 'l', 'l', 'o', ' ', 'y', 'o', 'u'}}});
  EXPECT_EQ(outcome.status, GetParam().status);
  EXPECT_THAT(outcome.message, HasSubstr("m.safetensors.index.json: "));
  EXPECT_THAT(outcome.message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Each, SafetensorsBadIndexTest,
    ::testing::Values(
        BadIndex{"Empty", "", SKEIN_DATA_LOSS, "expected JSON"},
        BadIndex{"NotJson", R"({"weight_map":{"a")", SKEIN_DATA_LOSS, "expected JSON"},
        BadIndex{"AnArray", "[1]", SKEIN_DATA_LOSS, "found an array"},
        BadIndex{"AString", R"("weight_map")", SKEIN_DATA_LOSS, "found a string"},
        BadIndex{"NoMap", "{}", SKEIN_DATA_LOSS, "\"weight_map\", found none"},
        BadIndex{"MapIsAnArray", R"({"weight_map":["1.st"]})", SKEIN_DATA_LOSS, "found an array"},
        BadIndex{"MapIsANumber", R"({"weight_map":7})", SKEIN_DATA_LOSS, "found a number"},
        BadIndex{"MapTwice", R"({"weight_map":{},"weight_map":{}})", SKEIN_DATA_LOSS, "given twice"},
        BadIndex{"ShardIsNull", R"({"weight_map":{"a":null}})", SKEIN_DATA_LOSS, "name of a file, found null"},
        BadIndex{"ShardIsAnObject", R"({"weight_map":{"a":{"b":"1.st"}}})", SKEIN_DATA_LOSS, "found an object"},
        BadIndex{"EmptyTensorName", R"({"weight_map":{"":"1.st"}})", SKEIN_DATA_LOSS, "1 to 1024"},
        BadIndex{"TensorTwice", R"({"weight_map":{"a":"1.st","a":"1.st"}})", SKEIN_DATA_LOSS, "named twice"},
        BadIndex{"NoSuchShard", R"({"weight_map":{"a":"2.st"}})", SKEIN_NOT_FOUND, "no file 2.st"},
        BadIndex{"NoSuchTensor", R"({"weight_map":{"b":"1.st"}})", SKEIN_DATA_LOSS, "\"b\": expected it in \"1.st\""},
        BadIndex{"ShardIsNoSafetensors", R"({"weight_map":{"a":"text"}})", SKEIN_DATA_LOSS,
                 "\"text\": expected a header"},
        BadIndex{"ShardIsTheIndex", R"({"weight_map":{"a":"m.safetensors.index.json"}})", SKEIN_DATA_LOSS,
                 "index.json\": expected a header"},
        BadIndex{"ParentFolder", R"({"weight_map":{"a":"../1.st"}})", SKEIN_INVALID_ARGUMENT, "plain file name"},
        BadIndex{"AbsolutePath", R"({"weight_map":{"a":"/etc/passwd"}})", SKEIN_INVALID_ARGUMENT, "plain file name"},
        BadIndex{"Folder", R"({"weight_map":{"a":"folder/1.st"}})", SKEIN_INVALID_ARGUMENT, "plain file name"},
        BadIndex{"HiddenFile", R"({"weight_map":{"a":".1.st"}})", SKEIN_INVALID_ARGUMENT, "plain file name"},
        BadIndex{"EmptyShardName", R"({"weight_map":{"a":""}})", SKEIN_INVALID_ARGUMENT, "plain file name"},
        BadIndex{"NulInShardName", R"({"weight_map":{"a":"1.st\u0000/../x"}})", SKEIN_INVALID_ARGUMENT,
                 "plain file name"},
        BadIndex{"TotalOverTheShards", R"({"metadata":{"total_size":9000},"weight_map":{"a":"1.st"}})", SKEIN_DATA_LOSS,
                 "total_size"},
        BadIndex{"TotalOver64Bits", R"({"metadata":{"total_size":99999999999999999999},"weight_map":{"a":"1.st"}})",
                 SKEIN_DATA_LOSS, "total_size"},
        BadIndex{"ControlCharacterInShardName", R"({"weight_map":{"a":"\u001b[31m1.st"}})", SKEIN_INVALID_ARGUMENT,
                 "plain file name"},
        BadIndex{"TotalNegative", R"({"metadata":{"total_size":-1},"weight_map":{"a":"1.st"}})", SKEIN_DATA_LOSS,
                 "no negative number"}),
    [](const ::testing::TestParamInfo<BadIndex>& test) { return test.param.what; });

TEST(SafetensorsIndexTest, DeepNestingInWhatIsIgnoredCostsNoRecursion) {
  const std::string deep(1'000'000, '[');
  const std::string closed(1'000'000, ']');
  const Outcome outcome =
      ReadIndex("{\"x\":" + deep + closed + ",\"weight_map\":{\"a\":\"1.st\"}}", {{"1.st", OneTensor("a", {1, 2})}});
  EXPECT_EQ(outcome.status, SKEIN_OK) << outcome.message;
}

TEST(SafetensorsTest, ProbeGoesByContentFirstAndByNameForDamagedFiles) {
  const Bytes file = SmallFile();
  EXPECT_GE(Safetensors::Probe(file, "model"), 90u);
  const uint32_t damaged = Safetensors::Probe(std::span(file).first(4), "model.safetensors");
  EXPECT_GT(damaged, 0u);
  EXPECT_LT(damaged, 50u);
  EXPECT_EQ(Safetensors::Probe(std::span(file).first(4), "model.bin"), 0u);
  Bytes index;
  Append(&index, std::string_view("{\n  \"metadata\": {},\n  \"weight_map\": {}}"));
  EXPECT_GE(Safetensors::Probe(index, "model.json"), 90u);
  Bytes config;
  Append(&config, std::string_view("{\"model_type\": \"rwkv\", \"hidden_size\": 768}"));
  EXPECT_EQ(Safetensors::Probe(config, "config.json"), 0u);
}

}  // namespace
}  // namespace skein::test
