// Files that were made to break their reader: cut, flipped, absurd. Each must end in an error, or be read whole; never
// in a crash, a large allocation or a long wait.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "formats/gguf/reader.h"
#include "formats/pth/reader.h"
#include "formats/rwkvcpp/reader.h"
#include "formats/safetensors/reader.h"
#include "tests/unit/plugins/formats/checkpoint_writer.h"
#include "tests/unit/plugins/formats/deflate.h"
#include "tests/unit/plugins/formats/format_harness.h"
#include "tests/unit/plugins/formats/limited_process.h"
#include "tests/unit/plugins/formats/old_pth_writer.h"

namespace skein::test {
namespace {

using formats::Gguf;
using formats::Pth;
using formats::RwkvCpp;
using formats::Safetensors;

constexpr size_t kNumFloats = 6000;  // 24 KB: several pages
constexpr uint64_t kHuge = uint64_t{1} << 63;

// "" if the outcome is one that a hostile file may have.
std::string Complaint(const Outcome& outcome, bool must_fail) {
  if (outcome.status == SKEIN_OK) return must_fail ? "was read without an error" : "";
  if (outcome.status == SKEIN_INTERNAL) return "failed by an accident: " + outcome.message;
  if (outcome.message == "out of memory") return "asked for more memory than there is";
  if (outcome.message.empty()) return "failed without a message";
  return "";
}

// --- every file that is nearly a sound one ---

struct SoundFile {
  const char* name;
  const skein_format_table* format;
  std::function<Bytes()> make;
  size_t header_bytes;                   // where the changes go: at the start,
  size_t trailer_bytes = 0;              // and at the end
  std::set<size_t> sound_prefixes = {};  // lengths at which a cut cannot be told from an end
  MemoryFolder::Files siblings = {};

  std::string path() const { return std::string("model.") + name; }

  std::string Read(const Bytes& file, bool must_fail, const std::string& change) const {
    std::string complaint = Complaint(ReadAll(*format, file, path(), siblings), must_fail);
    return complaint.empty() ? "" : change + ": " + complaint;
  }

