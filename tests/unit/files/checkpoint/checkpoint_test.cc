#include "files/checkpoint/checkpoint.h"

#include <cstdio>
#include <fstream>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_format.h"

namespace skein {
namespace {

using ::skein::testing::FakeFormat;
using ::skein::testing::FakeTensor;
using ::skein::testing::FloatBytes;
using ::skein::testing::SerialHost;
using ::skein::testing::TempFile;
using ::testing::AllOf;
using ::testing::HasSubstr;

absl::StatusOr<std::unique_ptr<Checkpoint>> Open(const FakeFormat& format, const std::string& path) {
  absl::StatusOr<std::unique_ptr<File>> file = File::Open(path, FileAccess::kRead);
  if (!file.ok()) return file.status();
  return Checkpoint::Open(format.plugins(), SerialHost(), *std::move(file));
}
absl::StatusOr<std::unique_ptr<Checkpoint>> Open(const FakeFormat& format) { return Open(format, format.path()); }

FakeTensor Vector(const std::string& name, const std::vector<float>& values) {
  return {name, SKEIN_DTYPE_F32, {values.size()}, FloatBytes(values), {}, false};
}

TEST(CheckpointTest, ShowsTheTensorsThatThePluginReports) {
  const FakeFormat format({Vector("a", {1, 2, 3}), Vector("b", {4})});
  const auto checkpoint = Open(format);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ((*checkpoint)->format(), "fake");
  ASSERT_EQ((*checkpoint)->tensors().size(), 2u);
  const CheckpointTensor& a = (*checkpoint)->tensors()[0];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.size_bytes, 12u);
  EXPECT_EQ(std::vector<uint8_t>(a.data, a.data + 12), FloatBytes({1, 2, 3}));
}

TEST(CheckpointTest, ReadsTensorsThatHaveNoDataThroughThePlugin) {
  FakeTensor tensor = Vector("a", {1, 2, 3});
  tensor.by_reader = true;
  const FakeFormat format({tensor});
  const auto checkpoint = Open(format);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ((*checkpoint)->tensors()[0].data, nullptr);
  std::vector<uint8_t> buffer;
  ASSERT_TRUE((*checkpoint)->Look(0, buffer).ok());
  EXPECT_EQ(buffer, FloatBytes({1, 2, 3}));
}

TEST(CheckpointTest, ComparesChecksumsWhenTheDataIsLookedAtAndNotWhenTheFileIsOpened) {
  FakeFormat format({Vector("a", {1, 2, 3})});
  format.table.tensor_check = [](void*, uint64_t, skein_message* message) {
    std::snprintf(message->text, sizeof(message->text), "expected another checksum");
    return int32_t{SKEIN_DATA_LOSS};
  };
  const auto checkpoint = Open(format);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  std::vector<uint8_t> buffer;
  const absl::Status status = (*checkpoint)->Look(0, buffer).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("expected another checksum"));
}

TEST(CheckpointTest, AnOlderPluginWithoutTheCheckIsRead) {
  FakeFormat format({Vector("a", {1, 2, 3})});
  format.table.struct_size = offsetof(skein_format_table, tensor_check);
  const auto checkpoint = Open(format);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  std::vector<uint8_t> buffer;
  EXPECT_TRUE((*checkpoint)->Look(0, buffer).ok());
}

TEST(CheckpointTest, AFileThatNoPluginRecognisesNamesTheFormatsAndTheFirstBytes) {
  const FakeFormat format({});
  const TempFile file("other.bin");
  file.Write("\x01\x02\x03other......");
  const absl::Status status = Open(format, file.path()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr(file.path()), HasSubstr("fake"), HasSubstr("0102036f74686572"), HasSubstr("other")));
}

