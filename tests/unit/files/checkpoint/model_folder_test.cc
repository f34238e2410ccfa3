#include "files/checkpoint/model_folder.h"

#include <filesystem>

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

  FakeFormat format_{TinyBlinkDl()};
  const TempFolder folder_;
};

TEST_F(ModelFolderTest, AFileIsItself) {
  const std::string path = folder_.Write("anything", "");
  EXPECT_EQ(*Resolve(path), path);
  EXPECT_EQ(*Resolve(folder_.path() + "/missing"), folder_.path() + "/missing");
}

TEST_F(ModelFolderTest, UsualNamesComeBeforeOthersAndInOrder) {
  folder_.Write("other.skein", "");
  for (const char* name :
       {"pytorch_model.bin", "pytorch_model.bin.index.json", "model.safetensors", "model.safetensors.index.json"}) {
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

TEST_F(ModelFolderTest, AGgufModelInShardsIsMeantByItsFirst) {
  format_.table.extensions = ".gguf";
  for (const char* name : {"m-00001-of-00003.gguf", "m-00002-of-00003.gguf", "m-00003-of-00003.gguf"}) {
    folder_.Write(name, "");
  }
  EXPECT_EQ(*Resolve(folder_.path()), folder_.path() + "/m-00001-of-00003.gguf");
  folder_.Write("other-of-2.gguf", "");
  EXPECT_FALSE(Resolve(folder_.path()).ok());
}

TEST_F(ModelFolderTest, TheFolderOfADeepSpeedStepIsMeantByTheFileOfTheModel) {
  format_.table.extensions = ".pt";
  folder_.Write("zero_pp_rank_0_mp_rank_00_optim_states.pt", "");
  EXPECT_EQ(*Resolve(folder_.path()), folder_.path() + "/zero_pp_rank_0_mp_rank_00_optim_states.pt")
      << "whose error says more";
  for (const char* name : {"zero_pp_rank_0_mp_rank_00_model_states.pt", "zero_pp_rank_1_mp_rank_00_model_states.pt"}) {
    folder_.Write(name, "");
  }
  EXPECT_EQ(*Resolve(folder_.path()), folder_.path() + "/zero_pp_rank_0_mp_rank_00_model_states.pt");
}

TEST_F(ModelFolderTest, TheFolderThatDeepSpeedNamesAsLatestIsMeant) {
  std::filesystem::create_directory(folder_.path() + "/global_step7");
  const std::string path = folder_.Write("global_step7/model.fake", "");
  folder_.Write("latest", "global_step7\n");
  EXPECT_EQ(*Resolve(folder_.path()), path);
  for (const char* name : {"../global_step7", "", ".", "missing", "/tmp"}) {
    folder_.Write("latest", name);
    EXPECT_EQ(Resolve(folder_.path()).status().code(), absl::StatusCode::kNotFound) << name;
  }
}

}  // namespace
}  // namespace skein