  // True if changes go to this byte of `file`.
  bool IsChanged(size_t byte, const Bytes& file) const {
    return byte < header_bytes || byte + trailer_bytes >= file.size();
  }
};

Bytes ManyFloats() { return Floats(std::vector<float>(kNumFloats, 1.0f)); }

// Without checksums, so that changes reach the readers behind them.
Bytes SoundPth() {
  PickleWriter pickle;
  pickle.Raw("}q\x01(").Text("w").Tensor("FloatStorage", "0", kNumFloats, 0, {60, 100}, {100, 1});
  pickle.Text("turned").Tensor("FloatStorage", "0", kNumFloats, 8, {100, 59}, {1, 100}).Text("epoch").Int(3);
  const ZipOptions options = {.record_crc32 = false};
  return ZipWriter()
      .Add("archive/data.pkl", pickle.Raw("u").Finish(), options)
      .Add("archive/data/0", ManyFloats(), options)
      .FinishZip64();
}

Bytes SoundDeflatedPth() {
  PickleWriter pickle;
  pickle.Raw("}").Text("w").Tensor("FloatStorage", "0", kNumFloats, 0, {60, 100}, {100, 1}).Raw("s");
  return DeflatedPthFile(pickle.Finish(), {ManyFloats()});
}

Bytes SoundSafetensors() {
  return SafetensorsWriter()
      .AddToHeader(R"("__metadata__":{"format":"pt"})")
      .Add("w", "F32", "[60,100]", ManyFloats())
      .Add("ids", "I64", "[1]", Bytes(8))
      .Finish();
}

Bytes SoundIndex() {
  Bytes file;
  Append(&file, std::string_view(R"({"metadata":{"total_size":24008},"weight_map":{"w":"1.st","ids":"1.st"}})"));
  return file;
}

Bytes SoundGguf() {
  return GgufWriter()
      .Text("general.architecture", "rwkv7")
      .Float32("rwkv7.attention.layer_norm_epsilon", 1e-5f)
      .Text("tokenizer.ggml.model", "rwkv")
      .Texts("tokenizer.ggml.tokens", {"<s>", "\\x00", "a"})
      .Int32s("tokenizer.ggml.token_type", {3, 1, 1})
      .Add("w", 0, {100, 60}, ManyFloats())
      .Add("q", 14, {256}, Bytes(210))
      .Finish();
}

Bytes SoundRwkvCpp() {
  return RwkvCppWriter().Add("w", 0, {100, 60}, ManyFloats()).Add("q", 9, {32}, Bytes(34)).Finish();
}

class NearlySoundFileTest : public ::testing::TestWithParam<SoundFile> {
 protected:
  const SoundFile& sound_ = GetParam();
  const Bytes file_ = GetParam().make();
};

TEST_P(NearlySoundFileTest, IsReadAsItIs) { EXPECT_EQ(sound_.Read(file_, false, "unchanged"), ""); }

TEST_P(NearlySoundFileTest, FailsWhereverItIsCut) {
  EXPECT_EQ(RunLimited([&]() -> std::string {
              for (size_t length = 0; length < file_.size(); ++length) {
                const bool is_cut_here = length % 4096 == 0 || sound_.IsChanged(length, file_);
                if (!is_cut_here || sound_.sound_prefixes.count(length) > 0) continue;
                const Bytes cut(file_.begin(), file_.begin() + static_cast<ptrdiff_t>(length));
                std::string complaint = sound_.Read(cut, true, "cut to " + std::to_string(length));
                if (!complaint.empty()) return complaint;
              }
              return "";
            }),
            "");
}

TEST_P(NearlySoundFileTest, SurvivesEveryFlippedBit) {
  EXPECT_EQ(RunLimited([&]() -> std::string {
              Bytes file = file_;
              for (size_t byte = 0; byte < file.size(); ++byte) {
                if (!sound_.IsChanged(byte, file)) continue;
                for (int bit = 0; bit < 8; ++bit) {
                  file[byte] ^= static_cast<uint8_t>(1 << bit);
                  std::string complaint = sound_.Read(file, false, "bit of byte " + std::to_string(byte));
                  if (!complaint.empty()) return complaint;
                  file[byte] ^= static_cast<uint8_t>(1 << bit);
                }
              }
              return "";
            }),
            "");
}

// Every place may be that of a size.
TEST_P(NearlySoundFileTest, SurvivesAbsurdNumbersAnywhere) {
  constexpr uint64_t kAbsurd[] = {0, 1, 0x7fffffff, 0xffffffff, uint64_t{1} << 40, kHuge - 1, kHuge, ~uint64_t{0}};
  EXPECT_EQ(RunLimited([&]() -> std::string {
              for (size_t byte = 0; byte < file_.size(); ++byte) {
                if (!sound_.IsChanged(byte, file_)) continue;
                for (const uint64_t number : kAbsurd) {
                  for (const size_t width : {size_t{4}, size_t{8}}) {
                    Bytes file = file_;
                    std::memcpy(file.data() + byte, &number, std::min(width, file.size() - byte));
                    std::string complaint =
                        sound_.Read(file, false, std::to_string(number) + " at byte " + std::to_string(byte));
                    if (!complaint.empty()) return complaint;
                  }
                }
              }
              return "";
            }),
            "");
}

INSTANTIATE_TEST_SUITE_P(
    Each, NearlySoundFileTest,
    ::testing::Values(
        SoundFile{"pth", &plugin::kFormatTable<Pth>, SoundPth, 700, 350},
        SoundFile{"deflated", &plugin::kFormatTable<Pth>, SoundDeflatedPth, 500, 200},
        SoundFile{"old", &plugin::kFormatTable<Pth>, [] { return OldPthFile(); }, 700},
        SoundFile{"safetensors", &plugin::kFormatTable<Safetensors>, SoundSafetensors, 200},
        SoundFile{"index", &plugin::kFormatTable<Safetensors>, SoundIndex, 200, 0, {}, {{"1.st", SoundSafetensors()}}},
        SoundFile{"gguf", &plugin::kFormatTable<Gguf>, SoundGguf, 480},
        SoundFile{"rwkvcpp",
                  &plugin::kFormatTable<RwkvCpp>,
                  SoundRwkvCpp,
                  60,
                  60,
                  // after the header and between the tensors
                  {24, 24 + 12 + 8 + 1 + kNumFloats * 4}}),
    [](const ::testing::TestParamInfo<SoundFile>& test) { return test.param.name; });

// --- files that were hostile from the start ---

struct HostileFile {
  const char* what;
  const skein_format_table* format;
  std::function<Bytes()> make;
  MemoryFolder::Files siblings = {};
};

class HostileFileTest : public ::testing::TestWithParam<HostileFile> {};

TEST_P(HostileFileTest, IsRefusedAtLittleCost) {
  const Bytes file = GetParam().make();
  EXPECT_EQ(RunLimited([&] { return Complaint(ReadAll(*GetParam().format, file, "m", GetParam().siblings), true); }),
            "");
}

std::string Repeated(std::string_view text, size_t count) {
  std::string all;
  for (size_t i = 0; i < count; ++i) all += text;
  return all;
}

// A file that takes much memory is made when its test runs.
using Text = std::function<std::string()>;

HostileFile HostilePickle(const char* what, const Text& opcodes) {
  return {what, &plugin::kFormatTable<Pth>,
          [opcodes] { return PthFile(PickleWriter().Raw(opcodes()).Finish(), {ManyFloats()}); }};
}

HostileFile HostileView(const char* what, int64_t storage_elements, int64_t offset, const std::vector<int64_t>& shape,
                        const std::vector<int64_t>& strides) {
  return {what, &plugin::kFormatTable<Pth>, [=] {
            PickleWriter pickle;
            pickle.Raw("}").Text("w").Tensor("FloatStorage", "0", storage_elements, offset, shape, strides).Raw("s");
            return PthFile(pickle.Finish(), {ManyFloats()});
          }};
}

HostileFile HostileZip(const char* what, std::function<Bytes()> make) {
  return {what, &plugin::kFormatTable<Pth>, std::move(make)};
}

HostileFile HostileHeader(const char* what, const Text& header) {
  return {what, &plugin::kFormatTable<Safetensors>, [header] { return SafetensorsFile(header(), Bytes(16)); }};
}

HostileFile HostileIndex(const char* what, const Text& json) {
  return {what,
          &plugin::kFormatTable<Safetensors>,
          [json] {
            Bytes file;
            Append(&file, json());
            return file;
          },
          {{"1.st", SoundSafetensors()}}};
}

HostileFile HostileGguf(const char* what, const std::function<GgufWriter()>& make) {
  return {what, &plugin::kFormatTable<Gguf>, [make] { return make().Finish(); }};
}

Bytes GgufCounts(uint64_t num_tensors, uint64_t num_keys) {
  Bytes file;
  Append(&file, std::string_view("GGUF\3\0\0\0", 8));
  Append(&file, num_tensors);
  Append(&file, num_keys);
  file.resize(1 << 20);
  return file;
}

Bytes NestedGgufArray(int depth) {
  Bytes elements;
  for (int i = 0; i < depth; ++i) {
    Append(&elements, uint32_t{9});
    Append(&elements, uint64_t{1});
  }
  return elements;
}

// A dict without tensors is sound, so this file is read; what matters is the time.
TEST(HostilePickleTest, ADictThatWrapsItselfIsReadQuickly) {
  std::string dict = "}q\x01(";
  for (const std::string_view key : {"state_dict", "module", "model", "model_state_dict", "weights"}) {
    dict += "U" + std::string(1, static_cast<char>(key.size())) + std::string(key) + "h\x01";
  }
  const Bytes file = PthFile(PickleWriter().Raw(dict + Repeated("NN", 100'000) + "u").Finish(), {});
  EXPECT_EQ(RunLimited([&] { return Complaint(ReadAll<Pth>(file), false); }), "");
}

constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();
constexpr int32_t kLargest32 = std::numeric_limits<int32_t>::max();

INSTANTIATE_TEST_SUITE_P(
    Pickles, HostileFileTest,
    ::testing::Values(
        HostilePickle("NestedTuples", [] { return "N" + Repeated("\x85", (1 << 20) - 4); }),
        HostilePickle("NestedLists", [] { return Repeated("]", 1 << 17) + Repeated("a", (1 << 17) - 1); }),
        HostilePickle("NestedMarks", [] { return Repeated("(", 1 << 20); }),
        HostilePickle("EndlessOpcodes", [] { return "N" + Repeated("q\x01", 1 << 21); }),
        HostilePickle("ListOfLists",
                      [] { return "]q\x01" + Repeated("h\x01h\x01h\x01h\x01\x85\x85\x85q\x01", 100'000); }),
        HostilePickle("MemoIndex", [] { return std::string("Nr\xff\xff\xff\xff", 6); }),
        HostilePickle("StringLength", [] { return std::string("X\xff\xff\xff\xff", 5); }),
        HostilePickle("LongLength", [] { return std::string("\x8b\xff\xff\xff\x7f", 5); }),
        HostilePickle("EndlessLine", [] { return "c" + std::string(1 << 20, 'x'); }),
        HostilePickle("ManyTuples", [] { return "N" + Repeated("q\x01(" + Repeated("h\x01", 1000) + "t", 1000); }),
        HostileView("HugeStorage", kLargest, 0, {kLargest}, {1}),
        HostileView("HugeShape", kNumFloats, 0, {kLargest}, {1}),
        HostileView("HugeExpandedShape", kNumFloats, 0, {kLargest, kLargest}, {0, 0}),
        HostileView("HugeOffset", kNumFloats, kLargest, {1}, {1}),
        HostileView("HugeStride", kNumFloats, 0, {2, 2}, {kLargest, kLargest}),
        HostileView("ExpandedToAThousandfold", kNumFloats, 0, {1000, kNumFloats}, {0, 1})),
    [](const ::testing::TestParamInfo<HostileFile>& test) { return test.param.what; });

INSTANTIATE_TEST_SUITE_P(
    Zips, HostileFileTest,
    ::testing::Values(HostileZip("DeflatedEntry",
                                 [] { return ZipWriter().Add("m/data.pkl", Bytes(1000), {.method = 8}).Finish(); }),
                      HostileZip("DeflatedPickleThatIsHuge",
                                 [] {
                                   const Bytes zeros(size_t{65} << 20);
                                   return ZipWriter().Add("m/data.pkl", Deflated(zeros), DeflatedEntry(zeros)).Finish();
                                 }),
                      HostileZip("Bomb",
                                 [] {
                                   // A deflated entry of a kilobyte that claims four gigabytes: the sizes lie 20 and 24
                                   // bytes into its record of the directory, which lies before the end record.
                                   Bytes file = ZipWriter().Add("m/data.pkl", Bytes(1000), {.method = 8}).Finish();
                                   const size_t record = file.size() - 22 - 46 - 10;
                                   std::memset(file.data() + record + 24, 0xfe, 4);
                                   return file;
                                 }),
                      HostileZip("StoredEntryThatClaimsMore",
                                 [] {
                                   Bytes file = ZipWriter().Add("m/data.pkl", Bytes(1000)).Finish();
                                   std::memset(file.data() + file.size() - 22 - 46 - 10 + 24, 0xfe, 4);
                                   return file;
                                 }),
                      HostileZip("ManyEntriesOfTheSameBytes",
                                 [] {
                                   ZipWriter zip;
                                   const Bytes data(1 << 16);
                                   zip.Add("m/data.pkl", data);
                                   for (int i = 0; i < 10'000; ++i) {
                                     zip.AddToDirectory("m/data/" + std::to_string(i), data, {}, plugin::Crc32(data),
                                                        0);
                                   }
                                   return zip.Finish();
                                 }),
                      HostileZip("NothingButComment",
                                 [] {
                                   Bytes file = ZipWriter().Add("m/data.pkl", Bytes(10)).Finish();
                                   file.resize(file.size() + 70'000);
                                   return file;
                                 })),
    [](const ::testing::TestParamInfo<HostileFile>& test) { return test.param.what; });

INSTANTIATE_TEST_SUITE_P(
    Safetensors, HostileFileTest,
    ::testing::Values(
        HostileHeader("DeepArrays", [] { return "{\"a\":" + std::string(1 << 22, '['); }),
        HostileHeader("DeepObjects", [] { return Repeated("{\"a\":", 1 << 20); }),
        HostileHeader("HugeShape",
                      []() -> std::string {
                        return R"({"a":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,16]}})";
                      }),
        HostileHeader(
            "HugeOffsets",
            []() -> std::string {
              return R"({"a":{"dtype":"U8","shape":[16],"data_offsets":[9223372036854775808,9223372036854775824]}})";
            }),
        HostileHeader("LongName", [] { return "{\"" + std::string(1 << 22, 'x') + "\":{}}"; }),
        HostileHeader("LongNumber", [] { return "{\"a\":{\"shape\":[" + std::string(1 << 22, '9') + "]}}"; }),
        HostileIndex("ParentFolder", []() -> std::string { return R"({"weight_map":{"w":"../1.st"}})"; }),
        HostileIndex("AbsolutePath", []() -> std::string { return R"({"weight_map":{"w":"/etc/passwd"}})"; }),
        HostileIndex("NulInPath", []() -> std::string { return R"({"weight_map":{"w":"1.st\u0000.st"}})"; }),
        HostileIndex("HugeTotal",
                     []() -> std::string {
                       return R"({"metadata":{"total_size":9223372036854775808},"weight_map":{"w":"1.st"}})";
                     }),
        HostileIndex("DeepIndex", [] { return "{\"weight_map\":" + std::string(1 << 22, '{'); }),
        HostileIndex("ItselfAsShard", []() -> std::string { return R"({"weight_map":{"w":"m"}})"; })),
    [](const ::testing::TestParamInfo<HostileFile>& test) { return test.param.what; });

INSTANTIATE_TEST_SUITE_P(
    Ggml, HostileFileTest,
    ::testing::Values(
        HostileFile{"TensorCount", &plugin::kFormatTable<Gguf>, [] { return GgufCounts(kHuge, 0); }},
        HostileFile{"KeyCount", &plugin::kFormatTable<Gguf>, [] { return GgufCounts(0, ~uint64_t{0}); }},
        HostileGguf("ArrayLength", [] { return GgufWriter().Array("k", 0, kHuge, Bytes(100)); }),
        HostileGguf("ArrayOfStringsLength", [] { return GgufWriter().Array("k", 8, kHuge, Bytes(100)); }),
        HostileGguf("DeepArray", [] { return GgufWriter().Array("k", 9, 1, NestedGgufArray(100'000)); }),
        HostileGguf("EmptyTokens",
                    [] {
                      return GgufWriter()
                          .Text("tokenizer.ggml.model", "rwkv")
                          .Array("tokenizer.ggml.tokens", 8, 3 << 20, Bytes(size_t{3} << 23));
                    }),
        HostileGguf("HugeShape", [] { return GgufWriter().Add("w", 0, {kHuge}, Bytes(4)); }),
        HostileGguf("HugeRows",
                    [] {
                      return GgufWriter().Add("w", 12, {256, kHuge / 256}, Bytes(144));
                    }),
        HostileGguf("HugeAlignment",
                    [] { return GgufWriter().Uint32("general.alignment", 1u << 31).Add("w", 0, {1}, Bytes(4)); }),
        HostileGguf("HugeOffset", [] { return GgufWriter().Add("w", 0, {1}, Bytes(4), kLargest - 31); }),
        HostileFile{"RwkvCppShape", &plugin::kFormatTable<RwkvCpp>,
                    [] {
                      return RwkvCppWriter().Add("w", 0, {kLargest32, kLargest32, kLargest32}, Bytes(4)).Finish();
                    }},
        HostileFile{"RwkvCppBlocks", &plugin::kFormatTable<RwkvCpp>,
                    [] {
                      return RwkvCppWriter().Add("w", 8, {1 << 30, 1 << 30}, Bytes(24)).Finish();
                    }}),
    [](const ::testing::TestParamInfo<HostileFile>& test) { return test.param.what; });

}  // namespace
}  // namespace skein::test
