// States that a model cannot go on from, among streams that it can. What is not finite is refused where it comes in. A
// finite state may still overflow in a step: then its stream alone fails, and stands where it stood.
#include <gtest/gtest.h>
#include <unistd.h>

#include <bit>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/integration/running_state_file.h"
#include "tests/support/drain.h"

namespace skein::test {
namespace {

struct Setting {
  const char* name;
  const char* file;
  const char* device;
  const char* type;
};

std::vector<uint32_t> BitsOf(const std::vector<float>& floats) {
  std::vector<uint32_t> bits;
  for (const float value : floats) bits.push_back(std::bit_cast<uint32_t>(value));
  return bits;
}

class PoisonedStatesTest : public ::testing::TestWithParam<Setting> {
 protected:
  static constexpr size_t kNumStreams = 12;
  using Outcome = std::pair<std::vector<uint32_t>, std::vector<uint32_t>>;  // tokens; the state's bits

  PoisonedStatesTest() {
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_queue_create(runtime_.get(), nullptr, queue_.out(), &error), error));
  }
  ~PoisonedStatesTest() override { std::filesystem::remove(path_); }

  // Two batches of a prompt each, and room for all streams.
  OwnedModel Load() const {
    OwnedModel model;
    skein_error error = {};
    const OwnedOptions options =
        MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", GetParam().device}, {"type", GetParam().type}},
                    {{"max_streams", 16}, {"max_batch_streams", 16}, {"max_batch_tokens", 24}, {"deterministic", 1}});
    EXPECT_TRUE(
        Ok(skein_model_load(runtime_.get(), DataPath(GetParam().file).c_str(), options.get(), model.out(), &error),
           error));
    return model;
  }

  // A state that is `value` everywhere, in a file.
  void WriteState(skein_model model, float value) const {
    const skein_model_info info = InfoOf(model);
    WriteList(path_, AsList(info, std::vector<float>(info.num_state_floats, value)));
  }
  skein_status StartFromFile(skein_model model, OwnedStream& stream) const {
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_STREAM, {{"state", path_}});
    return skein_stream_create(model, options.get(), stream.out(), nullptr);
  }

  static bool IsPoisoned(size_t i) { return i % 3 == 1; }
  OwnedRequest NewRequest(skein_stream stream, size_t i) const {
    std::vector<uint32_t> prompt;
    for (size_t k = 0; k < 1 + 3 * i; ++k) prompt.push_back(1 + static_cast<uint32_t>((7 * i + 3 * k) % 50));
    OwnedRequest request;
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_request_create(stream, request.out(), &error), error));
    EXPECT_TRUE(Ok(skein_request_set_prompt_tokens(request.get(), prompt.data(), prompt.size(), &error), error));
    const OwnedOptions options =
        MakeOptions(SKEIN_OPTIONS_REQUEST, {}, {{"max_tokens", 12}, {"stop_at_end", 0}, {"seed", 3}});
    EXPECT_TRUE(Ok(skein_request_set_options(request.get(), options.get(), &error), error));
    EXPECT_TRUE(Ok(skein_request_set_user_data(request.get(), i, &error), error));
    return request;
  }
  std::map<uint64_t, Delivered> Run(const std::vector<OwnedRequest>& requests) const {
    std::vector<skein_request> handles;
    for (const OwnedRequest& request : requests) handles.push_back(request.get());
    skein_error error = {};
    const auto count = static_cast<uint32_t>(handles.size());
    EXPECT_TRUE(Ok(skein_queue_submit(queue_.get(), handles.data(), count, &error), error));
    return DrainUntilEnded(queue_.get(), handles.size());
  }
  std::map<size_t, Outcome> OutcomesAlone(skein_model model) const {
    std::map<size_t, Outcome> outcomes;
    for (size_t i = 0; i < kNumStreams; ++i) {
      if (IsPoisoned(i)) continue;
      const OwnedStream stream = MakeStream(model);
      std::vector<OwnedRequest> requests;
      requests.push_back(NewRequest(stream.get(), i));
      outcomes[i] = {Run(requests)[i].tokens, BitsOf(StateOf(stream.get()))};
    }
    return outcomes;
  }

  const std::string path_ =
      (std::filesystem::temp_directory_path() / ("skein_poisoned_" + std::to_string(getpid()) + ".pth")).string();
  const OwnedRuntime runtime_ = MakeRuntime();
  OwnedQueue queue_;
};

