// A model of the engine over a fake step runner: streams, requests and evals run on it without a plugin.
#ifndef SKEIN_TESTS_SUPPORT_FAKE_MODEL_H_
#define SKEIN_TESTS_SUPPORT_FAKE_MODEL_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "engine/model.h"
#include "runtime/runtime.h"
#include "tests/support/fake_step_runner.h"

namespace skein::test {

struct FakeModelLimits {
  uint32_t max_streams = 8;
  uint32_t max_tokens = 64;  // of a step
  uint32_t num_slots = 18;
  uint64_t max_host_states = 0;
  uint32_t head_features = 0;  // SKEIN_FEATURE_*
  uint64_t max_queued_tokens = 0;
  std::optional<uint32_t> trained_length = {};
  PrefixCacheLimits prefixes = {};
  uint32_t max_checkpoints = 0;  // states that streams keep
};

// A runtime that has no plugins.
std::shared_ptr<Runtime> EmptyRuntime();

// A model of kVocabSize rows with the tokenizer of bytes. `runner` runs its steps and belongs to the model. A test may
// set the runner's hooks before the first request.
std::shared_ptr<Model> MakeFakeModel(std::shared_ptr<Runtime> runtime, std::unique_ptr<FakeStepRunner> runner,
                                     const FakeModelLimits& limits = {},
                                     EngineClock clock = std::chrono::steady_clock::now);

}  // namespace skein::test

#endif  // SKEIN_TESTS_SUPPORT_FAKE_MODEL_H_