TEST(CheckpointTest, AnEmptyFileIsNoModel) {
  const FakeFormat format({});
  const TempFile file("empty.bin");
  file.Write("");
  EXPECT_EQ(Open(format, file.path()).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(CheckpointTest, APluginThatLacksAFunctionIsNotAsked) {
  FakeFormat format({Vector("a", {1})});
  format.table.tensor_info = nullptr;
  EXPECT_EQ(Open(format).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(CheckpointTest, APluginWithAShortTableIsNotAsked) {
  FakeFormat format({Vector("a", {1})});
  format.table.struct_size = offsetof(skein_format_table, close);
  EXPECT_EQ(Open(format).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(CheckpointTest, ATensorOutsideTheFileIsAnErrorOfThePlugin) {
  FakeFormat format({Vector("a", {1, 2, 3})});
  for (const uint64_t lie : {uint64_t{1}, uint64_t{1} << 40, ~uint64_t{0} - 16}) {
    format.lie_about_offset = lie;
    EXPECT_EQ(Open(format).status().code(), absl::StatusCode::kInternal) << lie;
  }
  format.lie_about_offset = 0;
  EXPECT_TRUE(Open(format).ok());
}

TEST(CheckpointTest, StridesThatReachOutsideTheFileAreRefused) {
  for (const uint64_t stride : {uint64_t{3}, uint64_t{1} << 40, ~uint64_t{0}}) {
    FakeTensor tensor = Vector("a", {1, 2, 3, 4});
    tensor.shape = {2, 2};
    tensor.strides = {stride, 1};
    const FakeFormat format({tensor});
    EXPECT_EQ(Open(format).status().code(), absl::StatusCode::kInternal) << stride;
  }
}

TEST(CheckpointTest, ShapesThatDoNotFitInMemoryAreRefused) {
  for (const std::vector<uint64_t>& shape :
       {std::vector<uint64_t>{1ull << 32, 1ull << 32}, {~0ull}, {1ull << 62}, {1ull << 40, 1, 1}}) {
    FakeTensor tensor = Vector("a", {1});
    tensor.shape = shape;
    tensor.strides.assign(shape.size(), 0);  // reaches one element only
    const FakeFormat format({tensor});
    EXPECT_FALSE(Open(format).ok()) << ::testing::PrintToString(shape);
  }
}

TEST(CheckpointTest, ElementTypesThatAreNoNumbersAreRefusedByName) {
  FakeTensor tensor = Vector("ids", {1});
  tensor.dtype = SKEIN_DTYPE_U8;
  const FakeFormat format({tensor});
  const absl::Status status = Open(format).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"ids\""));
}

TEST(CheckpointTest, APluginMayOpenAFileBesideIt) {
  FakeFormat format({Vector("a", {1})});
  const std::string folder = format.path().substr(0, format.path().rfind('/') + 1);
  const TempFile other("sibling.txt");
  other.Write("beside");
  format.sibling = other.path().substr(folder.size());
  ASSERT_TRUE(Open(format).ok());
  EXPECT_EQ(format.sibling_contents, "beside");
}

TEST(CheckpointTest, APluginMayNotLeaveTheFolder) {
  FakeFormat format({Vector("a", {1})});
  for (const char* name : {"../x", "/etc/passwd", "a/b", ".hidden", "..", "a\\b", "x..y"}) {
    format.sibling = name;
    EXPECT_EQ(Open(format).status().code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_EQ(format.sibling_code, SKEIN_INVALID_ARGUMENT) << name;
  }
  format.sibling = "there-is-no-such-file";
  EXPECT_EQ(Open(format).status().code(), absl::StatusCode::kNotFound);
}

TEST(CheckpointTest, ShowsTheMetadataOfTheContainer) {
  const FakeFormat format({Vector("a", {1})}, {{"general.name", "Goose"}, {"empty", ""}});
  const auto checkpoint = Open(format);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  ASSERT_EQ((*checkpoint)->texts().size(), 2u);
  EXPECT_EQ(FindText((*checkpoint)->texts(), "general.name"), absl::string_view("Goose"));
  EXPECT_EQ(FindText((*checkpoint)->texts(), "empty"), absl::string_view(""));
  EXPECT_FALSE(FindText((*checkpoint)->texts(), "general").has_value());
}

TEST(CheckpointTest, AFormatWithoutMetadataHasNone) {
  FakeFormat format({Vector("a", {1})}, {{"key", "value"}});
  format.table.metadata = nullptr;
  const auto checkpoint = Open(format);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_TRUE((*checkpoint)->texts().empty());
}

TEST(CheckpointTest, MetadataThatCannotBeIsAnErrorOfThePlugin) {
  FakeFormat format({Vector("a", {1})}, {{"key", "value"}});
  format.table.metadata_count = [](void*) { return ~uint64_t{0}; };
  EXPECT_EQ(Open(format).status().code(), absl::StatusCode::kDataLoss);
  format.table.metadata_count = [](void*) { return uint64_t{1}; };
  format.table.metadata = [](void*, uint64_t, const char** key, const char** value, uint64_t* value_bytes,
                             skein_message*) {
    *key = "key";
    *value = nullptr;
    *value_bytes = 5;
    return int32_t{SKEIN_OK};
  };
  EXPECT_EQ(Open(format).status().code(), absl::StatusCode::kInternal);
}

TEST(CheckpointTest, FilesBesideItAreOpenedByPlainNames) {
  const FakeFormat format({Vector("a", {1})});
  const auto checkpoint = Open(format);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  const TempFile other("sibling.txt");
  other.Write("beside");
  const auto bytes = (*checkpoint)->OpenSibling(other.path().substr(other.path().rfind('/') + 1));
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  EXPECT_EQ(std::string(bytes->begin(), bytes->end()), "beside");
  EXPECT_EQ((*checkpoint)->OpenSibling("there-is-no-such-file").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ((*checkpoint)->OpenSibling("../x").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace skein
