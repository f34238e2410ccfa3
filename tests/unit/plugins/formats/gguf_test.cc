#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/gguf/reader.h"
#include "formats/gguf/vocabulary.h"
#include "tests/unit/plugins/formats/checkpoint_writer.h"
#include "tests/unit/plugins/formats/format_harness.h"
#include "tokenizers/world/vocabulary.h"

namespace skein::test {
namespace {

using formats::Gguf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr uint32_t kF32 = 0;
constexpr uint32_t kF16 = 1;
constexpr uint32_t kQ8_0 = 8;
constexpr uint32_t kIq2Xxs = 16;

Bytes SmallFile() {
  return GgufWriter()
      .Text("general.architecture", "rwkv7")
      .Uint32("rwkv7.block_count", 12)
      .Texts("tokenizer.ggml.tokens", {"<s>", "a"})
      .Add("emb", kF32, {3, 2}, Floats({1, 2, 3, 4, 5, 6}))
      .Add("odd", kF16, {1}, {0x00, 0x3c})
      .Add("blocks", kQ8_0, {32, 2}, Bytes(68, 9))
      .Finish();
}

TEST(GgufTest, GivesShapesInPyTorchOrderAndMetadata) {
  const Outcome outcome = ReadAll<Gguf>(SmallFile());
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_EQ(outcome.tensors.size(), 3u);
  EXPECT_THAT(outcome.tensors.at("emb").shape, ElementsAre(2, 3));
  EXPECT_THAT(FloatsOf(outcome.tensors.at("emb")), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(outcome.tensors.at("odd").dtype, static_cast<uint32_t>(SKEIN_DTYPE_F16));
  EXPECT_THAT(outcome.tensors.at("odd").packed, ElementsAre(0x00, 0x3c));
  EXPECT_EQ(outcome.tensors.at("blocks").dtype, static_cast<uint32_t>(SKEIN_DTYPE_GGML_Q8_0));
  EXPECT_EQ(outcome.tensors.at("blocks").packed, Bytes(68, 9));
  EXPECT_THAT(outcome.metadata,
              UnorderedElementsAre(Pair("general.architecture", "rwkv7"), Pair("rwkv7.block_count", "12")));
}

TEST(GgufTest, ReadsVersionTwoToo) {
  const Outcome outcome = ReadAll<Gguf>(GgufWriter(2).Add("w", kF32, {1}, Floats({5})).Finish());
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_THAT(FloatsOf(outcome.tensors.at("w")), ElementsAre(5));
}

TEST(GgufTest, HonoursTheAlignmentKey) {
  for (const uint32_t alignment : {1u, 8u, 256u}) {
    const Outcome outcome = ReadAll<Gguf>(
        GgufWriter().Alignment(alignment).Add("a", kF16, {1}, {1, 2}).Add("b", kF32, {1}, Floats({5})).Finish());
    ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
    EXPECT_THAT(FloatsOf(outcome.tensors.at("b")), ElementsAre(5)) << alignment;
  }
}

TEST(GgufTest, RefusesAnAdapterThatActsFromCertainTokensOn) {
  const Outcome outcome = ReadAll<Gguf>(GgufWriter().Int32s("adapter.alora.invocation_tokens", {5, 6}).Finish());
  EXPECT_EQ(outcome.status, SKEIN_UNIMPLEMENTED);
  EXPECT_THAT(outcome.message, HasSubstr("activated LoRA"));
}

TEST(GgufTest, AFileMayHaveNoTensors) { EXPECT_EQ(ReadAll<Gguf>(GgufWriter().Finish()).status, SKEIN_OK); }

// --- a file that ggml wrote: every type of value, and tensors that it converted and quantised itself ---

class GgufOfGgmlTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::ifstream in(std::string(SKEIN_TESTS_DIR) + "/unit/plugins/formats/data/ggml.gguf", std::ios::binary);
    ASSERT_TRUE(in.is_open());
    outcome_ = ReadAll<Gguf>(Bytes(std::istreambuf_iterator<char>(in), {}));
    ASSERT_EQ(outcome_.status, SKEIN_OK) << outcome_.message;
  }

