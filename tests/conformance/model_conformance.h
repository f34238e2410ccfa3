// Small models of every generation on every backend, as GoogleTest cases.
#ifndef SKEIN_TESTS_CONFORMANCE_MODEL_CONFORMANCE_H_
#define SKEIN_TESTS_CONFORMANCE_MODEL_CONFORMANCE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/model_shapes.h"
#include "tests/conformance/synthetic_model.h"

namespace skein::conformance {

// A parameter: plugin and shape. Skipped where the device does not run the generation.
class ModelConformance : public testing::TestWithParam<std::tuple<std::string, SyntheticShape>> {
 protected:
  void SetUp() override;

  const SyntheticShape& shape() const { return std::get<1>(GetParam()); }
  std::vector<uint32_t> Tokens(uint32_t count, uint64_t seed = 7) const {
    return SyntheticTokens(count, shape().vocab_size, seed);
  }
  // Feeds the model's tokens from the initial state, and expects logits, hidden rows and state within `tolerance` of
  // float64.
  void ExpectAgreementWithFloat64(uint32_t num_tokens, double tolerance = kTolerance);

  BackendPlugin plugin_{std::get<0>(GetParam())};
  TestHost host_{2};
  Device device_{plugin_, host_};
  SyntheticModel model_{shape()};
};

// Names a case after its plugin and shape.
std::string ModelCaseName(const testing::TestParamInfo<ModelConformance::ParamType>& info);

}  // namespace skein::conformance

#endif  // SKEIN_TESTS_CONFORMANCE_MODEL_CONFORMANCE_H_
