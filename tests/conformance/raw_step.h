// A step made by hand, for cases that Pipeline does not offer.
#ifndef SKEIN_TESTS_CONFORMANCE_RAW_STEP_H_
#define SKEIN_TESTS_CONFORMANCE_RAW_STEP_H_

#include <cstdint>
#include <vector>

#include "skein/backend.h"

namespace skein::conformance {

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

#endif  // SKEIN_TESTS_CONFORMANCE_RAW_STEP_H_
