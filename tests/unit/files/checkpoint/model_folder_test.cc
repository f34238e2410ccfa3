#include "files/checkpoint/model_folder.h"

#include "files/open.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/model_file.h"
#include "tests/support/tiny_model.h"

namespace skein {
namespace {

using ::skein::testing::FakeFormat;
using ::skein::testing::SerialHost;
using ::skein::testing::TempFolder;
using ::skein::testing::TinyBlinkDl;
using ::testing::AllOf;
using ::testing::HasSubstr;

class ModelFolderTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::string> Resolve(const std::string& path) const {
    return ResolveModelPath(path, format_.plugins());
  }

  const FakeFormat format_{TinyBlinkDl()};
  const TempFolder folder_;
};

TEST_F(ModelFolderTest, AFileIsItself) {
  const std::string path = folder_.Write("anything", "");
  EXPECT_EQ(*Resolve(path), path);
  EXPECT_EQ(*Resolve(folder_.path() + "/missing"), folder_.path() + "/missing");
}

TEST_F(ModelFolderTest, UsualNamesComeBeforeOthersAndInOrder) {
  folder_.Write("other.skein", "");
  for (const char* name : {"pytorch_model.bin", "model.safetensors", "model.safetensors.index.json"}) {
    const std::string path = folder_.Write(name, "");
    EXPECT_EQ(*Resolve(folder_.path()), path);
    EXPECT_EQ(*Resolve(folder_.path() + "/"), path);
  }
}

TEST_F(ModelFolderTest, TheOnlyModelOfAFolderIsMeant) {
  folder_.Write("README.md", "");
  folder_.Write(".hidden.fake", "");
  const std::string path = folder_.Write("goose.fake", format_.contents());
  EXPECT_EQ(*Resolve(folder_.path()), path);
  const auto model = OpenModelFile(format_.plugins(), SerialHost(), folder_.path(), FileAccess::kMap);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->path(), path);
}

TEST_F(ModelFolderTest, NoneOrSeveralAreNotFoundAndSayWhatWasLookedFor) {
  const absl::Status none = Resolve(folder_.path()).status();
  EXPECT_EQ(none.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(none.message()), AllOf(HasSubstr(folder_.path()), HasSubstr("model.safetensors.index.json"),
                                                 HasSubstr(".fake"), HasSubstr("found none")));
  folder_.Write("a.fake", "");
  folder_.Write("b.skein", "");
  const absl::Status several = Resolve(folder_.path()).status();
  EXPECT_EQ(several.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(several.message()), HasSubstr("found 2: a.fake, b.skein"));
}

}  // namespace
}  // namespace skein
