// Published models through the format plugins of the build. They are found through the environment variable
// SKEIN_TEST_DATA.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#include "files/convert.h"
#include "files/open.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "model/model_file.h"
#include "plugin/registry.h"
#include "tests/support/fake_format.h"

namespace skein {
namespace {

using ::skein::testing::SerialHost;
using ::skein::testing::TempFile;
using ::testing::HasSubstr;

class RealFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* data = std::getenv("SKEIN_TEST_DATA");
    if (data == nullptr) GTEST_SKIP() << "SKEIN_TEST_DATA is not set";
    data_ = data;
    plugins_.LoadFolder(SKEIN_PLUGIN_DIR);
    if (plugins_.formats().empty()) GTEST_SKIP() << "this build has no format plugins";
  }

  absl::StatusOr<std::unique_ptr<ModelFile>> Open(const std::string& path) {
    return OpenModelFile(plugins_.formats(), SerialHost(), path, FileAccess::kMap);
  }

  // Converting without a change of type keeps every tensor.
  void ExpectConversionKeepsEverything(const ModelFile& in) {
    const TempFile out("out.skein");
    ASSERT_TRUE(Convert(in, out.path(), {}, nullptr).ok());
    const auto package = Open(out.path());
    ASSERT_TRUE(package.ok()) << package.status();
    EXPECT_TRUE((*package)->Verify(nullptr).ok());
    EXPECT_EQ(*(*package)->Fingerprint(), *in.Fingerprint());
    ASSERT_EQ((*package)->tensors().size(), in.tensors().size());
    for (size_t i = 0; i < in.tensors().size(); ++i) {
      std::vector<uint8_t> buffers[2];
      const auto expected = in.ReadTensor(i, SKEIN_DTYPE_F32, buffers[0]);
      const auto found = (*package)->ReadTensor(i, SKEIN_DTYPE_F32, buffers[1]);
      ASSERT_TRUE(expected.ok()) << expected.status();
      ASSERT_TRUE(found.ok()) << found.status();
      ASSERT_EQ(found->size_bytes, expected->size_bytes);
      EXPECT_EQ(std::memcmp(found->data, expected->data, found->size_bytes), 0) << in.tensors()[i].source_name;
    }
  }

  std::string data_;
  PluginRegistry plugins_;
};

TEST_F(RealFilesTest, ReadsRwkvCppInFloat32) {
  const auto model = Open(data_ + "/tiny-rwkv/tiny-rwkv-7v0-834K-FP32.bin");
  ASSERT_TRUE(model.ok()) << model.status();
  const ModelConfig& config = (*model)->config();
  EXPECT_EQ(config.num_layers, 12u);
  EXPECT_EQ(config.d_model, 64u);
  EXPECT_EQ(config.num_heads, 1u);
  EXPECT_EQ(config.head_size, 64u);
  EXPECT_EQ(config.d_ffn, 256u);
  EXPECT_EQ(config.vocab_size, 256u);
  EXPECT_TRUE((*model)->Verify(nullptr).ok());
  ExpectConversionKeepsEverything(**model);
}

TEST_F(RealFilesTest, ReadsRwkvCppInBlocks) {
  const auto model = Open(data_ + "/tiny-rwkv/tiny-rwkv-7v0-834K-Q5_1.bin");
  ASSERT_TRUE(model.ok()) << model.status();
  ExpectConversionKeepsEverything(**model);
  // Block quantisation moves a weight by half a step at most, so the matrices resemble those of the float32 file.
  const auto exact = Open(data_ + "/tiny-rwkv/tiny-rwkv-7v0-834K-FP32.bin");
  ASSERT_TRUE(exact.ok());
  size_t num_in_blocks = 0;
  for (size_t i = 0; i < (*model)->tensors().size(); ++i) {
    std::vector<uint8_t> buffers[2];
    const auto a = (*model)->ReadTensor(i, SKEIN_DTYPE_F32, buffers[0]);
    const auto b = (*exact)->ReadTensor(i, SKEIN_DTYPE_F32, buffers[1]);
    ASSERT_TRUE(a.ok() && b.ok());
    if ((*model)->tensors()[i].stored_dtype != SKEIN_DTYPE_GGML_Q5_1) continue;
    ++num_in_blocks;
    std::vector<float> values[2];
    for (int k = 0; k < 2; ++k) {
      values[k].resize(a->size_bytes / sizeof(float));
      std::memcpy(values[k].data(), k == 0 ? a->data : b->data, a->size_bytes);
    }
    for (size_t block = 0; block < values[0].size(); block += 32) {
      const auto [low, high] = std::minmax_element(values[1].begin() + block, values[1].begin() + block + 32);
      // 31 steps from lowest to highest; scale and offset are rounded to binary16.
      const float tolerance = (*high - *low) / 31 * 0.5f + 2e-3f * std::max(std::abs(*low), std::abs(*high));
      for (size_t j = block; j < block + 32; ++j) {
        ASSERT_NEAR(values[0][j], values[1][j], tolerance) << (*model)->tensors()[i].source_name << " " << j;
      }
    }
  }
  EXPECT_GT(num_in_blocks, 0u);
}

