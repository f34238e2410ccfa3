// The common parts of the contract tests: a small model of every generation on every backend, and steps made by hand.
// The tests themselves are in contract_*_test.cc: the rules of skein/backend.h that are not about numbers.
#ifndef SKEIN_TESTS_CONFORMANCE_BACKEND_CONTRACT_H_
#define SKEIN_TESTS_CONFORMANCE_BACKEND_CONTRACT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/model_conformance.h"

namespace skein::conformance {

constexpr uint32_t kInitial = SKEIN_SLOT_INITIAL;
constexpr uint32_t kWhole = SKEIN_SEGMENT_EMBEDDING | SKEIN_SEGMENT_HEAD;

// One small model per version: two layers, 40 tokens, and before RWKV-7 a time-mix of another width than the model. The
// first matrix, the embedding, is float32.
std::vector<SyntheticShape> SmallShapes();

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

// A step made by hand, for cases that Pipeline does not offer.
struct RawStep {
  explicit RawStep(uint32_t num_tokens) : tokens(num_tokens, 1) {
    step.struct_size = sizeof(step);
    step.num_tokens = num_tokens;
    step.entry_size = sizeof(skein_step_entry);
    step.tokens = tokens.data();
  }
  skein_step_entry& Add(uint32_t read_slot, uint32_t write_slot, uint32_t first_token, uint32_t num_tokens) {
    skein_step_entry entry = {};
    entry.read_slot = read_slot;
    entry.write_slot = write_slot;
    entry.first_token = first_token;
    entry.num_tokens = num_tokens;
    entry.status = -1;
    entries.push_back(entry);
    return entries.back();
  }
  const skein_step& Get() {
    step.num_entries = static_cast<uint32_t>(entries.size());
    step.entries = entries.data();
    return step;
  }

  std::vector<uint32_t> tokens;
  std::vector<skein_step_entry> entries;
  skein_step step = {};
};

}  // namespace skein::conformance

#endif  // SKEIN_TESTS_CONFORMANCE_BACKEND_CONTRACT_H_
