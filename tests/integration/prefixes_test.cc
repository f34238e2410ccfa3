// Prefix objects and files of streams through the C ABI.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/host.h"

namespace skein::test {
namespace {

using ::testing::HasSubstr;

constexpr char kModel[] = "v7-odd.safetensors";

class PrefixesTest : public ::testing::TestWithParam<std::string> {
 protected:
  PrefixesTest() { AllLogits(model_.get(), stream_.get(), {1, 2, 3}); }
  ~PrefixesTest() override { std::filesystem::remove_all(folder_); }

  OwnedPrefix MakePrefix() {
    OwnedPrefix prefix;
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_prefix_create(stream_.get(), "persona", "by hand", prefix.out(), &error), error));
    return prefix;
  }
  static OwnedStream Start(skein_prefix prefix) {
    OwnedStream stream;
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_prefix_start(prefix, nullptr, stream.out(), &error), error));
    return stream;
  }
  static skein_prefix_info InfoOfPrefix(skein_prefix prefix) {
    skein_prefix_info info = {};
    info.struct_size = sizeof(info);
    EXPECT_EQ(skein_prefix_get_info(prefix, &info, nullptr), SKEIN_OK);
    return info;
  }
  static uint64_t PositionOf(skein_stream stream) {
    uint64_t position = 0;
    EXPECT_EQ(skein_stream_position(stream, &position, nullptr), SKEIN_OK);
    return position;
  }
  static std::vector<uint8_t> SnapshotWith(skein_stream stream, uint32_t flags) {
    uint64_t size = 0;
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_stream_snapshot_with(stream, flags, nullptr, 0, &size, &error), error));
    std::vector<uint8_t> bytes(size);
    EXPECT_TRUE(Ok(skein_stream_snapshot_with(stream, flags, bytes.data(), bytes.size(), &size, &error), error));
    EXPECT_EQ(size, bytes.size());
    return bytes;
  }
  static std::vector<uint8_t> BytesOfFile(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::vector<uint8_t>(std::istreambuf_iterator<char>(file), {});
  }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  const std::string folder_ = [] {
    std::string folder = ::testing::TempDir() + "/prefixes." + std::to_string(getpid());
    std::filesystem::create_directories(folder);
    return folder;
  }();
  OwnedRuntime runtime_ = MakeRuntime();
  OwnedModel model_ = LoadModel(runtime_.get(), DataPath(kModel), GetParam());
  OwnedStream stream_ = MakeStream(model_.get());
};

TEST_P(PrefixesTest, StreamsStartWhereTheStreamStood) {
  const OwnedPrefix prefix = MakePrefix();
  const std::vector<float> expected = AllLogits(model_.get(), stream_.get(), {4, 5});
  stream_.Close();
  for (int i = 0; i < 3; ++i) {
    const OwnedStream started = Start(prefix.get());
    EXPECT_EQ(PositionOf(started.get()), 3u);
    EXPECT_EQ(AllLogits(model_.get(), started.get(), {4, 5}), expected);
  }
}

TEST_P(PrefixesTest, ManyStreamsCostNoStates) {
  // There are slots for a few streams only.
  const OwnedPrefix prefix = MakePrefix();
  std::vector<OwnedStream> streams;
  for (int i = 0; i < 7; ++i) streams.push_back(Start(prefix.get()));
  const std::vector<float> state = StateOf(stream_.get());
  for (const OwnedStream& stream : streams) EXPECT_EQ(StateOf(stream.get()), state);
}

TEST_P(PrefixesTest, ResetGoesBackToThePrefixAlsoInForks) {
  const OwnedPrefix prefix = MakePrefix();
  const OwnedStream started = Start(prefix.get());
  const std::vector<float> expected = AllLogits(model_.get(), started.get(), {4, 5});
  OwnedStream fork;
  SKEIN_CALL(skein_stream_fork, started.get(), fork.out());
  for (const skein_stream stream : {started.get(), fork.get()}) {
    SKEIN_CALL(skein_stream_reset, stream);
    EXPECT_EQ(PositionOf(stream), 3u);
    EXPECT_EQ(AllLogits(model_.get(), stream, {4, 5}), expected);
  }
}

