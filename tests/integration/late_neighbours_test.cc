// Neighbours that the device fails: what the others say, and the states that they end in, are the same bits as alone.
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/integration/late_devices.h"

namespace skein::test {
namespace {

constexpr size_t kNumStreams = 24;

using Outcome = std::pair<std::vector<uint32_t>, std::vector<uint32_t>>;  // tokens; the state's bits

class LateNeighboursTest : public LateDevicesTest {
 protected:
  // `max_batch_tokens` cuts the prompts.
  OwnedModel Load(int64_t max_batch_tokens) const {
    OwnedModel model;
    skein_error error = {};
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", "late:0"}, {"type", "q8"}},
                                             {{"max_batch_tokens", max_batch_tokens}, {"max_batch_streams", 64}});
    const std::string path = DataPath("v7-odd.safetensors");
    EXPECT_TRUE(Ok(skein_model_load(runtime_.get(), path.c_str(), options.get(), model.out(), &error), error));
    return model;
  }

  static bool IsBad(size_t i) { return i % 3 == 1; }
  static std::vector<uint32_t> PromptOf(size_t i) {
    std::vector<uint32_t> prompt;
    for (size_t k = 0; k < 1 + 5 * i; ++k) prompt.push_back(1 + static_cast<uint32_t>((7 * i + 3 * k) % 60));
    if (IsBad(i)) prompt[prompt.size() / 2] = kBadToken;
    return prompt;
  }
  static Outcome OutcomeOf(const Delivered& delivered, skein_stream stream) {
    Outcome outcome = {delivered.tokens, {}};
    for (const float value : StateOf(stream)) outcome.second.push_back(std::bit_cast<uint32_t>(value));
    return outcome;
  }
};

TEST_F(LateNeighboursTest, OthersGiveTheSameBitsAsAlone) {
  const OwnedModel quiet = Load(256);
  std::map<size_t, Outcome> alone;
  for (size_t i = 0; i < kNumStreams; ++i) {
    if (IsBad(i)) continue;
    const OwnedStream stream = MakeStream(quiet.get());
    const OwnedRequest request = NewRequest(stream.get(), PromptOf(i), i, 12);
    Submit({request.get()});
    alone[i] = OutcomeOf(DrainUntilEnded(queue_.get(), 1)[i], stream.get());
  }
  late_.Obey({.mishap = late::Mishap::kEntryFails, .token = kBadToken});
  for (const int64_t max_batch_tokens : {256, 29}) {
    const OwnedModel model = Load(max_batch_tokens);
    std::vector<OwnedStream> streams;
    std::vector<OwnedRequest> requests;
    std::vector<skein_request> handles;
    for (size_t i = 0; i < kNumStreams; ++i) {
      streams.push_back(MakeStream(model.get()));
      requests.push_back(NewRequest(streams[i].get(), PromptOf(i), i, 12));
      handles.push_back(requests[i].get());
    }
    Submit(handles);
    std::map<uint64_t, Delivered> delivered = DrainUntilEnded(queue_.get(), kNumStreams);
    for (size_t i = 0; i < kNumStreams; ++i) {
      EXPECT_EQ(delivered[i].end, IsBad(i) ? SKEIN_EVENT_ERROR : SKEIN_EVENT_DONE) << i;
      if (!IsBad(i)) {
        EXPECT_EQ(OutcomeOf(delivered[i], streams[i].get()), alone[i]) << i << ", steps of " << max_batch_tokens;
      }
    }
  }
  late_.Obey({});
}

}  // namespace
}  // namespace skein::test
