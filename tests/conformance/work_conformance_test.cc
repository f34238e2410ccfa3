// The multiplications that a backend reports of its segments, against the sizes of the matrices.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/model_conformance.h"
#include "tests/conformance/plugin_paths.h"
#include "tests/conformance/synthetic_model.h"

namespace skein::conformance {
namespace {

// A table, not a matrix that rows are multiplied with; or parameters by head.
bool IsMatrix(const SyntheticTensor& tensor) {
  switch (tensor.role) {
    case SKEIN_ROLE_EMBEDDING:
    case SKEIN_ROLE_V5_DECAY:
    case SKEIN_ROLE_V5_BONUS:
    case SKEIN_ROLE_V7_BONUS:
      return false;
    default:
      return tensor.shape.size() == 2;
  }
}

// Of `num_tokens` tokens, with logits for `num_logits` of them.
uint64_t Multiplications(const SyntheticModel& model, uint64_t num_tokens, uint64_t num_logits) {
  uint64_t sum = 0;
  for (const SyntheticTensor& tensor : model.tensors()) {
    if (!IsMatrix(tensor)) continue;
    sum += (tensor.role == SKEIN_ROLE_HEAD ? num_logits : num_tokens) * tensor.shape[0] * tensor.shape[1];
  }
  return sum;
}

class WorkConformance : public ModelConformance {
 protected:
  void SetUp() override {
    ModelConformance::SetUp();
    if (!IsSkipped() && !SKEIN_HAS(skein_backend_table, &device_.table(), segment_work)) {
      GTEST_SKIP() << "the backend does not count multiplications";
    }
  }
};

TEST_P(WorkConformance, EveryRowCountsOnceForEveryMatrix) {
  Pipeline pipeline(device_, model_);
  EXPECT_EQ(pipeline.Work().multiplications, 0u);
  pipeline.Feed(0, Tokens(50), 37);
  EXPECT_EQ(pipeline.Work().multiplications, Multiplications(model_, 50, 50));
  pipeline.Feed(0, Tokens(3), 1, 0, SKEIN_STEP_NO_OUTPUT);
  EXPECT_EQ(pipeline.Work().multiplications, Multiplications(model_, 53, 50));
}

TEST_P(WorkConformance, CutsDoNotChangeIt) {
  const uint32_t num_layers = shape().num_layers;
  const auto cuts = num_layers > 1 ? std::vector<uint32_t>{1, num_layers} : std::vector<uint32_t>{1};
  Pipeline whole(device_, model_), cut(device_, model_, {.cuts = cuts});
  for (Pipeline* pipeline : {&whole, &cut}) pipeline->Feed(0, Tokens(20), 20);
  EXPECT_EQ(cut.Work().multiplications, whole.Work().multiplications);
}

TEST_P(WorkConformance, ALibraryDoesNoMoreThanAllAndHasAName) {
  Pipeline pipeline(device_, model_);
  pipeline.Feed(0, Tokens(128), 128);
  const skein_segment_work work = pipeline.Work();
  EXPECT_LE(work.library_multiplications, work.multiplications);
  if (work.library_multiplications > 0) {
    EXPECT_STRNE(work.library, "");
  }
}

TEST_P(WorkConformance, AnOlderCallersStructIsFilledUpToItsSize) {
  const skein_segment_desc desc =
      DescribeSegment(model_, 0, shape().num_layers, SKEIN_SEGMENT_EMBEDDING | SKEIN_SEGMENT_HEAD);
  void* segment = nullptr;
  skein_message message = {};
  ASSERT_EQ(device_.table().segment_create(device_.handle(), &desc, &segment, &message), SKEIN_OK) << message.text;
  skein_segment_work work = {};
  work.struct_size = offsetof(skein_segment_work, library);
  work.library[0] = '?';
  EXPECT_EQ(device_.table().segment_work(segment, &work, &message), SKEIN_OK) << message.text;
  EXPECT_EQ(work.library[0], '?');
  EXPECT_EQ(work.struct_size, offsetof(skein_segment_work, library));
  device_.table().segment_destroy(segment);
}

INSTANTIATE_TEST_SUITE_P(Backends, WorkConformance,
                         testing::Combine(testing::ValuesIn(PluginPaths()), testing::ValuesIn(AllShapes())),
                         ModelCaseName);

}  // namespace
}  // namespace skein::conformance
