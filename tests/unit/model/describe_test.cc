#include "model/describe.h"

#include <memory>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/convert.h"
#include "nlohmann/json.hpp"
#include "tests/unit/model/tiny_model.h"

namespace skein {
namespace {

using ::skein::testing::FakeFormat;
using ::skein::testing::SerialHost;
using ::skein::testing::TempFile;
using ::skein::testing::TinyBlinkDl;
using ::testing::HasSubstr;
using ::testing::Not;

// A package of the tiny model, with every kind of metadata.
class DescribeTest : public ::testing::Test {
 protected:
  DescribeTest() : format_(TinyBlinkDl()), file_("tiny.skein") {
    auto in = ModelFile::Open(format_.plugins(), SerialHost(), format_.path(), FileAccess::kMap);
    ConvertOptions options;
    options.type = "bf16";
    options.name = "tiny \x1b[2J";
    options.licence = "none";
    options.tokenizer = TokenizerSource{"bytes", ""};
    EXPECT_TRUE(Convert(**in, file_.path(), options, nullptr).ok());
    model_ = *ModelFile::Open(format_.plugins(), SerialHost(), file_.path(), FileAccess::kMap);
  }

  FakeFormat format_;
  TempFile file_;
  std::unique_ptr<ModelFile> model_;
};

TEST_F(DescribeTest, CountsTheParameters) {
  uint64_t expected = 0;
  for (const auto& tensor : TinyBlinkDl()) expected += tensor.bytes.size() / sizeof(float);
  EXPECT_EQ(NumParameters(*model_), expected);
}

TEST_F(DescribeTest, JsonHoldsDimensionsTypesAndEveryTensor) {
  const nlohmann::json json = nlohmann::json::parse(DescribeJson(*model_));
  EXPECT_EQ(json["format"], "package");
  EXPECT_EQ(json["generation"], 7);
  EXPECT_EQ(json["num_layers"], 2);
  EXPECT_EQ(json["vocab_size"], 5);
  EXPECT_EQ(json["ranks"]["gate"], 6);
  EXPECT_EQ(json["num_parameters"], NumParameters(*model_));
  EXPECT_EQ(json["state_bytes_per_stream"], 96 * 4);
  EXPECT_EQ(json["tokenizer"]["kind"], "bytes");
  EXPECT_EQ(json["name"], "tiny \x1b[2J");
  EXPECT_EQ(json["licence"], "none");
  EXPECT_EQ(json["source_fingerprint"], *model_->Fingerprint());
  EXPECT_EQ(json["weights"]["bf16"]["num_parameters"].get<uint64_t>() +
                json["weights"]["f32"]["num_parameters"].get<uint64_t>(),
            NumParameters(*model_));
  ASSERT_EQ(json["tensors"].size(), model_->tensors().size());
  EXPECT_EQ(json["tensors"][0]["name"], "embedding");
  EXPECT_EQ(json["tensors"][0]["shape"], nlohmann::json({5, 8}));
  EXPECT_EQ(json["tensors"][0]["dtype"], "bf16");
}

TEST_F(DescribeTest, TextNamesTheSameThingsAndObeysNoEscapes) {
  const std::string text = DescribeText(*model_);
  EXPECT_THAT(text, HasSubstr("RWKV-7"));
  EXPECT_THAT(text, HasSubstr("384 bytes per stream"));
  EXPECT_THAT(text, HasSubstr("layers.1.time.decay.down"));
  EXPECT_THAT(text, HasSubstr("[3, 8]"));
  EXPECT_THAT(text, HasSubstr("tiny \\x1b[2J"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace skein
