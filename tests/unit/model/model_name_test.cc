#include "model/model_name.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "base/utf8.h"
#include "tests/support/fake_format.h"

namespace skein {
namespace {

using ::skein::testing::TempFolder;

std::string NameOf(const std::string& stated, const std::string& path) { return NameModel(stated, path).name; }

TEST(ModelNameTest, TheNameInTheFileCountsFirst) {
  const ModelName name = NameModel(" Rwkv7 World 0b1 ", "folder/other.gguf");
  EXPECT_EQ(name.name, "Rwkv7 World 0b1");
  EXPECT_EQ(name.source, NameSource::kStated);
  EXPECT_EQ(NameOf("rwkv7-g1a-0.1b.pth", "x.gguf"), "rwkv7-g1a-0.1b");  // as a converter states its input
}

TEST(ModelNameTest, AStatedNameThatSaysNothingDoesNotCount) {
  for (const char* stated : {"", "  ", "model", "Model", "pytorch_model", "model-00001-of-00002", "model.safetensors",
                             "2438b2f0aa112233445566778899aabbccddeeff", "ggml-model-f16", "None", "unknown"}) {
    const ModelName name = NameModel(stated, "folder/rwkv7-g1.gguf");
    EXPECT_EQ(name.name, "rwkv7-g1") << stated;
    EXPECT_EQ(name.source, NameSource::kFile) << stated;
  }
}

TEST(ModelNameTest, AFilesNameHasNeitherExtensionNorShard) {
  const struct {
    const char* path;
    const char* name;
  } cases[] = {
      {"RWKV-x070-World-0.1B-v2.8-20241210-ctx4096.pth", "RWKV-x070-World-0.1B-v2.8-20241210-ctx4096"},
      {"a/rwkv7-g1-0.4b-Q8_0.gguf", "rwkv7-g1-0.4b-Q8_0"},
      {"a/rwkv7-g1-00001-of-00002.gguf", "rwkv7-g1"},
      {"a/rwkv7-0.1B-g1", "rwkv7-0.1B-g1"},
      {"a/rwkv7-g1.safetensors.index.json", "rwkv7-g1"},
      {"a/x.Q4_K_M.gguf", "x.Q4_K_M"},
      {"a/b-of-c.pth", "b-of-c"},
      {".pth", ".pth"},
      {"a/model-v2.pth", "model-v2"},
  };
  for (const auto& c : cases) EXPECT_EQ(NameOf("", c.path), c.name) << c.path;
}

TEST(ModelNameTest, BytesThatAreNoTextAreReplaced) {
  EXPECT_EQ(NameOf("", "a/rwkv7-g1-\xff.pth"), "rwkv7-g1-\uFFFD");
  EXPECT_TRUE(IsUtf8Text(NameOf("\xff\xfe", "a.pth")));
}

class ModelFolderNameTest : public ::testing::Test {
 protected:
  // A file in a folder of the test's, which is made.
  std::string File(const std::string& name) const {
    const std::filesystem::path path = std::filesystem::path(folder_.path()) / name;
    std::filesystem::create_directories(path.parent_path());
    return folder_.Write(name, "");
  }
  const TempFolder folder_;
};

TEST_F(ModelFolderNameTest, NamesThatEveryModelHasGiveWayToTheFolders) {
  for (const char* file :
       {"model.safetensors", "model.pth", "pytorch_model.bin", "model-00001-of-00002.safetensors", "Model.safetensors",
        "pytorch_model-00002-of-00002.bin", "model.safetensors.index.json", "pytorch_model.bin.index.json",
        "ggml-model-f16.gguf", "mp_rank_00_model_states.pt", "00001-of-00002.gguf"}) {
    const ModelName name = NameModel("", File(std::string("rwkv7-0.1B-g1/") + file));
    EXPECT_EQ(name.name, "rwkv7-0.1B-g1") << file;
    EXPECT_EQ(name.source, NameSource::kFolder) << file;
    EXPECT_TRUE(IsNamedByItsFolder(std::string("x/") + file)) << file;
  }
  EXPECT_FALSE(IsNamedByItsFolder("x/rwkv7-g1.pth"));
}

TEST_F(ModelFolderNameTest, AFolderHasItsRealName) {
  const std::string path = File("rwkv7-0.1B-g1/model.safetensors");
  const std::string real = std::filesystem::path(path).parent_path().string();
  std::filesystem::create_directory_symlink(real, folder_.path() + "/link");
  for (const std::string& folder : {real + "/.", real + "/", real + "/../rwkv7-0.1B-g1", folder_.path() + "/link"}) {
    EXPECT_EQ(NameOf("", folder + "/model.safetensors"), "rwkv7-0.1B-g1") << folder;
  }
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(real);
  EXPECT_EQ(NameOf("", "model.safetensors"), "rwkv7-0.1B-g1");
  EXPECT_EQ(NameOf("", "./model.safetensors"), "rwkv7-0.1B-g1");
  std::filesystem::current_path(before);
}

TEST_F(ModelFolderNameTest, TheCacheOfHuggingFaceNamesTheRepository) {
  const std::string blob = File("models--fla-hub--rwkv7-0.1B-g1/blobs/" + std::string(64, 'a'));
  const std::string path =
      File("models--fla-hub--rwkv7-0.1B-g1/snapshots/2438b2f0aa112233445566778899aabbccddeeff/model.safetensors");
  std::filesystem::remove(path);
  std::filesystem::create_symlink(blob, path);
  EXPECT_EQ(NameOf("", path), "rwkv7-0.1B-g1");
}

TEST_F(ModelFolderNameTest, ALinkToAFileKeepsItsNameUnlessThatSaysNothing) {
  const std::string path = File("model/rwkv7-g1-0.1b.pth");
  std::filesystem::create_symlink(path, folder_.path() + "/model/mine.pth");
  std::filesystem::create_symlink(path, folder_.path() + "/model/model.pth");
  EXPECT_EQ(NameOf("", folder_.path() + "/model/mine.pth"), "mine");
  EXPECT_EQ(NameOf("", folder_.path() + "/model/model.pth"), "rwkv7-g1-0.1b");
}

TEST_F(ModelFolderNameTest, WhereNothingSaysAnythingTheFilesNameIsLeft) {
  const ModelName name = NameModel("", File("weights/model.safetensors"));
  EXPECT_EQ(name.name, "model");
  EXPECT_EQ(name.source, NameSource::kFile);
  EXPECT_EQ(NameOf("", "/nonexistent/model.pth"), "model");
}

}  // namespace
}  // namespace skein
