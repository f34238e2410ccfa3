#include "files/checkpoint/foreign_file.h"

#include "files/open.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/tiny_model.h"

namespace skein {
namespace {

using ::skein::testing::FakeFormat;
using ::skein::testing::Mixes;
using ::skein::testing::SerialHost;
using ::skein::testing::TempFolder;
using ::skein::testing::TinyFla;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr const char* kPointer =
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
    "size 3055445000\n";

class ForeignFileTest : public ::testing::Test {
 protected:
  // The error of opening a model file `name` with these contents.
  absl::Status Refusal(const std::string& name, const std::string& contents) const {
    return OpenModelFile(format_.plugins(), SerialHost(), folder_.Write(name, contents), FileAccess::kMap).status();
  }

  const TempFolder folder_;
  const FakeFormat format_{TinyFla(Mixes::kSplit)};
};

TEST_F(ForeignFileTest, AGitLfsPointerIsNamedWithTheSizeThatIsMissing) {
  for (const char* name : {"m.pth", "m.safetensors", "m.gguf", "m.skein", "m"}) {
    const absl::Status status = Refusal(name, kPointer);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << name;
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("is a Git LFS pointer"), HasSubstr("3055445000 bytes"), HasSubstr("not downloaded")));
  }
  EXPECT_THAT(std::string(Refusal("m.pth", "version https://git-lfs.github.com/spec/v1\n").message()),
              HasSubstr("Git LFS pointer to a file that was not"));
}

// A vocabulary beside it may, since others may serve: see vocabulary_choice_test.cc.
TEST_F(ForeignFileTest, TheConfigBesideTheModelMayNotBeAPointerEither) {
  const TempFolder folder;
  const std::string path = folder.Write("m.fake", format_.contents());
  folder.Write("config.json", kPointer);
  const absl::Status status = OpenModelFile(format_.plugins(), SerialHost(), path, FileAccess::kMap).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("config.json"), HasSubstr("Git LFS pointer")));
}

TEST_F(ForeignFileTest, AShardMayNotBeAPointer) {
  FakeFormat format(TinyFla(Mixes::kSplit));
  const TempFolder folder;
  const std::string path = folder.Write("m.fake", format.contents());
  folder.Write("shard", kPointer);
  format.sibling = "shard";
  const absl::Status status = OpenModelFile(format.plugins(), SerialHost(), path, FileAccess::kMap).status();
  EXPECT_EQ(format.sibling_code, SKEIN_INVALID_ARGUMENT);
  EXPECT_FALSE(status.ok());
}

TEST_F(ForeignFileTest, AnEmptyFileIsNamedWhateverItIsCalled) {
  for (const char* name : {"m.pth", "m.skein", "m"}) {
    EXPECT_THAT(std::string(Refusal(name, "").message()), AllOf(HasSubstr(name), HasSubstr("found an empty file")));
  }
}

TEST_F(ForeignFileTest, OurOwnFilesThatAreNoModelAreNamed) {
  EXPECT_THAT(std::string(Refusal("m.snap", std::string("SKEINSNP\2\0\0\0", 12)).message()),
              HasSubstr("found a snapshot of a stream"));
}

// A package is a model, and neither an adapter nor a state.
TEST_F(ForeignFileTest, APackageIsNoAdapterAndNoState) {
  const std::string package = folder_.Write("m.skein", "\x89SKEIN\r\n and more");
  const std::string model = folder_.Write("m.fake", format_.contents());
  ModelChanges changes;
  changes.state_path = package;
  const absl::Status status = OpenModelFile(format_.plugins(), SerialHost(), model, FileAccess::kMap, changes).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("is a .skein package, a whole model"), HasSubstr("expected a file with an adapter")));
}

TEST_F(ForeignFileTest, PagesOfServersAreNamed) {
  for (const char* page : {"<!DOCTYPE html>\n<html>", "\n <html lang=\"en\">", "\xef\xbb\xbf<!doctype HTML>"}) {
    EXPECT_THAT(std::string(Refusal("m.pth", page).message()), HasSubstr("a page of HTML")) << page;
  }
  for (const char* page : {"<?xml version=\"1.0\"?><Error>", "<Error><Code>AccessDenied</Code>"}) {
    EXPECT_THAT(std::string(Refusal("m.gguf", page).message()), HasSubstr("a text of XML")) << page;
  }
}

TEST_F(ForeignFileTest, AnErrorNamesTheFileOnceAndWhatIsRead) {
  for (const std::string& contents :
       {std::string(), std::string("{\"error\":\"not found\"}"), std::string("\x1f\x8b"), std::string(100, '\x01')}) {
    const std::string message(Refusal("m.pth", contents).message());
    EXPECT_THAT(message, AllOf(HasSubstr("a .skein package"), HasSubstr("fake (.fake)")));
    const size_t first = message.find("m.pth");
    EXPECT_NE(first, std::string::npos);
    EXPECT_EQ(message.find("m.pth", first + 1), std::string::npos) << message;
  }
}

struct Foreign {
  std::string bytes;
  const char* kind;
};

class ForeignKindTest : public ::testing::TestWithParam<Foreign> {};

TEST_P(ForeignKindTest, IsNamed) {
  const std::string& bytes = GetParam().bytes;
  EXPECT_THAT(ForeignKind({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}), HasSubstr(GetParam().kind));
}

std::string Tar(std::string first, const char* magic) {
  first.resize(257);
  return first + magic + std::string(200, '\0');
}

INSTANTIATE_TEST_SUITE_P(
    Each, ForeignKindTest,
    ::testing::Values(Foreign{"\x1f\x8b\x08", "a gzip archive, which is to be unpacked"},
                      Foreign{"7z\xbc\xaf\x27\x1c", "7z"}, Foreign{"PK\x03\x04", "a zip archive"},
                      Foreign{"PK\x03\x04" + std::string(26, 'x') + "archive/data.pkl", "a checkpoint of PyTorch"},
                      Foreign{"PK\x05\x06", "an empty zip archive"}, Foreign{"\x80\x04\x95", "a Python pickle"},
                      Foreign{"\x93NUMPY", "a NumPy array"}, Foreign{"\x89HDF\r\n", "HDF5"}, Foreign{"tjgg", "GGJT"},
                      Foreign{"lmgg", "GGML"}, Foreign{std::string("\x1c\0\0\0TFL3", 8), "TensorFlow Lite"},
                      Foreign{"\x7f"
                              "ELF",
                              "ELF"},
                      Foreign{Tar("sys_info", ""), "PyTorch's first format"},
                      Foreign{Tar("./storages/", "ustar"), "PyTorch's first format"},
                      Foreign{Tar("rwkv/model.pth", "ustar"), "a tar archive, which is to be unpacked"},
                      Foreign{"{\"error\": \"Repository not found\"}", "JSON that begins with \"{"},
                      Foreign{"Entry not found", "a text that begins with \"Entry not found\""}));

TEST(ForeignKindTest, BytesOfNoKindHaveNone) {
  for (const std::string& bytes :
       {std::string(), std::string("\x01"), std::string(300, '\0'), std::string("GGUF\3\0", 6)}) {
    EXPECT_EQ(ForeignKind({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}), "");
  }
}

}  // namespace
}  // namespace skein