TEST_P(PrefixesTest, SaysWhatItIs) {
  const OwnedPrefix prefix = MakePrefix();
  const skein_prefix_info info = InfoOfPrefix(prefix.get());
  EXPECT_STREQ(info.name, "persona");
  EXPECT_EQ(std::string(info.fingerprint).size(), 32u);
  EXPECT_EQ(info.position, 3u);
  EXPECT_EQ(info.state_bytes, StateOf(stream_.get()).size() * sizeof(float));
  char text[64];
  uint64_t size = 0;
  SKEIN_CALL(skein_prefix_provenance, prefix.get(), text, uint64_t{sizeof(text)}, &size);
  EXPECT_EQ(std::string(text, size), "by hand");
  SKEIN_CALL(skein_prefix_save, prefix.get(), Path("p").c_str(), 0u);
  EXPECT_EQ(std::filesystem::file_size(Path("p")), info.file_bytes);
}

TEST_P(PrefixesTest, OutlivesEverythingElse) {
  OwnedPrefix prefix = MakePrefix();
  const std::vector<float> state = StateOf(stream_.get());
  stream_.Close();
  model_.Close();
  runtime_.Close();
  const OwnedStream started = Start(prefix.get());
  prefix.Close();
  EXPECT_EQ(StateOf(started.get()), state);
}

TEST_P(PrefixesTest, AFileGoesToTheOtherBackend) {
  const OwnedPrefix prefix = MakePrefix();
  SKEIN_CALL(skein_prefix_save, prefix.get(), Path("p").c_str(), 0u);
  const OwnedModel elsewhere = LoadModel(runtime_.get(), DataPath(kModel), GetParam() == "cpu" ? "reference" : "cpu");
  OwnedPrefix loaded;
  SKEIN_CALL(skein_prefix_load, elsewhere.get(), Path("p").c_str(), loaded.out());
  EXPECT_STREQ(InfoOfPrefix(loaded.get()).name, "persona");
  const OwnedStream started = Start(loaded.get());
  const std::vector<float> expected = AllLogits(model_.get(), stream_.get(), {5, 6});
  const std::vector<float> found = AllLogits(elsewhere.get(), started.get(), {5, 6});
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 3e-4f);
}

TEST_P(PrefixesTest, StreamsMoveWithOneCallOnEachSide) {
  SKEIN_CALL(skein_stream_save, stream_.get(), Path("s").c_str(), 0u);
  const OwnedModel elsewhere = LoadModel(runtime_.get(), DataPath(kModel), GetParam());
  const OwnedStream moved = MakeStream(elsewhere.get());
  SKEIN_CALL(skein_stream_load, moved.get(), Path("s").c_str());
  EXPECT_EQ(PositionOf(moved.get()), 3u);
  EXPECT_EQ(AllLogits(elsewhere.get(), moved.get(), {5, 6}), AllLogits(model_.get(), stream_.get(), {5, 6}));
}

// Whatever layers lie where and in which type: the state is the one that was saved, to the bit.
TEST_P(PrefixesTest, FilesGoToEveryLayerSplitAndType) {
  const OwnedStream stream = MakeStream(model_.get());
  std::vector<uint32_t> tokens(300);
  for (uint32_t i = 0; i < tokens.size(); ++i) tokens[i] = 1 + i * 7 % 50;
  AllLogits(model_.get(), stream.get(), tokens);
  OwnedPrefix prefix;
  SKEIN_CALL(skein_prefix_create, stream.get(), "persona", nullptr, prefix.out());
  SKEIN_CALL(skein_stream_save, stream.get(), Path("s").c_str(), SKEIN_SAVE_PAST);
  SKEIN_CALL(skein_prefix_save, prefix.get(), Path("p").c_str(), SKEIN_SAVE_PAST);
  const std::vector<uint8_t> snapshot = SnapshotWith(stream.get(), SKEIN_SAVE_PAST);
  const std::vector<float> state = StateOf(stream.get());
  for (const char* device : {"cpu", "reference", "cpu=0-1,reference=2", "reference=0,cpu=1-2"}) {
    for (const char* type : {"f32", "f16", "q8"}) {
      SCOPED_TRACE(std::string(device) + " " + type);
      const OwnedModel elsewhere = LoadModel(runtime_.get(), DataPath(kModel), device, type);
      const OwnedStream moved = MakeStream(elsewhere.get());
      SKEIN_CALL(skein_stream_load, moved.get(), Path("s").c_str());
      OwnedPrefix loaded;
      SKEIN_CALL(skein_prefix_load, elsewhere.get(), Path("p").c_str(), loaded.out());
      const OwnedStream started = Start(loaded.get());
      const OwnedStream restored = MakeStream(elsewhere.get());
      SKEIN_CALL(skein_stream_restore, restored.get(), snapshot.data(), uint64_t{snapshot.size()});
      for (const skein_stream each : {moved.get(), started.get(), restored.get()}) {
        EXPECT_EQ(PositionOf(each), 300u);
        EXPECT_EQ(StateOf(each), state);
        uint64_t num_replayed = 0;
        SKEIN_CALL(skein_stream_truncate, each, uint64_t{280}, &num_replayed);
        EXPECT_EQ(PositionOf(each), 280u);
        EXPECT_LE(num_replayed, 280u);
        AllLogits(elsewhere.get(), each, {1, 2});
      }
    }
  }
}