TEST_P(PoisonedStatesTest, AStateThatIsNotFiniteIsRefused) {
  const OwnedModel model = Load();
  using Limits = std::numeric_limits<float>;
  for (const float value : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
    WriteState(model.get(), value);
    OwnedStream stream;
    EXPECT_EQ(StartFromFile(model.get(), stream), SKEIN_DATA_LOSS) << value;
    EXPECT_EQ(stream.get(), nullptr);
  }
}

TEST_P(PoisonedStatesTest, AStateThatOverflowsEndsItsOwnStreamAlone) {
  const OwnedModel model = Load();
  std::map<size_t, Outcome> alone = OutcomesAlone(model.get());
  WriteState(model.get(), 3e38f);
  std::vector<OwnedStream> streams;
  std::vector<OwnedRequest> requests;
  std::map<size_t, std::vector<uint32_t>> before;
  for (size_t i = 0; i < kNumStreams; ++i) {
    if (IsPoisoned(i)) {
      ASSERT_EQ(StartFromFile(model.get(), streams.emplace_back()), SKEIN_OK);
      before[i] = BitsOf(StateOf(streams[i].get()));
    } else {
      streams.push_back(MakeStream(model.get()));
    }
    requests.push_back(NewRequest(streams[i].get(), i));
  }
  std::map<uint64_t, Delivered> delivered = Run(requests);
  for (size_t i = 0; i < kNumStreams; ++i) {
    EXPECT_EQ(delivered[i].num_terminal, 1) << i;
    if (IsPoisoned(i)) {
      EXPECT_EQ(delivered[i].end, uint32_t{SKEIN_EVENT_ERROR}) << i;
      EXPECT_EQ(delivered[i].status, SKEIN_DATA_LOSS) << i;
      EXPECT_EQ(BitsOf(StateOf(streams[i].get())), before[i]) << i;
      EXPECT_EQ(delivered[i].position, 0u) << i;
    } else {
      EXPECT_EQ(delivered[i].end, uint32_t{SKEIN_EVENT_DONE}) << i;
      EXPECT_EQ(Outcome(delivered[i].tokens, BitsOf(StateOf(streams[i].get()))), alone[i]) << i;
    }
  }
}

TEST_P(PoisonedStatesTest, AnEvalOfAStateThatOverflowsFailsItsItemAlone) {
  const OwnedModel model = Load();
  const uint32_t vocab_size = InfoOf(model.get()).vocab_size;
  const std::vector<float> alone = AllLogits(model.get(), MakeStream(model.get()).get(), {5, 9});
  WriteState(model.get(), -3e38f);
  OwnedStream poisoned;
  ASSERT_EQ(StartFromFile(model.get(), poisoned), SKEIN_OK);
  const OwnedStream healthy = MakeStream(model.get());
  const uint32_t tokens[] = {5, 9};
  std::vector<float> logits[2];
  skein_eval_item items[2] = {};
  for (size_t i = 0; i < 2; ++i) {
    logits[i].resize(size_t{2} * vocab_size);
    items[i].stream = i == 0 ? poisoned.get() : healthy.get();
    items[i].tokens = tokens;
    items[i].num_tokens = 2;
    items[i].output = logits[i].data();
    items[i].output_capacity = logits[i].size();
    items[i].output_kind = SKEIN_OUTPUT_ALL_LOGITS;
  }
  EXPECT_EQ(skein_eval(model.get(), items, sizeof(items[0]), 2, nullptr), SKEIN_DATA_LOSS);
  EXPECT_EQ(items[0].status, SKEIN_DATA_LOSS);
  EXPECT_EQ(items[1].status, SKEIN_OK);
  EXPECT_EQ(BitsOf(logits[1]), BitsOf(alone));
  uint64_t position = 1;
  SKEIN_CALL(skein_stream_position, poisoned.get(), &position);
  EXPECT_EQ(position, 0u);
}

INSTANTIATE_TEST_SUITE_P(Settings, PoisonedStatesTest,
                         ::testing::Values(Setting{"V7OnReference", "v7-odd.safetensors", "reference", "f32"},
                                           Setting{"V7InF32", "v7-odd.safetensors", "cpu", "f32"},
                                           Setting{"V7InQ8", "v7-odd.safetensors", "cpu", "q8"},
                                           Setting{"V7OverTwoDevices", "v7-odd.safetensors", "cpu=0,reference=1-2",
                                                   "f32"},
                                           Setting{"V6InF32", "v6-odd.safetensors", "cpu", "f32"},
                                           Setting{"V5InF32", "v5.2-mixed.pth", "cpu", "f32"},
                                           Setting{"V4InF32", "v4-odd.safetensors", "cpu", "f32"}),
                         [](const auto& parameter) { return std::string(parameter.param.name); });

}  // namespace
}  // namespace skein::test
