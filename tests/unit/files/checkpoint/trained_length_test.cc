#include "files/checkpoint/trained_length.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "files/open.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/model_file.h"
#include "tests/support/tiny_model.h"

namespace skein {
namespace {

using ::skein::testing::FakeFormat;
using ::skein::testing::FakeTensor;
using ::skein::testing::Mixes;
using ::skein::testing::SerialHost;
using ::skein::testing::TempFolder;
using ::skein::testing::TinyBlinkDl;
using ::skein::testing::TinyFla;
using ::testing::HasSubstr;

TEST(TrainedLengthOfNameTest, IsThePartOfTheAuthorsNames) {
  EXPECT_EQ(TrainedLengthOfName("RWKV-x070-World-0.1B-v2.8-20241210-ctx4096"), 4096u);
  EXPECT_EQ(TrainedLengthOfName("RWKV-4-Pile-14B-20230313-ctx8192-test1050"), 8192u);
  EXPECT_EQ(TrainedLengthOfName("rwkv7_g1_CTX16k_f16"), 16384u);
  EXPECT_EQ(TrainedLengthOfName("ctx512"), 512u);
}

TEST(TrainedLengthOfNameTest, OtherNamesTellNothing) {
  for (const char* name : {"", "rwkv7-g1", "ctx", "ctx-4096", "ctx0", "myctx4096", "ctx4096b", "ctx99999999999",
                           "ctx4194304k", "4096ctx"}) {
    EXPECT_EQ(TrainedLengthOfName(name), std::nullopt) << name;
  }
}

class TrainedLengthTest : public ::testing::Test {
 protected:
  // Of a checkpoint of that name with these texts.
  absl::StatusOr<std::optional<uint32_t>> Length(const std::vector<FakeTensor>& tensors,
                                                 const std::vector<ContainerText>& texts,
                                                 const std::string& name = "model.fake") const {
    const FakeFormat format(tensors, texts);
    const std::string path = folder_.Write(name, format.contents());
    const auto model = OpenModelFile(format.plugins(), SerialHost(), path, FileAccess::kRead);
    if (!model.ok()) return model.status();
    return (*model)->metadata().trained_length;
  }

  const TempFolder folder_;
};

TEST_F(TrainedLengthTest, NothingIsKnownOfAPlainCheckpoint) { EXPECT_EQ(*Length(TinyBlinkDl(), {}), std::nullopt); }

TEST_F(TrainedLengthTest, TheFilesNameTellsIt) {
  EXPECT_EQ(*Length(TinyBlinkDl(), {}, "rwkv7-g1-ctx4096.fake"), 4096u);
}

TEST_F(TrainedLengthTest, TheContainersOwnKeyComesFirst) {
  EXPECT_EQ(*Length(TinyBlinkDl(), {{"skein.trained_length", "77"}}, "rwkv7-g1-ctx4096.fake"), 77u);
}

TEST_F(TrainedLengthTest, AKeyThatMakesNoSenseIsRefused) {
  for (const char* value : {"0", "-1", "x", "4294967296", ""}) {
    const auto length = Length(TinyBlinkDl(), {{"skein.trained_length", value}});
    EXPECT_EQ(length.status().code(), absl::StatusCode::kInvalidArgument) << value;
    EXPECT_THAT(std::string(length.status().message()), HasSubstr("skein.trained_length"));
  }
}

TEST_F(TrainedLengthTest, GgufTellsItUnderItsArchitecture) {
  EXPECT_EQ(*Length(TinyBlinkDl(), {{"rwkv7.context_length", "2048"}}), 2048u);
  EXPECT_EQ(*Length(TinyBlinkDl(), {{"rwkv7.context_length", "1048576"}}), std::nullopt) << "every file has it";
  EXPECT_EQ(*Length(TinyBlinkDl(), {{"other.context_length", "2048"}}), std::nullopt);
}

TEST_F(TrainedLengthTest, ConfigJsonTellsIt) {
  folder_.Write("config.json", R"({"max_position_embeddings": 2048})");
  EXPECT_EQ(*Length(TinyFla(Mixes::kSplit), {}), 2048u);
  folder_.Write("config.json", R"({"max_position_embeddings": 2048, "context_length": 1024})");
  EXPECT_EQ(*Length(TinyFla(Mixes::kSplit), {}), 1024u);
  for (const char* config : {R"({"context_length": 0})", R"({"context_length": "long"})", R"({"ctx_len": -1})"}) {
    folder_.Write("config.json", config);
    EXPECT_EQ(*Length(TinyFla(Mixes::kSplit), {}), std::nullopt) << config;
  }
}

}  // namespace
}  // namespace skein