// The tokens 1 to `count` in the vocabulary of the small model.
std::vector<uint32_t> Tokens(uint32_t first, uint32_t count) {
  std::vector<uint32_t> tokens(count);
  for (uint32_t i = 0; i < count; ++i) tokens[i] = 1 + (first + i) * 7 % 50;
  return tokens;
}

// Streams that are told to go on with their past.
class MovedPastTest : public PrefixesTest {
 protected:
  void SetUp() override {
    AllLogits(model_.get(), stream_.get(), Tokens(3, 297));
    SKEIN_CALL(skein_stream_set_checkpoint, stream_.get(), "here");
    AllLogits(model_.get(), stream_.get(), Tokens(300, 400));
  }

  void ExpectToGoBack(skein_stream moved) {
    std::vector<uint32_t> read(700);
    uint64_t count = 0;
    SKEIN_CALL(skein_stream_tokens, moved, uint64_t{3}, read.data(), uint64_t{read.size()}, &count);
    EXPECT_EQ(count, 697u);
    read.resize(697);
    EXPECT_EQ(read, Tokens(3, 697));
    uint64_t position = 0;
    SKEIN_CALL(skein_stream_find_checkpoint, moved, "here", &position);
    EXPECT_EQ(position, 300u);

    // The named state came along, so that nothing is read again.
    uint64_t num_replayed = 0;
    SKEIN_CALL(skein_stream_truncate, moved, uint64_t{300}, &num_replayed);
    EXPECT_EQ(num_replayed, 0u);
    EXPECT_EQ(PositionOf(moved), 300u);
    const OwnedStream fresh = MakeStream(model_.get());
    AllLogits(model_.get(), fresh.get(), {1, 2, 3});
    AllLogits(model_.get(), fresh.get(), Tokens(3, 297));
    EXPECT_EQ(StateOf(moved), StateOf(fresh.get()));
    // From the state of the start.
    SKEIN_CALL(skein_stream_truncate, moved, uint64_t{5}, &num_replayed);
    EXPECT_EQ(num_replayed, 5u);
  }
};

TEST_P(MovedPastTest, AStreamFromAFileCanGoBack) {
  SKEIN_CALL(skein_stream_save, stream_.get(), Path("s").c_str(), SKEIN_SAVE_PAST);
  const OwnedModel elsewhere = LoadModel(runtime_.get(), DataPath(kModel), GetParam());
  const OwnedStream moved = MakeStream(elsewhere.get());
  SKEIN_CALL(skein_stream_load, moved.get(), Path("s").c_str());
  ExpectToGoBack(moved.get());
}

TEST_P(MovedPastTest, AStreamFromASnapshotCanGoBack) {
  const std::vector<uint8_t> snapshot = SnapshotWith(stream_.get(), SKEIN_SAVE_PAST);
  const OwnedModel elsewhere = LoadModel(runtime_.get(), DataPath(kModel), GetParam());
  const OwnedStream moved = MakeStream(elsewhere.get());
  SKEIN_CALL(skein_stream_restore, moved.get(), snapshot.data(), uint64_t{snapshot.size()});
  ExpectToGoBack(moved.get());
}

