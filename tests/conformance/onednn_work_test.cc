// The part of the onednn backend's arithmetic that oneDNN does.
#include <gtest/gtest.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "onednn/caller_environment.h"
#include "onednn/matmul.h"
#include "onednn/panel_primitives.h"
#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/synthetic_model.h"

namespace skein::onednn {
namespace {

using conformance::SyntheticTokens;

constexpr uint32_t kWidth = 256;
constexpr uint32_t kVocabSize = 500;

const MatMulChoice& Choice(const std::string& name) {
  for (const MatMulChoice& choice : MatMulChoices()) {
    if (name == choice.name) return choice;
  }
  throw std::out_of_range(name);
}

TEST(OnednnWork, RowsThatAnOwnKernelTakesAreNotOneDnns) {
  const struct {
    const char* choice;
    uint32_t rows_of_1, rows_of_15, rows_of_37, rows_of_128;
  } cases[] = {
      {"onednn_f32", 0, 0, 32, 128}, {"onednn_expanded", 0, 0, 32, 128}, {"onednn_bf16", 1, 15, 37, 128},
      {"panel", 0, 0, 0, 0},         {"panel_bf16", 0, 0, 0, 0},
  };
  for (const auto& c : cases) {
    const MatMulChoice& choice = Choice(c.choice);
    EXPECT_EQ(choice.LibraryRows(1), c.rows_of_1) << c.choice;
    EXPECT_EQ(choice.LibraryRows(15), c.rows_of_15) << c.choice;
    EXPECT_EQ(choice.LibraryRows(37), c.rows_of_37) << c.choice;
    EXPECT_EQ(choice.LibraryRows(128), c.rows_of_128) << c.choice;
  }
}

// A model on the backend, which counts from its loading on.
class OnednnShare : public testing::Test {
 protected:
  // The share of oneDNN in what `num_tokens` tokens cost, fed `chunk` at a time.
  double ShareOf(uint32_t compute_type, uint32_t num_tokens, size_t chunk) {
    conformance::Pipeline pipeline(device_, model_, {.cuts = {}, .compute_type = compute_type});
    pipeline.Feed(0, SyntheticTokens(num_tokens, kVocabSize, 1), chunk);
    const skein_segment_work work = pipeline.Work();
    EXPECT_STREQ(work.library, "oneDNN");
    return static_cast<double>(work.library_multiplications) / static_cast<double>(work.multiplications);
  }

  const conformance::SyntheticModel model_{{.name = "Wide",
                                            .num_layers = 2,
                                            .d_model = kWidth,
                                            .head_size = 64,
                                            .d_ffn = 4 * kWidth,
                                            .vocab_size = kVocabSize,
                                            .rank_decay = 32,
                                            .rank_iclr = 32,
                                            .rank_value = 32,
                                            .rank_gate = 64,
                                            .matrix_types = {SKEIN_DTYPE_BF16}}};
  const conformance::BackendPlugin plugin_{std::string(SKEIN_PLUGIN_DIR) + "/backend-onednn.so"};
  const conformance::TestHost host_{2};
  const conformance::Device device_{plugin_, host_};
};

TEST_F(OnednnShare, MostOfAPrefillInBf16IsOneDnns) {
  const uint32_t widths[] = {kWidth};
  {
    const CallerEnvironment environment;
    const PanelPrimitives primitives(*host_.table(), PanelPrimitives::Type::kBf16, widths);
    if (!primitives.Has(kWidth)) GTEST_SKIP() << "oneDNN has no bf16 kernel for this processor";
  }
  EXPECT_GT(ShareOf(SKEIN_DTYPE_BF16, 256, 256), 0.5);
}

TEST_F(OnednnShare, DecodeUsesOwnKernels) {
  EXPECT_EQ(ShareOf(SKEIN_DTYPE_BF16, 4, 1), 0);
  EXPECT_EQ(ShareOf(SKEIN_DTYPE_NONE, 4, 1), 0);
}

TEST_F(OnednnShare, EightBitArithmeticUsesOwnKernels) { EXPECT_EQ(ShareOf(SKEIN_DTYPE_Q8, 256, 256), 0); }

}  // namespace
}  // namespace skein::onednn
