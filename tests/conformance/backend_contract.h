// The common parts of the contract tests: a small model of every generation on every backend.
// The tests themselves are in contract_*_test.cc: the rules of skein/backend.h that are not about numbers.
#ifndef SKEIN_TESTS_CONFORMANCE_BACKEND_CONTRACT_H_
#define SKEIN_TESTS_CONFORMANCE_BACKEND_CONTRACT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/model_conformance.h"
#include "tests/conformance/raw_step.h"

namespace skein::conformance {

constexpr uint32_t kInitial = SKEIN_SLOT_INITIAL;
constexpr uint32_t kWhole = SKEIN_SEGMENT_EMBEDDING | SKEIN_SEGMENT_HEAD;

class BackendContract : public ModelConformance {
 protected:
  skein_segment_desc Desc() const { return DescribeSegment(model_, 0, shape().num_layers, kWhole); }
  skein_segment_cost Query(skein_segment_desc desc, std::string* reason = nullptr) {
    skein_segment_cost cost = {};
    cost.struct_size = sizeof(cost);
    skein_message message = {};
    EXPECT_EQ(device_.table().query(device_.handle(), &desc, &cost, &message), SKEIN_OK);
    if (reason != nullptr) *reason = message.text;
    return cost;
  }
};

}  // namespace skein::conformance

#endif  // SKEIN_TESTS_CONFORMANCE_BACKEND_CONTRACT_H_