TEST_P(MovedPastTest, ASnapshotIsAFileInMemory) {
  SKEIN_CALL(skein_stream_save, stream_.get(), Path("bare").c_str(), 0u);
  SKEIN_CALL(skein_stream_save, stream_.get(), Path("past").c_str(), SKEIN_SAVE_PAST);
  EXPECT_EQ(SnapshotWith(stream_.get(), 0), BytesOfFile(Path("bare")));
  EXPECT_EQ(SnapshotWith(stream_.get(), SKEIN_SAVE_PAST), BytesOfFile(Path("past")));
}

TEST_P(MovedPastTest, ASnapshotHasNoOtherFlags) {
  uint64_t size = 0;
  for (const uint32_t flags : {SKEIN_SAVE_REPLACE, SKEIN_SAVE_REPLACE | SKEIN_SAVE_PAST, 4u}) {
    skein_error error = {};
    EXPECT_EQ(skein_stream_snapshot_with(stream_.get(), flags, nullptr, 0, &size, &error), SKEIN_INVALID_ARGUMENT);
    EXPECT_THAT(std::string(error.message), HasSubstr("expected 0 or SKEIN_SAVE_PAST"));
  }
}

TEST_P(MovedPastTest, ATooSmallBufferIsLeftAlone) {
  const uint64_t needed = SnapshotWith(stream_.get(), SKEIN_SAVE_PAST).size();
  std::vector<uint8_t> bytes(needed, 7);
  uint64_t size = 0;
  EXPECT_EQ(skein_stream_snapshot_with(stream_.get(), SKEIN_SAVE_PAST, bytes.data(), bytes.size() - 1, &size, nullptr),
            SKEIN_OUT_OF_RANGE);
  EXPECT_EQ(size, needed);
  EXPECT_EQ(bytes, std::vector<uint8_t>(needed, 7));
}

TEST_P(PrefixesTest, WithoutItsPastAStreamBeginsWhereItWasSaved) {
  SKEIN_CALL(skein_stream_save, stream_.get(), Path("s").c_str(), 0u);
  const OwnedStream moved = MakeStream(model_.get());
  SKEIN_CALL(skein_stream_load, moved.get(), Path("s").c_str());
  EXPECT_EQ(skein_stream_truncate(moved.get(), 1, nullptr, nullptr), SKEIN_OUT_OF_RANGE);
  SKEIN_CALL(skein_stream_truncate, stream_.get(), uint64_t{1}, nullptr);
}

// Truncating a stream behind a prefix object leads into the text of the prefix, and the prefix stays what it is.
TEST_P(PrefixesTest, StreamsGoBackIntoThePrefix) {
  const OwnedPrefix prefix = MakePrefix();
  const OwnedStream started = Start(prefix.get());
  AllLogits(model_.get(), started.get(), {4, 5});
  SKEIN_CALL(skein_stream_truncate, started.get(), uint64_t{2}, nullptr);
  const OwnedStream fresh = MakeStream(model_.get());
  AllLogits(model_.get(), fresh.get(), {1, 2});
  EXPECT_EQ(StateOf(started.get()), StateOf(fresh.get()));
  EXPECT_EQ(PositionOf(Start(prefix.get()).get()), 3u);
}

TEST_P(PrefixesTest, AFileIsReplacedOnlyOnRequest) {
  const OwnedPrefix prefix = MakePrefix();
  std::ofstream(Path("p")) << "precious";
  EXPECT_EQ(skein_prefix_save(prefix.get(), Path("p").c_str(), 0, nullptr), SKEIN_ALREADY_EXISTS);
  EXPECT_EQ(skein_stream_save(stream_.get(), Path("p").c_str(), 0, nullptr), SKEIN_ALREADY_EXISTS);
  EXPECT_EQ(ReadFile(Path("p")), "precious");
  SKEIN_CALL(skein_prefix_save, prefix.get(), Path("p").c_str(), SKEIN_SAVE_REPLACE);
  EXPECT_NE(ReadFile(Path("p")), "precious");
}

