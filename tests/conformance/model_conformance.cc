#include "tests/conformance/model_conformance.h"

#include <algorithm>

#include "tests/conformance/float64_stream.h"
#include "tests/support/case_name.h"

namespace skein::conformance {

void ModelConformance::SetUp() {
  if (!plugin_.Runs(shape().generation)) GTEST_SKIP() << "the device does not run generation " << shape().generation;
}

void ModelConformance::ExpectAgreementWithFloat64(uint32_t num_tokens, double tolerance) {
  const std::vector<uint32_t> tokens = Tokens(num_tokens);
  Pipeline pipeline(device_, model_);
  const std::vector<float> logits = pipeline.Feed(0, tokens, tokens.size());
  const std::vector<float> hidden = pipeline.Feed(1, tokens, tokens.size(), SKEIN_SLOT_INITIAL, SKEIN_STEP_HIDDEN);
  const auto expected = Float64Stream::Make(model_);
  const size_t V = shape().vocab_size, C = shape().d_model;
  for (size_t t = 0; t < tokens.size(); ++t) {
    expected->Feed(tokens[t]);
    const double allowed = t == 0 ? std::max(tolerance, kFirstTokenTolerance) : tolerance;
    for (size_t i = 0; i < V; ++i) ASSERT_NEAR(logits[t * V + i], expected->logits()[i], allowed) << "token " << t;
    for (size_t i = 0; i < C; ++i) ASSERT_NEAR(hidden[t * C + i], expected->hidden()[i], allowed) << "token " << t;
  }
  const std::vector<float> state = pipeline.Export(0);
  const std::vector<double> expected_state = expected->State();
  ASSERT_EQ(state.size(), expected_state.size());
  for (size_t i = 0; i < state.size(); ++i) ASSERT_NEAR(state[i], expected_state[i], tolerance) << "float " << i;
}

std::string ModelCaseName(const testing::TestParamInfo<ModelConformance::ParamType>& info) {
  std::string name = std::get<0>(info.param);
  name = name.substr(name.find_last_of('/') + 1);
  return test::CaseName(name.substr(0, name.find('.')) + "_" + std::get<1>(info.param).name);
}

}  // namespace skein::conformance
