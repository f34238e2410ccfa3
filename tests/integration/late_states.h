// Streams with more states than slots on the late backend: the common part of the tests of states that leave their
// slots, and that come back, beside steps.
#ifndef SKEIN_TESTS_INTEGRATION_LATE_STATES_H_
#define SKEIN_TESTS_INTEGRATION_LATE_STATES_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/integration/late_devices.h"

namespace skein::test {

constexpr int64_t kNoEnd = 100000;
constexpr int64_t kStepTokens = 16;

inline std::vector<uint32_t> PromptOf(uint64_t stream) {
  std::vector<uint32_t> prompt(4);
  for (uint32_t i = 0; i < prompt.size(); ++i) prompt[i] = static_cast<uint32_t>(1 + (stream * 11 + i * 7) % 60);
  return prompt;
}

class LateStatesTest : public LateDevicesTest {
 protected:
  // The numbers of requests that have no end of their own begin here.
  static constexpr uint64_t kBusy = 1000;

  OwnedModel Load(const std::string& device, uint64_t num_slots) const {
    const std::string path = DataPath("v7-odd.safetensors");
    const uint64_t state_bytes =
        InfoOf(LoadModel(runtime_.get(), path, "reference").get()).num_state_floats * sizeof(float);
    const OwnedOptions options = MakeOptions(
        SKEIN_OPTIONS_MODEL, {{"device", device}, {"state_memory", std::to_string(num_slots * state_bytes)}},
        {{"max_batch_streams", 6},
         {"max_batch_tokens", kStepTokens},
         {"calibrate", 0},
         {"prefix_cache", 0},
         {"age_limit_ms", 20}});  // no prompt waits long for a step with time to spare
    OwnedModel model;
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_model_load(runtime_.get(), path.c_str(), options.get(), model.out(), &error), error));
    return model;
  }

  // A request that runs until it is cancelled.
  void KeepBusy(skein_model model) {
    busy_streams_.push_back(MakeStream(model));
    busy_.push_back(NewRequest(busy_streams_.back().get(), PromptOf(busy_.size()), kBusy + busy_.size(), kNoEnd));
    Submit({busy_.back().get()});
  }
  void CancelBusy(size_t index) const { SKEIN_CALL(skein_request_cancel, busy_[index].get()); }
  // Cancels those that are left, and waits for their ends.
  void EndBusy() {
    for (size_t i = 0; i < busy_.size(); ++i) CancelBusy(i);
    while (NumEnded(kBusy) < busy_.size()) ASSERT_TRUE(TakeEvents(queue_.get(), delivered_));
  }

  // Begins a request on a stream, beside the busy ones.
  OwnedRequest BeginOn(skein_stream stream, uint64_t number) { return BeginOn(stream, number, PromptOf(number)); }
  OwnedRequest BeginOn(skein_stream stream, uint64_t number, const std::vector<uint32_t>& prompt) {
    OwnedRequest request = NewRequest(stream, prompt, number, 3);
    delivered_.erase(number);
    Submit({request.get()});
    return request;
  }
  Delivered EndOf(uint64_t number) {
    while (delivered_[number].num_terminal == 0) {
      if (!TakeEvents(queue_.get(), delivered_)) {
        ADD_FAILURE() << "request " << number << " does not end";
        break;
      }
    }
    return delivered_[number];
  }
  // Both.
  Delivered RunOn(skein_stream stream, uint64_t number) {
    const OwnedRequest request = BeginOn(stream, number);
    return EndOf(number);
  }
  size_t NumEnded(uint64_t from) const {
    size_t count = 0;
    for (auto of = delivered_.lower_bound(from); of != delivered_.end(); ++of) count += of->second.num_terminal;
    return count;
  }

  // Streams run in turn, `num_turns` times, beside a busy one; their tokens in order.
  std::vector<std::vector<uint32_t>> RunInTurns(skein_model model, size_t num_streams, int num_turns) {
    std::vector<OwnedStream> streams(num_streams);
    std::vector<std::vector<uint32_t>> tokens(num_streams);
    KeepBusy(model);
    for (int turn = 0; turn < num_turns; ++turn) {
      for (size_t i = 0; i < num_streams; ++i) {
        if (turn == 0) streams[i] = MakeStream(model);
        const Delivered of = RunOn(streams[i].get(), i);
        EXPECT_EQ(of.status, SKEIN_OK) << of.text;
        tokens[i].insert(tokens[i].end(), of.tokens.begin(), of.tokens.end());
      }
    }
    EndBusy();
    busy_.clear();
    busy_streams_.clear();
    delivered_.clear();
    return tokens;
  }

  // A state may still be on its way when all requests have ended.
  void ExpectMovesInOrder() const {
    EXPECT_TRUE(late_.WaitFor([](const late::Counts& now) { return now.num_released == now.num_fences; }));
    ExpectFencesInOrder();
    EXPECT_EQ(late_.counts().num_changed_too_early, before_.num_changed_too_early);
  }

  std::vector<OwnedStream> busy_streams_;
  std::vector<OwnedRequest> busy_;
  std::map<uint64_t, Delivered> delivered_;
};

}  // namespace skein::test

#endif  // SKEIN_TESTS_INTEGRATION_LATE_STATES_H_
