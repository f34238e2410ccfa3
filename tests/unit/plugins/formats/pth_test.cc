#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/pth/pickle.h"
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
using ::testing::UnorderedElementsAre;

const Bytes kSix = Floats({0, 1, 2, 3, 4, 5});

// A dict with one tensor "w" of a storage "0" with six floats.
Outcome ReadOneTensor(int64_t offset, const std::vector<int64_t>& shape, const std::vector<int64_t>& strides,
                      int64_t storage_elements = 6) {
  PickleWriter pickle;
  pickle.Raw("}").Text("w").Tensor("FloatStorage", "0", storage_elements, offset, shape, strides).Raw("s");
  return ReadAll<Pth>(PthFile(pickle.Finish(), {kSix}));
}

Outcome ReadPickled(PickleWriter& pickle) { return ReadAll<Pth>(PthFile(pickle.Finish(), {kSix})); }

Bytes SmallFile() {
  PickleWriter pickle;
  pickle.Raw("}q\x01(");
  pickle.Text("a").Tensor("FloatStorage", "0", 6, 0, {2, 3}, {3, 1});
  pickle.Text("b").Tensor("HalfStorage", "1", 2, 1, {1}, {1});
  pickle.Text("note").Text("hello");
  return PthFile(pickle.Raw("u").Finish(), {kSix, {0, 0x3c, 0, 0x40}});
}

// --- files that are read ---