TEST_F(RealFilesTest, ReadsPth) {
  const auto model = Open(data_ + "/reverse-rwkv7/reverse-rwkv7-standard.pth");
  ASSERT_TRUE(model.ok()) << model.status();
  const ModelConfig& config = (*model)->config();
  EXPECT_EQ(config.num_layers, 4u);
  EXPECT_EQ(config.d_model, 32u);
  EXPECT_EQ(config.num_heads, 2u);
  EXPECT_EQ(config.head_size, 16u);
  EXPECT_EQ(config.d_ffn, 128u);
  EXPECT_EQ(config.vocab_size, 12u);
  EXPECT_EQ(config.rank_decay, 8u);
  EXPECT_EQ(config.rank_iclr, 8u);
  EXPECT_EQ(config.rank_value, 8u);
  EXPECT_EQ(config.rank_gate, 8u);
  ExpectConversionKeepsEverything(**model);
}

TEST_F(RealFilesTest, ReadsRwkv4OfRwkvCpp) {
  const auto model = Open(data_ + "/tiny-rwkv/tiny-rwkv-4v0-660K-FP32.bin");
  ASSERT_TRUE(model.ok()) << model.status();
  const ModelConfig& config = (*model)->config();
  EXPECT_EQ(config.VersionName(), "RWKV-4");
  EXPECT_EQ(config.num_layers, 4u);
  EXPECT_EQ(config.d_model, 128u);
  EXPECT_EQ(config.d_att, 128u);
  EXPECT_EQ(config.d_ffn, 256u);
  EXPECT_EQ(config.vocab_size, 256u);
  EXPECT_EQ(config.num_heads, 0u);
  EXPECT_TRUE((*model)->Verify(nullptr).ok()) << (*model)->Verify(nullptr);
  ExpectConversionKeepsEverything(**model);
}

TEST_F(RealFilesTest, ReadsRwkv4OfRwkvCppInBlocks) {
  const auto model = Open(data_ + "/tiny-rwkv/tiny-rwkv-4v0-660K-Q5_1.bin");
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->config().VersionName(), "RWKV-4");
  EXPECT_TRUE(std::any_of((*model)->tensors().begin(), (*model)->tensors().end(),
                          [](const TensorSpec& spec) { return spec.stored_dtype == SKEIN_DTYPE_GGML_Q5_1; }));
  EXPECT_TRUE((*model)->Verify(nullptr).ok()) << (*model)->Verify(nullptr);
  ExpectConversionKeepsEverything(**model);
}

TEST_F(RealFilesTest, ReadsRwkv5OfRwkvCpp) {
  const auto model = Open(data_ + "/tiny-rwkv/tiny-rwkv-5v2-730K-FP32.bin");
  ASSERT_TRUE(model.ok()) << model.status();
  const ModelConfig& config = (*model)->config();
  EXPECT_EQ(config.VersionName(), "RWKV-5.2");
  EXPECT_EQ(config.num_layers, 12u);
  EXPECT_EQ(config.d_model, 64u);
  EXPECT_EQ(config.num_heads, 8u);
  EXPECT_EQ(config.head_size, 8u);
  EXPECT_EQ(config.group_norm_epsilon, 1e-5f);
  EXPECT_TRUE((*model)->Verify(nullptr).ok()) << (*model)->Verify(nullptr);
  ExpectConversionKeepsEverything(**model);
}

TEST_F(RealFilesTest, ReadsTheContainersOfPublicReportsLikeTheirTwins) {
  for (const auto& [file, twin] :
       {std::pair("iq4-nl.gguf", "iq4-nl.same.pth"), std::pair("mp_rank_00_model_states.pt", "base.pth")}) {
    const auto model = Open(data_ + "/public-reports/" + file);
    const auto same = Open(data_ + "/public-reports/" + twin);
    ASSERT_TRUE(model.ok()) << model.status();
    ASSERT_TRUE(same.ok()) << same.status();
    ASSERT_EQ((*model)->tensors().size(), (*same)->tensors().size());
    for (size_t i = 0; i < (*model)->tensors().size(); ++i) {
      std::vector<uint8_t> buffers[2];
      const auto a = (*model)->ReadTensor(i, SKEIN_DTYPE_F32, buffers[0]);
      const auto b = (*same)->ReadTensor(i, SKEIN_DTYPE_F32, buffers[1]);
      ASSERT_TRUE(a.ok() && b.ok()) << a.status() << b.status();
      ASSERT_EQ(a->size_bytes, b->size_bytes);
      EXPECT_EQ(std::memcmp(a->data, b->data, a->size_bytes), 0) << (*model)->tensors()[i].source_name;
    }
  }
}

TEST_F(RealFilesTest, NamesAGitLfsPointer) {
  const absl::Status status = Open(data_ + "/public-reports/git-lfs-pointer.pth").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("Git LFS pointer to a file of 3055445000 bytes that was not"));
}

TEST_F(RealFilesTest, RefusesExperimentsByName) {
  const absl::Status status = Open(data_ + "/reverse-rwkv7/260123_reverse_L2_only_rwkv7.pth").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("RWKV-8 (ROSA) experiment: not supported"));
}

TEST_F(RealFilesTest, RefusesAFileThatIsNoModel) {
  const absl::Status status = Open(data_ + "/tokenizers/20B_tokenizer.json").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
}

}  // namespace
}  // namespace skein
