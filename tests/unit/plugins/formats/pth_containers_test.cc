// The containers of PyTorch's checkpoints beside the zip with stored entries: deflated ones, files before PyTorch 1.6,
// shards; and zips of other things.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/pth/reader.h"
#include "tests/unit/plugins/formats/checkpoint_writer.h"
#include "tests/unit/plugins/formats/deflate.h"
#include "tests/unit/plugins/formats/format_harness.h"
#include "tests/unit/plugins/formats/old_pth_writer.h"

namespace skein::test {
namespace {

using formats::Pth;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Pair;

const Bytes kSix = Floats({0, 1, 2, 3, 4, 5});

Bytes SmallPickle() {
  PickleWriter pickle;
  pickle.Raw("}(").Text("a").Tensor("FloatStorage", "0", 6, 0, {2, 3}, {3, 1});
  pickle.Text("part").Tensor("FloatStorage", "0", 6, 1, {2, 2}, {1, 3}).Raw("u");
  return pickle.Finish();
}

// --- deflated entries ---

TEST(PthDeflatedTest, IsReadLikeAStoredFile) {
  const Bytes file = DeflatedPthFile(SmallPickle(), {kSix});
  EXPECT_GE(Pth::Probe(file, "model.bin"), 90u);
  const Outcome outcome = ReadAll<Pth>(file);
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_THAT(FloatsOf(outcome.tensors.at("a")), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(FloatsOf(outcome.tensors.at("part")), ElementsAre(1, 4, 2, 5));
}

TEST(PthDeflatedTest, ManyWindowsOfDataComeOutWhole) {
  std::vector<float> values(100'000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 2654435761u % 1000);
  PickleWriter pickle;
  pickle.Raw("}").Text("w").Tensor("FloatStorage", "0", 100'000, 0, {100'000}, {1}).Raw("s");
  const Outcome outcome = ReadAll<Pth>(DeflatedPthFile(pickle.Finish(), {Floats(values)}));
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_EQ(FloatsOf(outcome.tensors.at("w")), values);
}

Outcome ReadStorage(const Bytes& stored, const ZipOptions& options) {
  return ReadAll<Pth>(
      ZipWriter().Add("archive/data.pkl", SmallPickle()).Add("archive/data/0", stored, options).Finish());
}

TEST(PthDeflatedTest, DamagedDataIsFoundWhenItIsRead) {
  const Bytes deflated = Deflated(kSix);
  ZipOptions other_sum = DeflatedEntry(kSix);
  other_sum.crc32 = 1;
  EXPECT_THAT(ReadStorage(deflated, other_sum).message, HasSubstr("\"archive/data/0\": expected CRC-32 1"));
  Bytes cut = deflated;
  cut.pop_back();
  Bytes longer = deflated;
  longer.push_back(0);
  const Bytes more = Deflated(Floats({0, 1, 2, 3, 4, 5, 6}));
  for (const Bytes& stored : {cut, longer, more, Bytes(deflated.size(), 0xff)}) {
    const Outcome outcome = ReadStorage(stored, DeflatedEntry(kSix));
    EXPECT_EQ(outcome.status, SKEIN_DATA_LOSS);
    EXPECT_THAT(outcome.message, HasSubstr("expected deflated data of 24 bytes"));
  }
}

TEST(PthDeflatedTest, FailsAtEveryTruncationAndSurvivesEveryBitFlip) {
  const Bytes file = DeflatedPthFile(SmallPickle(), {kSix});
  ForEachTruncation<Pth>(file, [](const Outcome& outcome, size_t length) {
    EXPECT_EQ(outcome.status, SKEIN_DATA_LOSS) << "length " << length;
  });
  ForEachBitFlip<Pth>(file, [](const Outcome& outcome, size_t byte) {
    EXPECT_EQ(outcome.message.empty(), outcome.status == SKEIN_OK) << "byte " << byte;
  });
}

// --- files before PyTorch 1.6 ---

TEST(PthOldFileTest, GivesTensorsAndMetadata) {
  EXPECT_GE(Pth::Probe(OldPthFile(), "model.bin"), 90u);
  const Outcome outcome = ReadAll<Pth>(OldPthFile());
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_THAT(outcome.tensors.at("a").shape, ElementsAre(2, 3));
  EXPECT_THAT(FloatsOf(outcome.tensors.at("a")), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(FloatsOf(outcome.tensors.at("b")), ElementsAre(4, 5));
  EXPECT_THAT(outcome.metadata, ElementsAre(Pair("epoch", "3")));
}

// Elements 2 to 4 of the storage, and in them offset 1.
Outcome ReadPartOfStorage(int64_t offset, int64_t size, int64_t length) {
  PickleWriter part;
  part.Raw("(").Text("8").Int(offset).Int(size).Raw("t");
  PickleWriter pickle;
  pickle.Raw("}").Text("w");
  OldTensor(&pickle, "FloatStorage", "7", 6, 1, {length}, {1}, &part);
  return ReadAll<Pth>(OldPthFile(pickle.Raw("s").Finish(), {{"7", 6, kSix}}));
}

TEST(PthOldFileTest, AStorageMayBeAPartOfAnother) {
  const Outcome outcome = ReadPartOfStorage(2, 3, 2);
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_THAT(FloatsOf(outcome.tensors.at("w")), ElementsAre(3, 4));
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(ReadPartOfStorage(2, 3, 3).status, SKEIN_DATA_LOSS) << "beyond its part";
  EXPECT_EQ(ReadPartOfStorage(4, 3, 1).status, SKEIN_DATA_LOSS) << "the part is beyond the storage";
  EXPECT_EQ(ReadPartOfStorage(kHuge, 3, 1).status, SKEIN_DATA_LOSS);
  EXPECT_EQ(ReadPartOfStorage(2, kHuge, 1).status, SKEIN_DATA_LOSS);
  EXPECT_EQ(ReadPartOfStorage(-1, 3, 1).status, SKEIN_DATA_LOSS);
}

TEST(PthOldFileTest, ReadsTensorsAsTheOldestVersionsPickledThem) {
  PickleWriter pickle;
  pickle.Raw("}").Text("w").Global("torch._utils", "_rebuild_tensor").Raw("((").Text("storage");
  pickle.Global("torch", "FloatStorage").Text("7").Text("cpu").Int(6).Raw("NtQ").Int(2).Ints({2}).Ints({3}).Raw("tRs");
  const Outcome outcome = ReadAll<Pth>(OldPthFile(pickle.Finish(), {{"7", 6, kSix}}));
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_THAT(FloatsOf(outcome.tensors.at("w")), ElementsAre(2, 5));
}

TEST(PthOldFileTest, StoragesWithoutTensorsAreSkipped) {
  PickleWriter pickle;
  pickle.Raw("}(").Text("w");
  OldTensor(&pickle, "FloatStorage", "9", 1, 0, {1}, {1});
  pickle.Text("optimizer").Raw("](");
  OldTensor(&pickle, "HalfStorage", "1", 3, 0, {3}, {1});
  pickle.Raw("eu");
  const Outcome outcome = ReadAll<Pth>(OldPthFile(pickle.Finish(), {{"1", 3, Bytes(6)}, {"9", 1, Floats({5})}}));
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_THAT(outcome.tensors, ElementsAre(Key("w")));
  EXPECT_THAT(FloatsOf(outcome.tensors.at("w")), ElementsAre(5));
}

Outcome ReadOld(const std::vector<OldStorage>& storages, const OldPthOptions& options = {}) {
  PickleWriter pickle;
  pickle.Raw("}").Text("w");
  OldTensor(&pickle, "FloatStorage", "7", 6, 0, {6}, {1});
  return ReadAll<Pth>(OldPthFile(pickle.Raw("s").Finish(), storages, options), "old.pth");
}

TEST(PthOldFileTest, RefusesWhatDoesNotFitTogetherAndSaysWhy) {
  const OldStorage sound = {"7", 6, kSix};
  EXPECT_EQ(ReadOld({sound}).status, SKEIN_OK);
  EXPECT_THAT(ReadOld({}).message, HasSubstr("expected the storage \"7\" behind the pickles"));
  EXPECT_THAT(ReadOld({sound, sound}).message, HasSubstr("is there twice"));
  EXPECT_THAT(ReadOld({sound, {"8", 0, {}}}).message, HasSubstr("storage \"8\": expected a storage that the pickle"));
  EXPECT_THAT(ReadOld({{"7", 5, kSix}}).message, HasSubstr("expected 6 elements as pickled, found 5"));
  EXPECT_THAT(ReadOld({{"7", 6, Bytes(25)}}).message, HasSubstr("1 bytes more"));
  EXPECT_EQ(ReadOld({{"7", 6, Bytes(23)}}).status, SKEIN_DATA_LOSS);
  EXPECT_THAT(ReadOld({sound}, {.version = 1002}).message, HasSubstr("old.pth: expected version 1001"));
  const Outcome big = ReadOld({sound}, {.little_endian = false});
  EXPECT_EQ(big.status, SKEIN_UNIMPLEMENTED);
  EXPECT_THAT(big.message, HasSubstr("big-endian"));
}

TEST(PthOldFileTest, FailsAtEveryTruncationAndSurvivesEveryBitFlip) {
  ForEachTruncation<Pth>(OldPthFile(), [](const Outcome& outcome, size_t length) {
    EXPECT_EQ(outcome.status, SKEIN_DATA_LOSS) << "length " << length;
  });
  ForEachBitFlip<Pth>(OldPthFile(), [](const Outcome& outcome, size_t byte) {
    EXPECT_NE(outcome.status, SKEIN_INTERNAL) << "byte " << byte;
    EXPECT_EQ(outcome.message.empty(), outcome.status == SKEIN_OK) << "byte " << byte;
  });
}

// --- shards ---

Bytes Index(std::string_view json) {
  Bytes bytes;
  Append(&bytes, json);
  return bytes;
}

Bytes Shard(const std::string& tensor, float value) {
  PickleWriter pickle;
  pickle.Raw("}").Text(tensor).Tensor("FloatStorage", "0", 1, 0, {1}, {1}).Raw("s");
  return PthFile(pickle.Finish(), {Floats({value})});
}

constexpr std::string_view kIndex =
    R"({"metadata":{"total_size":8},"weight_map":{"a":"m-1-of-2.bin","b":"m-2-of-2.bin"}})";

TEST(PthShardsTest, GivesTheTensorsOfAllShards) {
  EXPECT_GE(Pth::Probe(Index(kIndex), "pytorch_model.bin.index.json"), 90u);
  PickleWriter second;
  second.Raw("}").Text("b").Tensor("FloatStorage", "0", 1, 0, {1}, {1}).Raw("s");
  const Outcome outcome = ReadAll<Pth>(
      Index(kIndex), "pytorch_model.bin.index.json",
      {{"m-1-of-2.bin", Shard("a", 3)}, {"m-2-of-2.bin", DeflatedPthFile(second.Finish(), {Floats({4})})}});
  ASSERT_EQ(outcome.status, SKEIN_OK) << outcome.message;
  EXPECT_THAT(FloatsOf(outcome.tensors.at("a")), ElementsAre(3));
  EXPECT_THAT(FloatsOf(outcome.tensors.at("b")), ElementsAre(4));
}

TEST(PthShardsTest, ChecksumsOfEveryShardAreCompared) {
  Bytes second = Shard("b", 4);
  const Bytes four = Floats({4});
  const auto data = std::search(second.begin(), second.end(), four.begin(), four.end());
  *data ^= 1;
  const Outcome outcome =
      ReadAll<Pth>(Index(kIndex), "m.bin.index.json", {{"m-1-of-2.bin", Shard("a", 3)}, {"m-2-of-2.bin", second}});
  EXPECT_EQ(outcome.status, SKEIN_DATA_LOSS);
  EXPECT_THAT(outcome.message, HasSubstr("tensor \"b\": "));
}

TEST(PthShardsTest, NamesAShardThatIsMissingOrBroken) {
  const Outcome missing = ReadAll<Pth>(Index(kIndex), "m.bin.index.json", {{"m-1-of-2.bin", Shard("a", 3)}});
  EXPECT_EQ(missing.status, SKEIN_NOT_FOUND);
  EXPECT_THAT(missing.message, HasSubstr("m-2-of-2.bin"));
  const Outcome broken =
      ReadAll<Pth>(Index(kIndex), "m.bin.index.json", {{"m-1-of-2.bin", Shard("a", 3)}, {"m-2-of-2.bin", Bytes(9)}});
  EXPECT_THAT(broken.message, HasSubstr("\"m-2-of-2.bin\": expected a zip"));
}

// --- zips of other things ---

struct OtherZip {
  const char* entry;
  const char* what;
};

class PthOtherZipTest : public ::testing::TestWithParam<OtherZip> {};

TEST_P(PthOtherZipTest, IsNamed) {
  const Outcome outcome =
      ReadAll<Pth>(ZipWriter().Add(GetParam().entry, {1}).Add(std::string(GetParam().entry) + ".npy", {2}).Finish());
  EXPECT_EQ(outcome.status, SKEIN_UNIMPLEMENTED);
  EXPECT_THAT(outcome.message, HasSubstr(GetParam().what));
}

INSTANTIATE_TEST_SUITE_P(
    Each, PthOtherZipTest,
    ::testing::Values(OtherZip{"[Content_Types].xml", "an Office document"},
                      OtherZip{"META-INF/MANIFEST.MF", "a Java archive"}, OtherZip{"arr_0.npy", "NumPy arrays"},
                      OtherZip{"AndroidManifest.xml", "an Android package"}, OtherZip{"mimetype", "e-book"},
                      OtherZip{"folder/rwkv.pth", "\"folder/rwkv.pth\" in it, which is to be unpacked"},
                      OtherZip{"readme", "a zip archive of 2 other files, such as \"readme\""}));

TEST(PthOtherZipTest, TorchScriptIsNamed) {
  const Outcome outcome = ReadAll<Pth>(ZipWriter()
                                           .Add("m/data.pkl", PickleWriter().Raw("}").Finish())
                                           .Add("m/code/__torch__.py", {1})
                                           .Add("m/constants.pkl", {1})
                                           .Finish());
  EXPECT_EQ(outcome.status, SKEIN_UNIMPLEMENTED);
  EXPECT_THAT(outcome.message, HasSubstr("TorchScript"));
}

TEST(PthOtherZipTest, ThePickleMayLieInNoFolderOrInAnother) {
  for (const std::string folder : {"", "a/", "a/b/"}) {
    const Outcome outcome =
        ReadAll<Pth>(ZipWriter().Add(folder + "data.pkl", SmallPickle()).Add(folder + "data/0", kSix).Finish());
    EXPECT_EQ(outcome.status, SKEIN_OK) << folder << ": " << outcome.message;
  }
}

}  // namespace
}  // namespace skein::test