TEST(PthTest, GivesTensorsAndMetadata) {
  const Outcome outcome = ReadAll<Pth>(SmallFile());
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_THAT(outcome.tensors.at("a").shape, ElementsAre(2, 3));
  EXPECT_THAT(FloatsOf(outcome.tensors.at("a")), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(outcome.tensors.at("b").dtype, static_cast<uint32_t>(SKEIN_DTYPE_F16));
  EXPECT_THAT(outcome.tensors.at("b").packed, ElementsAre(0, 0x40));
  EXPECT_THAT(outcome.metadata, ElementsAre(Pair("note", "hello")));
}

TEST(PthTest, HonoursOffsetAndStrides) {
  EXPECT_THAT(FloatsOf(ReadOneTensor(0, {3, 2}, {1, 3}).tensors.at("w")), ElementsAre(0, 3, 1, 4, 2, 5));
  EXPECT_THAT(FloatsOf(ReadOneTensor(1, {2, 2}, {3, 1}).tensors.at("w")), ElementsAre(1, 2, 4, 5));
  EXPECT_THAT(FloatsOf(ReadOneTensor(1, {3}, {2}).tensors.at("w")), ElementsAre(1, 3, 5));
  EXPECT_THAT(FloatsOf(ReadOneTensor(0, {1, 2, 3}, {77, 1, 2}).tensors.at("w")), ElementsAre(0, 2, 4, 1, 3, 5));
  EXPECT_THAT(FloatsOf(ReadOneTensor(5, {}, {}).tensors.at("w")), ElementsAre(5));
  EXPECT_THAT(FloatsOf(ReadOneTensor(0, {0, 4}, {4, 1}).tensors.at("w")), ElementsAre());
}

TEST(PthTest, ReadsOrderedDictParametersAndModuleVersions) {
  PickleWriter pickle;
  pickle.Global("collections", "OrderedDict").Raw(")Rq\x02(").Text("w");
  pickle.Global("torch._utils", "_rebuild_parameter").Raw("(").Tensor("FloatStorage", "0", 6, 0, {6}, {1});
  pickle.Raw("\x88").Global("collections", "OrderedDict").Raw(")RtRu");
  pickle.Raw("}").Text("_metadata").Raw("}sb");
  const Outcome outcome = ReadPickled(pickle);
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_THAT(outcome.tensors, ElementsAre(Key("w")));
}

TEST(PthTest, UnwrapsStateDictAndForwardModule) {
  PickleWriter pickle;
  pickle.Raw("}(").Text("epoch").Int(3).Text("state_dict").Raw("}").Text("_forward_module.emb.weight");
  pickle.Tensor("FloatStorage", "0", 6, 0, {6}, {1}).Raw("su");
  const Outcome outcome = ReadPickled(pickle);
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_THAT(outcome.tensors, ElementsAre(Key("emb.weight")));
  EXPECT_THAT(outcome.metadata, ElementsAre(Pair("epoch", "3")));
}

TEST(PthTest, ScalarsAreMetadataAndOtherValuesAreSkipped) {
  PickleWriter pickle;
  pickle.Raw("}(").Text("int").Raw("J\xff\xff\xff\xff").Text("small").Raw("K\xc8").Text("word").Raw("M\x34\x12");
  pickle.Text("float").Raw(std::string_view("G\x3f\xe8\0\0\0\0\0\0", 9)).Text("true").Raw("\x88");
  pickle.Text("negative").Raw("\x8a\x01\x80").Text("zero").Raw(std::string_view("\x8a\0", 2));
  pickle.Text("short").Raw("U\x02hi").Text("none").Raw("N").Text("list").Raw("](K\x01K\x02").Raw("eu");
  const Outcome outcome = ReadPickled(pickle);
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_THAT(outcome.metadata, UnorderedElementsAre(Pair("int", "-1"), Pair("small", "200"), Pair("word", "4660"),
                                                     Pair("float", "0.75"), Pair("true", "true"),
                                                     Pair("negative", "-128"), Pair("zero", "0"), Pair("short", "hi")));
}

TEST(PthTest, ListsATypeItDoesNotRead) {
  PickleWriter pickle;
  pickle.Raw("}").Text("ids").Tensor("LongStorage", "0", 3, 0, {3}, {1}).Raw("s");
  const Outcome outcome = ReadPickled(pickle);
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_EQ(outcome.tensors.at("ids").dtype, static_cast<uint32_t>(SKEIN_DTYPE_NONE));
}

TEST(PthTest, TensorsMayShareAStorage) {
  PickleWriter pickle;
  pickle.Raw("}(").Text("a").Tensor("FloatStorage", "0", 6, 0, {6}, {1});
  pickle.Text("b").Tensor("FloatStorage", "0", 6, 3, {3}, {1}).Raw("u");
  const Outcome outcome = ReadPickled(pickle);
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_THAT(FloatsOf(outcome.tensors.at("b")), ElementsAre(3, 4, 5));
}

// --- views that do not fit ---

TEST(PthTest, RefusesViewsOutsideTheirStorage) {
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  const auto refused = [](const Outcome& outcome) {
    EXPECT_THAT(outcome.message, HasSubstr("tensor \"w\": "));
    return outcome.status == SKEIN_DATA_LOSS;
  };
  EXPECT_TRUE(refused(ReadOneTensor(1, {6}, {1})));
  EXPECT_TRUE(refused(ReadOneTensor(6, {1}, {1})));
  EXPECT_TRUE(refused(ReadOneTensor(0, {2, 2}, {5, 1})));
  EXPECT_TRUE(refused(ReadOneTensor(0, {7}, {0}))) << "an expanded view";
  EXPECT_TRUE(refused(ReadOneTensor(0, {kHuge}, {0})));
  EXPECT_TRUE(refused(ReadOneTensor(0, {kHuge, kHuge, kHuge}, {0, 0, 0})));
  EXPECT_TRUE(refused(ReadOneTensor(0, {0, kHuge, kHuge}, {0, 0, 0})));
  EXPECT_TRUE(refused(ReadOneTensor(kHuge, {2}, {kHuge})));
  EXPECT_TRUE(refused(ReadOneTensor(0, {3, 2}, {kHuge, kHuge})));
  EXPECT_TRUE(refused(ReadOneTensor(0, {6}, {1}, 7))) << "the storage is smaller than pickled";
  EXPECT_TRUE(refused(ReadOneTensor(0, {4}, {1}, 4))) << "the storage is larger than pickled";
}

TEST(PthTest, RefusesNegativeNumbersInViews) {
  EXPECT_EQ(ReadOneTensor(-1, {1}, {1}).status, SKEIN_DATA_LOSS);
  EXPECT_EQ(ReadOneTensor(0, {-1}, {1}).status, SKEIN_DATA_LOSS);
  EXPECT_EQ(ReadOneTensor(5, {2}, {-1}).status, SKEIN_DATA_LOSS);
  EXPECT_EQ(ReadOneTensor(0, {1}, {1}, -6).status, SKEIN_DATA_LOSS);
}

TEST(PthTest, RefusesAStorageThatIsNotThere) {
  PickleWriter pickle;
  pickle.Raw("}").Text("w").Tensor("FloatStorage", "9", 6, 0, {6}, {1}).Raw("s");
  const Outcome outcome = ReadPickled(pickle);
  EXPECT_EQ(outcome.status, SKEIN_DATA_LOSS);
  EXPECT_THAT(outcome.message, HasSubstr("data/9"));
}

// --- hostile pickles ---

TEST(PthTest, RefusesAnyNameButThoseOfStateDictsAndSaysWhich) {
  PickleWriter command;
  command.Global("os", "system").Raw("(").Text("true").Raw("tR");
  const Outcome refused = ReadPickled(command);
  EXPECT_EQ(refused.status, SKEIN_UNIMPLEMENTED);
  EXPECT_THAT(refused.message, HasSubstr("\"os.system\""));

  for (const auto& [module, name] : {std::pair("torch", "load"), std::pair("torch.FloatStorage", ""),
                                     std::pair("builtins", "eval"), std::pair("collections", "OrderedDict2")}) {
    PickleWriter pickle;
    pickle.Global(module, name);
    EXPECT_EQ(ReadPickled(pickle).status, SKEIN_UNIMPLEMENTED) << module;
  }
}

TEST(PthTest, RefusesEveryOtherOpcode) {
  // INST, OBJ, NEWOBJ_EX, STACK_GLOBAL, EXT1, PERSID, LONG, INT, DUP, POP, FRAME, MEMOIZE
  for (const uint8_t opcode : {0x69, 0x6f, 0x92, 0x93, 0x82, 0x50, 0x4c, 0x49, 0x32, 0x30, 0x95, 0x94}) {
    PickleWriter pickle;
    pickle.Raw("N").Raw(std::string(1, static_cast<char>(opcode)));
    const Outcome outcome = ReadPickled(pickle);
    EXPECT_EQ(outcome.status, SKEIN_UNIMPLEMENTED) << int{opcode};
    EXPECT_THAT(outcome.message, HasSubstr("found " + std::to_string(opcode)));
  }
}

TEST(PthTest, RefusesAMalformedStack) {
  for (const std::string_view opcodes :
       {"",      "R",     "s",    "a",   "t",   "u",    "\x87",    "Q",   "b",   "(",        "N(",    "(N\x85",
        "q\x01", "h\x07", "]N)R", "}Nu", "N)R", "}(Nu", "]N\x86Q", "}]b", "]}b", "}(K\x01u", "(N\x86"}) {
    PickleWriter pickle;
    pickle.Raw(opcodes);
    const Outcome outcome = ReadPickled(pickle);
    EXPECT_EQ(outcome.status, SKEIN_DATA_LOSS) << ::testing::PrintToString(opcodes);
  }
}

TEST(PthTest, ContainersThatContainThemselvesAreHarmless) {
  PickleWriter cyclic;
  cyclic.Raw("}q\x01").Text("state_dict").Raw("h\x01s").Text("w").Tensor("FloatStorage", "0", 6, 0, {6}, {1}).Raw("s");
  cyclic.Text("list").Raw(
      "]q\x02h\x02"
      "as");
  const Outcome outcome = ReadPickled(cyclic);
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_THAT(outcome.tensors, ElementsAre(Key("w")));
}

TEST(PthTest, RefusesTensorsNamedTwice) {
  PickleWriter pickle;
  pickle.Raw("}(").Text("a").Tensor("FloatStorage", "0", 6, 0, {6}, {1}).Raw("q\x05");
  pickle.Text("_forward_module.a").Raw("h\x05u");
  const Outcome outcome = ReadPickled(pickle);
  EXPECT_EQ(outcome.status, SKEIN_DATA_LOSS);
  EXPECT_THAT(outcome.message, HasSubstr("\"a\": named twice"));
}

TEST(PthTest, RefusesWhatIsNotADictOfNamedTensors) {
  PickleWriter list;
  EXPECT_EQ(ReadPickled(list.Raw("]")).status, SKEIN_UNIMPLEMENTED);
  PickleWriter numbered;
  numbered.Raw("}").Int(1).Tensor("FloatStorage", "0", 6, 0, {6}, {1}).Raw("s");
  EXPECT_EQ(ReadPickled(numbered).status, SKEIN_UNIMPLEMENTED);
}

TEST(PthTest, LimitsWhatAPickleCanCost) {
  const auto repeated = [](std::string_view start, std::string_view step, size_t count) {
    PickleWriter pickle;
    pickle.Raw(start);
    std::string steps;
    for (size_t i = 0; i < count; ++i) steps += step;
    pickle.Raw(steps);
    return ReadPickled(pickle);
  };
  EXPECT_EQ(repeated("", "(", 100).status, SKEIN_RESOURCE_EXHAUSTED) << "nesting";
  EXPECT_EQ(repeated("Nq\x01", "h\x01", (1 << 18) + 1).status, SKEIN_RESOURCE_EXHAUSTED) << "stack";
  EXPECT_EQ(repeated("N", "q\x01", (1 << 20) + 1).status, SKEIN_RESOURCE_EXHAUSTED) << "opcodes";
  EXPECT_EQ(repeated("", std::string_view("Nr\xff\xff\xff\xff", 6), 1).status, SKEIN_RESOURCE_EXHAUSTED) << "memo";
  EXPECT_EQ(repeated("", std::string_view("X\xff\xff\xff\xff", 5), 1).status, SKEIN_DATA_LOSS) << "string length";
  EXPECT_EQ(repeated("", std::string_view("\x8a\xff", 2), 1).status, SKEIN_UNIMPLEMENTED) << "integer length";
  EXPECT_EQ(repeated("c", "m", 1000).status, SKEIN_DATA_LOSS) << "module name";
  EXPECT_EQ(repeated("]q\x01",
                     "]q\x02h\x01"
                     "ah\x02q\x01",
                     100'000)
                .status,
            SKEIN_DATA_LOSS)
      << "a chain of lists, not one value";
}

TEST(PthTest, LimitsCopiesOfOneLongString) {
  PickleWriter pickle;
  pickle.Raw("}(").Text("key").Text(std::string(1 << 20, 'x')).Raw("q\x01");
  for (int i = 0; i < 20; ++i) pickle.Text("key" + std::to_string(i)).Raw("h\x01");
  pickle.Raw("u");
  EXPECT_EQ(ReadPickled(pickle).status, SKEIN_RESOURCE_EXHAUSTED);
}

TEST(PthTest, RefusesOtherProtocols) {
  ZipWriter zip;
  const Outcome outcome = ReadAll<Pth>(zip.Add("m/data.pkl", {0x80, 4, 0x95, '.'}).Finish());
  EXPECT_EQ(outcome.status, SKEIN_UNIMPLEMENTED);
  EXPECT_THAT(outcome.message, HasSubstr("protocol 2, found 4"));
}

// --- the container ---

TEST(PthTest, RefusesBigEndianFiles) {
  const Outcome outcome = ReadAll<Pth>(
      ZipWriter().Add("m/data.pkl", PickleWriter().Raw("}").Finish()).Add("m/byteorder", {'b', 'i', 'g'}).Finish());
  EXPECT_EQ(outcome.status, SKEIN_UNIMPLEMENTED);
  EXPECT_THAT(outcome.message, HasSubstr("found \"big\""));
}

TEST(PthTest, RefusesAZipWithoutPickleOrWithTwo) {
  const Bytes empty_dict = PickleWriter().Raw("}").Finish();
  EXPECT_EQ(ReadAll<Pth>(ZipWriter().Add("m/readme", {1}).Finish()).status, SKEIN_UNIMPLEMENTED);
  EXPECT_EQ(ReadAll<Pth>(ZipWriter().Add("m/data.pkl", empty_dict).Add("n/data.pkl", empty_dict).Finish()).status,
            SKEIN_DATA_LOSS);
}

TEST(PthTest, ReadsStoragesWithoutChecksum) {
  PickleWriter pickle;
  pickle.Raw("}").Text("w").Tensor("FloatStorage", "0", 6, 0, {6}, {1}).Raw("s");
  const Outcome outcome = ReadAll<Pth>(
      ZipWriter().Add("m/data.pkl", pickle.Finish()).Add("m/data/0", kSix, {.record_crc32 = false}).Finish());
  EXPECT_EQ(outcome.status, SKEIN_OK) << outcome.message;
}

TEST(PthTest, FailsAtEveryTruncation) {
  ForEachTruncation<Pth>(SmallFile(), [](const Outcome& outcome, size_t length) {
    EXPECT_EQ(outcome.status, SKEIN_DATA_LOSS) << "length " << length;
  });
}

TEST(PthTest, NoticesEveryBitFlipThatMatters) {
  const Bytes file = SmallFile();
  const Outcome sound = ReadAll<Pth>(file);
  int noticed = 0;
  ForEachBitFlip<Pth>(file, [&](const Outcome& outcome, size_t byte) {
    if (outcome.status != SKEIN_OK) {
      ++noticed;
      return;
    }
    // Times and versions in zip headers mean nothing; a change anywhere else must not change the tensors.
    ASSERT_EQ(outcome.tensors.size(), sound.tensors.size()) << "byte " << byte;
    for (const auto& [name, tensor] : sound.tensors) {
      EXPECT_EQ(outcome.tensors.at(name).packed, tensor.packed) << "byte " << byte;
    }
    EXPECT_EQ(outcome.metadata, sound.metadata) << "byte " << byte;
  });
  EXPECT_GT(noticed, static_cast<int>(file.size()) * 6) << "most bytes are checked in all their bits";
}

TEST(PthTest, APickleWithFlippedBitsNeverCrashes) {
  // Straight at the interpreter: in a file the checksum of the zip entry would catch these.
  PickleWriter writer;
  writer.Raw("}q\x01(")
      .Text("a")
      .Tensor("FloatStorage", "0", 6, 0, {2, 3}, {3, 1})
      .Raw("q\x02")
      .Text("b")
      .Raw("h\x02u");
  Bytes pickle = writer.Finish();
  int refused = 0;
  for (size_t bit = 0; bit < pickle.size() * 8; ++bit) {
    pickle[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    if (ReadAll<Pth>(PthFile(pickle, {kSix})).status != SKEIN_OK) ++refused;
    pickle[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
  }
  EXPECT_GT(refused, 0);
  for (size_t length = 0; length < pickle.size(); ++length) {
    const Bytes cut(pickle.begin(), pickle.begin() + static_cast<ptrdiff_t>(length));
    plugin::ByteReader reader(cut, "pickle");
    EXPECT_THROW(formats::ReadPickle(&reader), plugin::Error) << "length " << length;
  }
}

TEST(PthTest, ProbeKnowsCheckpointsFromOtherZips) {
  const Bytes checkpoint = SmallFile();
  EXPECT_GE(Pth::Probe(checkpoint, "model.bin"), 90u);
  const Bytes other = ZipWriter().Add("readme", {1}).Finish();
  EXPECT_LT(Pth::Probe(other, "files.zip"), 50u);
  EXPECT_EQ(Pth::Probe(Bytes(3), "model"), 0u);
  EXPECT_GT(Pth::Probe(Bytes(), "model.pth"), 0u);
}

// --- real files ---

TEST(PthTest, ReadsACheckpointInADict) {
  const std::optional<Bytes> file = SharedFile("reverse-rwkv7/reverse-rwkv7-standard.pth");
  if (!file) GTEST_SKIP() << "SKEIN_TEST_DATA is not set";
  const Outcome outcome = ReadAll<Pth>(*file);
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  // Counts, shapes, first and last values: as torch.load gives them.
  EXPECT_EQ(outcome.tensors.size(), 135u);
  const ReadBack& emb = outcome.tensors.at("emb.weight");
  EXPECT_THAT(emb.shape, ElementsAre(12, 32));
  EXPECT_EQ(FloatsOf(emb).front(), -61.218929290771484f);
  EXPECT_EQ(FloatsOf(emb).back(), 343.8299865722656f);
  EXPECT_EQ(FloatsOf(outcome.tensors.at("head.weight")).back(), -0.48764392733573914f);
}

TEST(PthTest, ReadsACheckpointInAnOrderedDictWithModuleVersions) {
  const std::optional<Bytes> file = SharedFile("reverse-rwkv7/260123_reverse_L2_only_rwkv7.pth");
  if (!file) GTEST_SKIP() << "SKEIN_TEST_DATA is not set";
  const Outcome outcome = ReadAll<Pth>(*file);
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_EQ(outcome.tensors.size(), 99u);
  EXPECT_EQ(FloatsOf(outcome.tensors.at("e.weight")).front(), -0.00894071813672781f);
  EXPECT_EQ(FloatsOf(outcome.tensors.at("o.bias")).back(), -8.285794258117676f);
}

}  // namespace
}  // namespace skein::test