TEST_P(PrefixesTest, BadFilesAreRefusedWithTheirNames) {
  const OwnedPrefix prefix = MakePrefix();
  SKEIN_CALL(skein_prefix_save, prefix.get(), Path("whole").c_str(), 0u);
  const std::string whole = ReadFile(Path("whole"));
  std::ofstream(Path("short")) << whole.substr(0, whole.size() / 2);
  std::ofstream(Path("other")) << "no snapshot, but a text";
  OwnedPrefix loaded;
  for (const auto& [name, code] :
       {std::pair("short", SKEIN_DATA_LOSS), {"other", SKEIN_DATA_LOSS}, {"none", SKEIN_NOT_FOUND}}) {
    skein_error error = {};
    EXPECT_EQ(skein_prefix_load(model_.get(), Path(name).c_str(), loaded.out(), &error), code);
    EXPECT_THAT(error.message, HasSubstr(Path(name)));
    EXPECT_EQ(loaded.get(), nullptr);
    EXPECT_EQ(skein_stream_load(stream_.get(), Path(name).c_str(), nullptr), code);
  }
  EXPECT_EQ(PositionOf(stream_.get()), 3u);
  const OwnedModel other_model = LoadModel(runtime_.get(), DataPath("v7-n16.pth"), "reference");
  EXPECT_EQ(skein_prefix_load(other_model.get(), Path("whole").c_str(), loaded.out(), nullptr),
            SKEIN_FAILED_PRECONDITION);
}

TEST_P(PrefixesTest, BadArgumentsAreRefused) {
  OwnedPrefix prefix;
  const std::string long_name(128, 'x');
  EXPECT_EQ(skein_prefix_create(stream_.get(), long_name.c_str(), nullptr, prefix.out(), nullptr),
            SKEIN_INVALID_ARGUMENT);
  EXPECT_EQ(skein_prefix_create(stream_.get(), "\xff", nullptr, prefix.out(), nullptr), SKEIN_INVALID_ARGUMENT);
  prefix = MakePrefix();
  EXPECT_EQ(skein_prefix_save(prefix.get(), Path("p").c_str(), 1u << 31, nullptr), SKEIN_INVALID_ARGUMENT);
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_STREAM, {{"state", "somewhere.pth"}});
  OwnedStream stream;
  EXPECT_EQ(skein_prefix_start(prefix.get(), options.get(), stream.out(), nullptr), SKEIN_INVALID_ARGUMENT);
}

TEST_P(PrefixesTest, FilesAreDescribedWithoutAModel) {
  const OwnedPrefix prefix = MakePrefix();
  SKEIN_CALL(skein_prefix_save, prefix.get(), Path("p").c_str(), 0u);
  SKEIN_CALL(skein_stream_save, stream_.get(), Path("s").c_str(), 0u);
  char text[4096];
  uint64_t size = 0;
  SKEIN_CALL(skein_snapshot_describe, Path("p").c_str(), nullptr, text, uint64_t{sizeof(text)}, &size);
  const std::string fingerprint = InfoOfPrefix(prefix.get()).fingerprint;
  for (const std::string& expected :
       {std::string("persona"), std::string("by hand"), std::string("3 tokens"), fingerprint}) {
    EXPECT_THAT(std::string(text, size), HasSubstr(expected));
  }
  const OwnedOptions json = MakeOptions(SKEIN_OPTIONS_DESCRIBE, {{"format", "json"}});
  SKEIN_CALL(skein_snapshot_describe, Path("s").c_str(), json.get(), text, uint64_t{sizeof(text)}, &size);
  EXPECT_THAT(std::string(text, size), HasSubstr("\"kind\": \"snapshot\""));
  EXPECT_EQ(skein_snapshot_describe(DataPath(kModel).c_str(), nullptr, text, sizeof(text), &size, nullptr),
            SKEIN_DATA_LOSS);
}

const auto kDevices = ::testing::Values("reference", "cpu", "cpu=0-1,reference=2");
const auto kNameOf = [](const auto& param_info) {
  return std::string(param_info.param == "cpu" || param_info.param == "reference" ? param_info.param : "split");
};
INSTANTIATE_TEST_SUITE_P(Devices, PrefixesTest, kDevices, kNameOf);
INSTANTIATE_TEST_SUITE_P(Devices, MovedPastTest, kDevices, kNameOf);

}  // namespace
}  // namespace skein::test
