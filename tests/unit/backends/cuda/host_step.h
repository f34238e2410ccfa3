// A step of a segment, and the host's memory for its results.
#ifndef SKEIN_TESTS_UNIT_BACKENDS_CUDA_HOST_STEP_H_
#define SKEIN_TESTS_UNIT_BACKENDS_CUDA_HOST_STEP_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "skein/backend.h"
#include "tests/unit/backends/cuda/small_shape.h"

namespace skein::cuda {

// One stream's part of a step: `num_tokens` tokens from slot to slot, with logits of all.
struct Part {
  uint32_t read_slot, write_slot;
  uint32_t num_tokens = 1;
};

// A step and its results.
class HostStep {
 public:
  HostStep(const std::vector<Part>& parts, uint32_t first_token) : entries_(parts.size()) {
    uint32_t num_tokens = 0;
    for (const Part& part : parts) num_tokens += part.num_tokens;
    logits_.assign(size_t{num_tokens} * kVocabulary, -1);
    for (uint32_t i = 0; i < num_tokens; ++i) tokens_.push_back((first_token + 7 * i) % kVocabulary);
    uint32_t next = 0;
    for (size_t i = 0; i < parts.size(); ++i) {
      skein_step_entry& entry = entries_[i];
      entry.read_slot = parts[i].read_slot;
      entry.write_slot = parts[i].write_slot;
      entry.first_token = next;
      entry.num_tokens = parts[i].num_tokens;
      entry.output = SKEIN_STEP_LOGITS;
      entry.output_rows = logits_.data() + size_t{next} * kVocabulary;
      next += parts[i].num_tokens;
    }
  }

  skein_step Describe() {
    skein_step step = {};
    step.struct_size = sizeof(step);
    step.num_tokens = static_cast<uint32_t>(tokens_.size());
    step.num_entries = static_cast<uint32_t>(entries_.size());
    step.entry_size = sizeof(skein_step_entry);
    step.tokens = tokens_.data();
    step.entries = entries_.data();
    return step;
  }
  // Before Describe: the token that each row draws, the most likely one, takes the place of its logits.
  void DrawTokens() {
    draws_.assign(tokens_.size(), kVocabulary);
    for (skein_step_entry& entry : entries_) {
      entry.output = SKEIN_STEP_SAMPLE;
      entry.output_rows = logits_.data() + size_t{2} * entry.first_token;
      entry.output_tokens = draws_.data() + entry.first_token;
      entry.sampling = &greedy_;
    }
    uniforms_.assign(tokens_.size(), 0);
    greedy_.uniforms = uniforms_.data();
  }
  // After DrawTokens: all logits of a part once more.
  void WantLogits(uint32_t index, float* rows) {
    skein_step_entry& entry = entries_[index];
    entry.output = SKEIN_STEP_LOGITS;
    entry.output_rows = rows;
    entry.output_tokens = nullptr;
    entry.sampling = nullptr;
  }
  skein_step_entry& entry(uint32_t index) { return entries_[index]; }
  const std::vector<uint32_t>& draws() const { return draws_; }
  const std::vector<float>& logits() const { return logits_; }
  uint32_t token(uint32_t index) const { return tokens_[index]; }

 private:
  std::vector<skein_step_entry> entries_;
  std::vector<uint32_t> tokens_;
  std::vector<float> logits_;
  std::vector<uint32_t> draws_;
  std::vector<double> uniforms_;
  skein_sampling greedy_ = {sizeof(skein_sampling), 0, 1, 0, 0, nullptr};
};

}  // namespace skein::cuda

#endif  // SKEIN_TESTS_UNIT_BACKENDS_CUDA_HOST_STEP_H_