  // Element i of every tensor is this, as near as its type comes; exactly in the plain float types.
  static float Value(size_t i) { return static_cast<float>(static_cast<int>(i * 37 % 101) - 50) / 16; }

  Outcome outcome_;
};

TEST_F(GgufOfGgmlTest, HasItsMetadata) {
  EXPECT_THAT(
      outcome_.metadata,
      UnorderedElementsAre(
          Pair("general.architecture", "rwkv7"), Pair("general.name", "tiny goose"),
          Pair("general.license", "apache-2.0"), Pair("test.u8", "200"), Pair("test.i8", "-100"),
          Pair("test.u16", "60000"), Pair("test.i16", "-30000"), Pair("rwkv7.wkv.head_size", "64"),
          Pair("test.i32", "-2000000000"), Pair("rwkv7.attention.layer_norm_epsilon", "1e-05"),
          Pair("test.u64", "18446744073709551615"), Pair("test.i64", "-9223372036854775808"), Pair("test.f64", "0.1"),
          Pair("test.bool", "true"), Pair("tokenizer.ggml.model", "rwkv"), Pair("tokenizer.ggml.eos_token_id", "0"),
          Pair("tokenizer.chat_template", "rwkv-world"), Pair("skein.name", "tiny goose"),
          Pair("skein.licence", "apache-2.0"), Pair("skein.end_token", "0"), Pair("skein.chat_template", "rwkv-world"),
          Pair("skein.norm_epsilon", "1e-05"), Pair("skein.tokenizer.kind", "world"),
          Pair("skein.tokenizer.vocabulary",
               "1 b'\\x0a' 1\n2 b'\\x27' 1\n3 b'\"' 1\n4 b'\\x27\"' 2\n5 b'\\x5c' 1\n6 b'\\xff\\x00' 2\n"
               "7 b' the \\xe2\\x82\\xac' 8\n")));
}

TEST_F(GgufOfGgmlTest, HasItsTensors) {
  struct Expected {
    const char* name;
    uint32_t dtype;
    std::vector<uint64_t> shape;
    size_t bytes;
  };
  const Expected expected[] = {
      {"f32", SKEIN_DTYPE_F32, {2, 3}, 24},
      {"f16", SKEIN_DTYPE_F16, {3, 1, 5}, 30},
      {"bf16", SKEIN_DTYPE_BF16, {7}, 14},
      {"f64", SKEIN_DTYPE_F64, {2, 2}, 32},
      {"i32", SKEIN_DTYPE_NONE, {3}, 0},
      {"q4_0", SKEIN_DTYPE_GGML_Q4_0, {2, 32}, 36},
      {"q4_1", SKEIN_DTYPE_GGML_Q4_1, {2, 32}, 40},
      {"q5_0", SKEIN_DTYPE_GGML_Q5_0, {2, 32}, 44},
      {"q5_1", SKEIN_DTYPE_GGML_Q5_1, {2, 32}, 48},
      {"q8_0", SKEIN_DTYPE_GGML_Q8_0, {3, 2, 32}, 204},
      {"q4_k", SKEIN_DTYPE_GGML_Q4_K, {2, 256}, 288},
      {"q5_k", SKEIN_DTYPE_GGML_Q5_K, {2, 256}, 352},
      {"q6_k", SKEIN_DTYPE_GGML_Q6_K, {2, 256}, 420},
      {"q2_k", SKEIN_DTYPE_GGML_Q2_K, {256}, 84},
  };
  EXPECT_EQ(outcome_.tensors.size(), std::size(expected));
  for (const Expected& each : expected) {
    const ReadBack& tensor = outcome_.tensors.at(each.name);
    EXPECT_EQ(tensor.dtype, each.dtype) << each.name;
    EXPECT_EQ(tensor.shape, each.shape) << each.name;
    EXPECT_EQ(tensor.packed.size(), each.bytes) << each.name;
  }
}

TEST_F(GgufOfGgmlTest, HasTheValuesOfPlainTensors) {
  const std::vector<float> f32 = FloatsOf(outcome_.tensors.at("f32"));
  for (size_t i = 0; i < f32.size(); ++i) EXPECT_EQ(f32[i], Value(i)) << i;
  const Bytes& f64 = outcome_.tensors.at("f64").packed;
  for (size_t i = 0; i < f64.size() / sizeof(double); ++i) {
    double value;
    std::memcpy(&value, f64.data() + i * sizeof(double), sizeof(double));
    EXPECT_EQ(value, Value(i)) << i;
  }
  const Bytes& bf16 = outcome_.tensors.at("bf16").packed;
  for (size_t i = 0; i < bf16.size() / 2; ++i) {
    const uint32_t bits = uint32_t{bf16[2 * i]} << 16 | uint32_t{bf16[2 * i + 1]} << 24;
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    EXPECT_EQ(value, Value(i)) << i;
  }
}

TEST_F(GgufOfGgmlTest, HasAVocabularyThatTheWorldTokenizerReads) {
  const std::string& file = outcome_.metadata.at("skein.tokenizer.vocabulary");
  const tokenizers::Vocabulary vocabulary({reinterpret_cast<const uint8_t*>(file.data()), file.size()});
  EXPECT_EQ(vocabulary.num_ids(), 8u);
  EXPECT_EQ(vocabulary.text(0), "");
  EXPECT_EQ(vocabulary.text(1), "\n");
  EXPECT_EQ(vocabulary.text(4), "'\"");
  EXPECT_EQ(vocabulary.text(5), "\\");
  EXPECT_EQ(vocabulary.text(6), std::string_view("\xff\0", 2));
  EXPECT_EQ(vocabulary.text(7), " the \u20ac");
}

// --- metadata under "skein." ---

TEST(GgufVocabularyTest, WithoutTypesTheMadeUpTokensAreToldByTheirText) {
  const std::vector<std::string_view> tokens = {"<s>", "<s>", "[PAD2]", "[PAD2]", "\\x41\\t"};
  EXPECT_EQ(formats::WorldVocabularyFile(tokens, {}), "1 b'<s>' 3\n3 b'[PAD2]' 6\n4 b'A\\x09' 2\n");
}

TEST(GgufVocabularyTest, AnyOtherEscapedCharacterStandsForItself) {
  const std::vector<std::string_view> tokens = {"\\'\\\"\\\\\\q", "\xc3\xa9"};
  EXPECT_EQ(formats::WorldVocabularyFile(tokens, {}), "0 b'\\x27\"\\x5cq' 4\n1 b'\\xc3\\xa9' 2\n");
}

TEST(GgufVocabularyTest, RefusesMalformedEscapesAndCounts) {
  const std::vector<int32_t> types = {1};
  const std::vector<std::string_view> two = {"a", "b"};
  EXPECT_THROW(formats::WorldVocabularyFile(two, types), plugin::Error);
  for (const std::string_view token : {"\\", "a\\", "\\x", "\\x4", "\\xg0", "\\x4g"}) {
    const std::vector<std::string_view> tokens = {"a", token};
    try {
      formats::WorldVocabularyFile(tokens, {});
      FAIL() << token;
    } catch (const plugin::Error& error) {
      EXPECT_EQ(error.code(), SKEIN_DATA_LOSS);
      EXPECT_THAT(error.what(), HasSubstr("token 1: malformed escape"));
    }
  }
}

TEST(GgufTest, TellsHowOftenAnRwkv6ModelIsRescaled) {
  const Outcome every_six = ReadAll<Gguf>(
      GgufWriter().Text("general.architecture", "rwkv6").Uint32("rwkv6.rescale_every_n_layers", 6).Finish());
  EXPECT_EQ(every_six.metadata.at("skein.rescale_every"), "6");
  const Outcome never = ReadAll<Gguf>(
      GgufWriter().Text("general.architecture", "rwkv6").Uint32("rwkv6.rescale_every_n_layers", 0).Finish());
  EXPECT_THAT(never.metadata, Not(Contains(Key("skein.rescale_every"))));
}

TEST(GgufTest, HandsOverWorldVocabulariesOnly) {
  for (const char* model : {"gpt2", "llama", "no_vocab"}) {
    const Outcome outcome = ReadAll<Gguf>(
        GgufWriter().Text("tokenizer.ggml.model", model).Texts("tokenizer.ggml.tokens", {"\\", "b"}).Finish());
    EXPECT_EQ(outcome.status, SKEIN_OK) << outcome.message;
    EXPECT_THAT(outcome.metadata, ElementsAre(Pair("tokenizer.ggml.model", model)));
  }
}

// --- models in several files ---

Bytes Part(uint16_t number, uint16_t count, int32_t num_tensors, const std::string& tensor) {
  Bytes no;
  Append(&no, number);
  Bytes of;
  Append(&of, count);
  Bytes tensors;
  Append(&tensors, num_tensors);
  return GgufWriter()
      .Number("split.no", 2, no)
      .Number("split.count", 2, of)
      .Number("split.tensors.count", 5, tensors)
      .Add(tensor, kF32, {1}, Floats({static_cast<float>(number)}))
      .Finish();
}

TEST(GgufSplitTest, GivesTheTensorsOfAllFiles) {
  const Outcome outcome =
      ReadAll<Gguf>(Part(0, 3, 3, "a"), "m-00001-of-00003.gguf",
                    {{"m-00002-of-00003.gguf", Part(1, 3, 3, "b")}, {"m-00003-of-00003.gguf", Part(2, 3, 3, "c")}});
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_THAT(FloatsOf(outcome.tensors.at("a")), ElementsAre(0));
  EXPECT_THAT(FloatsOf(outcome.tensors.at("b")), ElementsAre(1));
  EXPECT_THAT(FloatsOf(outcome.tensors.at("c")), ElementsAre(2));
}

TEST(GgufSplitTest, IsOpenedByAnyOfItsFiles) {
  const MemoryFolder::Files files = {{"m-00001-of-00003.gguf", Part(0, 3, 3, "a")},
                                     {"m-00002-of-00003.gguf", Part(1, 3, 3, "b")},
                                     {"m-00003-of-00003.gguf", Part(2, 3, 3, "c")}};
  for (const auto& [path, file] : files) {
    const Outcome outcome = ReadAll<Gguf>(file, path, files);
    ASSERT_EQ(outcome.status, SKEIN_OK) << path << ": " << outcome.message;
    EXPECT_THAT(FloatsOf(outcome.tensors.at("a")), ElementsAre(0)) << path;
    EXPECT_THAT(FloatsOf(outcome.tensors.at("b")), ElementsAre(1)) << path;
    EXPECT_THAT(FloatsOf(outcome.tensors.at("c")), ElementsAre(2)) << path;
  }
}

TEST(GgufSplitTest, TheMetadataIsThatOfTheFirstFile) {
  Bytes no(2), of = {2, 0}, tensors = {2, 0, 0, 0};
  const Bytes first = GgufWriter()
                          .Text("general.name", "Goose")
                          .Number("split.no", 2, no)
                          .Number("split.count", 2, of)
                          .Number("split.tensors.count", 5, tensors)
                          .Add("a", kF32, {1}, Floats({0}))
                          .Finish();
  const Outcome outcome =
      ReadAll<Gguf>(Part(1, 2, 2, "b"), "m-00002-of-00002.gguf", {{"m-00001-of-00002.gguf", first}});
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_EQ(outcome.metadata.at("skein.name"), "Goose");
}

TEST(GgufSplitTest, ARenamedFileSaysWhatItShouldBeCalled) {
  for (const auto& [file, suffix] :
       {std::pair(Part(0, 2, 2, "a"), "-00001-of-00002.gguf"), std::pair(Part(1, 2, 2, "b"), "-00002-of-00002.gguf")}) {
    const Outcome outcome = ReadAll<Gguf>(file, "renamed.gguf");
    EXPECT_EQ(outcome.status, SKEIN_UNIMPLEMENTED);
    EXPECT_THAT(outcome.message, HasSubstr(suffix));
  }
  EXPECT_EQ(ReadAll<Gguf>(Part(7, 2, 2, "a"), "m-00008-of-00002.gguf").status, SKEIN_UNIMPLEMENTED);
}

TEST(GgufSplitTest, RefusesPartsThatDoNotBelongTogether) {
  const auto read = [](const Bytes& second) {
    return ReadAll<Gguf>(Part(0, 2, 2, "a"), "m-00001-of-00002.gguf", {{"m-00002-of-00002.gguf", second}});
  };
  EXPECT_EQ(ReadAll<Gguf>(Part(0, 2, 2, "a"), "m-00001-of-00002.gguf").status, SKEIN_NOT_FOUND);
  EXPECT_EQ(read(Part(0, 2, 2, "b")).status, SKEIN_DATA_LOSS) << "number";
  EXPECT_EQ(read(Part(1, 3, 2, "b")).status, SKEIN_DATA_LOSS) << "count";
  EXPECT_EQ(read(Part(1, 2, 5, "b")).status, SKEIN_DATA_LOSS) << "of a model with more tensors";
  EXPECT_EQ(read(Part(1, 2, 2, "a")).status, SKEIN_DATA_LOSS) << "the same tensor";
  EXPECT_EQ(read(Bytes(4)).status, SKEIN_DATA_LOSS);
  EXPECT_THAT(read(Bytes(4)).message, HasSubstr("\"m-00002-of-00002.gguf\": expected the magic"));
  EXPECT_EQ(ReadAll<Gguf>(Part(0, 2, 9, "a"), "m-00001-of-00002.gguf", {{"m-00002-of-00002.gguf", Part(1, 2, 9, "b")}})
                .status,
            SKEIN_DATA_LOSS)
      << "a tensor is missing";
}

// --- files that are refused ---

struct BadGguf {
  const char* what;
  Bytes file;
  int32_t status;
  const char* message;
};

Bytes WithMagic(std::string_view magic, uint32_t version) {
  Bytes file;
  Append(&file, magic);
  Append(&file, version);
  file.resize(24);
  return file;
}

Bytes KeyOfType(uint32_t type, const Bytes& value) { return GgufWriter().Number("k", type, value).Finish(); }

class GgufBadFileTest : public ::testing::TestWithParam<BadGguf> {};

TEST_P(GgufBadFileTest, IsRefusedWithAReason) {
  const Outcome outcome = ReadAll<Gguf>(GetParam().file, "m.gguf");
  EXPECT_EQ(outcome.status, GetParam().status);
  EXPECT_THAT(outcome.message, HasSubstr("m.gguf: "));
  EXPECT_THAT(outcome.message, HasSubstr(GetParam().message));
}

constexpr uint64_t kHuge = uint64_t{1} << 63;

INSTANTIATE_TEST_SUITE_P(
    Each, GgufBadFileTest,
    ::testing::Values(
        BadGguf{"OtherMagic", WithMagic("GGML", 3), SKEIN_DATA_LOSS, "expected the magic"},
        BadGguf{"VersionOne", WithMagic("GGUF", 1), SKEIN_UNIMPLEMENTED, "expected GGUF version 2 or 3, found 1"},
        BadGguf{"VersionFour", WithMagic("GGUF", 4), SKEIN_UNIMPLEMENTED, "found 4"},
        BadGguf{"BigEndian", WithMagic("GGUF", 0x03000000), SKEIN_UNIMPLEMENTED, "version 3 in big-endian order"},
        BadGguf{"BigEndianMagic", WithMagic("FUGG", 0x03000000), SKEIN_UNIMPLEMENTED, "big-endian"},
        BadGguf{"UnknownValueType", KeyOfType(13, Bytes(8)), SKEIN_DATA_LOSS, "value type of 0 to 12, found 13"},
        BadGguf{"KeyTwice", GgufWriter().Uint32("k", 1).Uint32("k", 1).Finish(), SKEIN_DATA_LOSS, "\"k\": given twice"},
        BadGguf{"NulInKey", GgufWriter().Uint32(std::string_view("a\0b", 3), 1).Finish(), SKEIN_DATA_LOSS, "NUL"},
        BadGguf{"LongKey", GgufWriter().Uint32(std::string(2000, 'k'), 1).Finish(), SKEIN_DATA_LOSS,
                "at most 1024 bytes, found 2000"},
        BadGguf{"ArrayTooLong", GgufWriter().Array("k", 4, kHuge, Bytes(16)).Finish(), SKEIN_DATA_LOSS, "array"},
        BadGguf{"ArrayOverflows", GgufWriter().Array("k", 10, uint64_t{1} << 61, Bytes(16)).Finish(), SKEIN_DATA_LOSS,
                "array"},
        BadGguf{"ArrayOfTooManyStrings", GgufWriter().Array("k", 8, kHuge, Bytes(16)).Finish(), SKEIN_DATA_LOSS,
                "string"},
        BadGguf{"DeepArrays",
                GgufWriter()
                    .Array("k", 9, 1, {9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
                    .Finish(),
                SKEIN_UNIMPLEMENTED, "nested no deeper"},
        BadGguf{"AlignmentZero", GgufWriter().Uint32("general.alignment", 0).Finish(), SKEIN_DATA_LOSS, "power of two"},
        BadGguf{"AlignmentOdd", GgufWriter().Uint32("general.alignment", 24).Finish(), SKEIN_DATA_LOSS, "found 24"},
        BadGguf{"AlignmentIsText", GgufWriter().Text("general.alignment", "32").Finish(), SKEIN_DATA_LOSS,
                "expected an integer, found string"},
        BadGguf{"ArchitectureIsANumber", GgufWriter().Uint32("general.architecture", 7).Finish(), SKEIN_DATA_LOSS,
                "expected string, found uint32"},
        BadGguf{"TokensAreNumbers",
                GgufWriter().Text("tokenizer.ggml.model", "rwkv").Int32s("tokenizer.ggml.tokens", {1}).Finish(),
                SKEIN_DATA_LOSS, "expected array of string, found array of int32"},
        BadGguf{"EndTokenNegative", GgufWriter().Number("tokenizer.ggml.eos_token_id", 5, Bytes(4, 0xff)).Finish(),
                SKEIN_DATA_LOSS, "no negative number"},
        BadGguf{"NameTwice", GgufWriter().Add("w", kF32, {1}, Bytes(4)).Add("w", kF32, {1}, Bytes(4)).Finish(),
                SKEIN_DATA_LOSS, "named twice"},
        BadGguf{"EmptyName", GgufWriter().Add("", kF32, {1}, Bytes(4)).Finish(), SKEIN_DATA_LOSS, "1 to 1024"},
        BadGguf{"ManyDimensions", GgufWriter().Add("w", kF32, {1, 1, 1, 1, 1, 1, 1, 1, 1}, Bytes(4)).Finish(),
                SKEIN_UNIMPLEMENTED, "at most 8 dimensions, found 9"},
        BadGguf{"ElementCountOverflows", GgufWriter().Add("w", kF32, {kHuge, 2}, {}).Finish(), SKEIN_DATA_LOSS,
                "over 2^64"},
        BadGguf{"ByteCountOverflows", GgufWriter().Add("w", kF32, {kHuge}, {}).Finish(), SKEIN_DATA_LOSS, "over 2^64"},
        BadGguf{"OffsetOverflows", GgufWriter().Add("w", kF32, {1}, Bytes(4), INT64_MAX - 31).Finish(), SKEIN_DATA_LOSS,
                "bytes of data"},
        BadGguf{"OffsetUnaligned", GgufWriter().Add("w", kF32, {1}, Bytes(64), 4).Finish(), SKEIN_DATA_LOSS,
                "multiple of 32, found 4"},
        BadGguf{"Overlap", GgufWriter().Add("a", kF32, {16}, Bytes(64)).Add("b", kF32, {8}, Bytes(32), 32).Finish(),
                SKEIN_DATA_LOSS, "\"a\" and \"b\" overlap"},
        BadGguf{"PartOfABlock", GgufWriter().Add("w", kQ8_0, {48}, Bytes(51)).Finish(), SKEIN_DATA_LOSS,
                "multiple of 32"}),
    [](const ::testing::TestParamInfo<BadGguf>& test) { return test.param.what; });

TEST(GgufTest, RefusesCountsBeyondAnyModel) {
  Bytes tensors = GgufWriter().Finish();
  tensors[11] = 1;  // 2^24
  EXPECT_EQ(ReadAll<Gguf>(tensors).status, SKEIN_RESOURCE_EXHAUSTED);
  GgufWriter keys;
  for (int i = 0; i < 65537; ++i) keys.Uint32(std::to_string(i), 0);
  EXPECT_EQ(ReadAll<Gguf>(keys.Finish()).status, SKEIN_RESOURCE_EXHAUSTED);
}

TEST(GgufTest, ListsATypeItDoesNotReadAndFailsOnlyWhenItIsRead) {
  const Bytes file = GgufWriter().Add("w", kIq2Xxs, {256}, Bytes(66)).Add("young", 99, {1}, Bytes(4)).Finish();
  EXPECT_EQ(ReadAll<Gguf>(file).status, SKEIN_OK);
  MemoryFolder folder({});
  const plugin::OpenCheckpoint checkpoint("m.gguf", Gguf::Read(plugin::Source(&folder.Add("m.gguf", file))));
  Bytes destination(66);
  for (const auto& [index, type] : {std::pair(0, "type IQ2_XXS"), std::pair(1, "type number 99")}) {
    try {
      checkpoint.Read(static_cast<uint64_t>(index), destination.data(), destination.size());
      FAIL() << type;
    } catch (const plugin::Error& error) {
      EXPECT_EQ(error.code(), SKEIN_UNIMPLEMENTED);
      EXPECT_THAT(error.what(), HasSubstr(type));
    }
  }
}

TEST(GgufTest, FailsAtEveryTruncationBeforeTheLastPadding) {
  const Bytes file = SmallFile();
  const size_t end_of_data = file.size() - (96 - 68);  // 68 bytes in a multiple of 32
  ForEachTruncation<Gguf>(file, [&](const Outcome& outcome, size_t length) {
    EXPECT_EQ(outcome.status == SKEIN_OK, length >= end_of_data) << "length " << length;
  });
}

TEST(GgufTest, SurvivesEveryBitFlip) {
  ForEachBitFlip<Gguf>(SmallFile(), [](const Outcome& outcome, size_t byte) {
    EXPECT_TRUE(byte >= 4 || outcome.status != SKEIN_OK) << "magic, byte " << byte;
    EXPECT_EQ(outcome.message.empty(), outcome.status == SKEIN_OK) << "byte " << byte;
  });
}

TEST(GgufTest, ProbeKnowsTheMagic) {
  EXPECT_GE(Gguf::Probe(SmallFile(), "model"), 90u);
  EXPECT_GT(Gguf::Probe(Bytes(3), "model.gguf"), 0u);
  EXPECT_EQ(Gguf::Probe(Bytes(3), "model.bin"), 0u);
}

}  // namespace
}  // namespace skein::test
