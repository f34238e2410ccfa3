// Models on devices that end their steps late: the results are those of a device that does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>

#include "tests/integration/late_devices.h"

namespace skein::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(LateDevicesTest, BothDevicesAreListedWithTheThreadsThatTheyStart) {
  EXPECT_THAT(DeviceNames(runtime_.get()), testing::IsSupersetOf({"late:0", "late:1"}));
  uint32_t count = 0;
  SKEIN_CALL(skein_runtime_device_count, runtime_.get(), &count);
  for (uint32_t i = 0; i < count; ++i) {
    skein_device_info info = {};
    info.struct_size = sizeof(info);
    SKEIN_CALL(skein_runtime_device_info, runtime_.get(), i, &info);
    // The reference backend computes with one thread, and the late one as it does. Each of its two devices starts one
    // more. Others compute with the two of the runtime.
    const std::string id = info.plugin_id;
    EXPECT_EQ(info.threads, id == "late" ? 3u : id == "reference" ? 1u : 2u) << info.name;
  }
}

TEST_F(LateDevicesTest, ASplitGivesTheBitsOfOneDevice) {
  for (const char* file : {"v4-odd.safetensors", "v5.1-column.safetensors", "v5.2-mixed.pth", "v6-odd.safetensors",
                           "v7-odd.safetensors"}) {
    const OwnedModel whole = LoadModel(runtime_.get(), DataPath(file), "reference");
    const OwnedModel split = LoadSplit(file);
    const OwnedStream expected = MakeStream(whole.get());
    const OwnedStream stream = MakeStream(split.get());
    for (const std::vector<uint32_t>& tokens : {std::vector<uint32_t>{1, 2, 3, 4, 5}, {6}, {7, 8}}) {
      EXPECT_EQ(AllLogits(split.get(), stream.get(), tokens), AllLogits(whole.get(), expected.get(), tokens)) << file;
    }
    EXPECT_EQ(StateOf(stream.get()), StateOf(expected.get())) << file;
  }
  ExpectFencesInOrder();
}

TEST_F(LateDevicesTest, StreamsOfABatchAreAsEachAlone) {
  const OwnedModel model = LoadSplit();
  const uint32_t vocab_size = InfoOf(model.get()).vocab_size;
  std::vector<OwnedStream> streams;
  std::vector<std::vector<uint32_t>> tokens;
  std::vector<std::vector<float>> logits;
  for (uint32_t i = 0; i < 3; ++i) {
    streams.push_back(MakeStream(model.get()));
    tokens.emplace_back(2 * i + 1, i + 1);
    logits.emplace_back(vocab_size);
  }
  std::vector<skein_eval_item> items(streams.size());
  for (size_t i = 0; i < items.size(); ++i) {
    items[i].stream = streams[i].get();
    items[i].tokens = tokens[i].data();
    items[i].num_tokens = tokens[i].size();
    items[i].output = logits[i].data();
    items[i].output_capacity = logits[i].size();
    items[i].output_kind = SKEIN_OUTPUT_LAST_LOGITS;
  }
  SKEIN_CALL(skein_eval, model.get(), items.data(), sizeof(items[0]), static_cast<uint32_t>(items.size()));
  for (size_t i = 0; i < items.size(); ++i) {
    const OwnedStream alone = MakeStream(model.get());
    const std::vector<float> all = AllLogits(model.get(), alone.get(), tokens[i]);
    EXPECT_EQ(logits[i], std::vector<float>(all.end() - vocab_size, all.end())) << "stream " << i;
  }
  ExpectFencesInOrder();
}

TEST_F(LateDevicesTest, RequestsGenerateWhatTheyDoOnOneDevice) {
  std::map<uint64_t, Delivered> delivered[2];
  const OwnedModel models[2] = {LoadModel(runtime_.get(), DataPath("v7-odd.safetensors"), "reference"), LoadSplit()};
  for (int side = 0; side < 2; ++side) {
    std::vector<OwnedStream> streams;
    std::vector<OwnedRequest> requests;
    std::vector<skein_request> handles;
    for (uint32_t i = 0; i < 6; ++i) {
      streams.push_back(MakeStream(models[side].get()));
      requests.push_back(NewRequest(streams.back().get(), {i + 1, i + 2}, i, 10 + i));
      handles.push_back(requests.back().get());
    }
    Submit(handles);
    delivered[side] = DrainUntilEnded(queue_.get(), handles.size());
  }
  for (const auto& [i, of] : delivered[0]) {
    EXPECT_EQ(of.end, uint32_t{SKEIN_EVENT_DONE});
    EXPECT_EQ(of.tokens.size(), 10 + i);
    EXPECT_EQ(delivered[1][i].tokens, of.tokens) << "request " << i;
  }
  ExpectFencesInOrder();
}

// Sampling parameters of every kind, by the number of the request.
void SetSampling(skein_request request, uint32_t i) {
  const double temperatures[] = {0, 0.7, 1, 1.5};
  const double top_ps[] = {1, 0.85, 0.5};
  std::vector<std::pair<std::string, double>> reals = {{"temperature", temperatures[i % 4]}, {"top_p", top_ps[i % 3]}};
  if (i % 5 == 4) reals.emplace_back("min_p", 0.1);
  if (i % 2 == 0) reals.emplace_back("presence_penalty", 0.4);
  if (i % 3 == 0) reals.emplace_back("frequency_penalty", 0.6);
  skein_error error = {};
  const OwnedOptions options =
      MakeOptions(SKEIN_OPTIONS_REQUEST, {},
                  {{"seed", i}, {"top_k", i % 7 == 6 ? 9 : 0}, {"max_tokens", 120}, {"stop_at_end", 0}}, reals);
  EXPECT_TRUE(Ok(skein_request_set_options(request, options.get(), &error), error));
  if (i % 4 == 1) SKEIN_CALL(skein_request_set_logit_bias, request, i, 1.5f);
}

// Runs the requests [first, first + count) on a model whose head is on late:1, each with sampling of its own. A runtime
// of its own, because a runtime asks a device for its features once.
void GenerateOnSplit(uint32_t first, uint32_t count, std::map<uint64_t, Delivered>& delivered) {
  const OwnedRuntime runtime = MakeRuntime();
  SKEIN_CALL(skein_runtime_load_plugin, runtime.get(), SKEIN_LATE_BACKEND);
  OwnedQueue queue;
  SKEIN_CALL(skein_queue_create, runtime.get(), nullptr, queue.out());
  const OwnedModel model = LoadModel(runtime.get(), DataPath("v7-odd.safetensors"), SplitOf(3));
  std::vector<OwnedStream> streams;
  std::vector<OwnedRequest> requests;
  std::vector<skein_request> handles;
  for (uint32_t i = first; i < first + count; ++i) {
    streams.push_back(MakeStream(model.get()));
    requests.emplace_back();
    SKEIN_CALL(skein_request_create, streams.back().get(), requests.back().out());
    SKEIN_CALL(skein_request_set_prompt_tokens, requests.back().get(), &i, 1);
    SKEIN_CALL(skein_request_set_user_data, requests.back().get(), i);
    SetSampling(requests.back().get(), i);
    handles.push_back(requests.back().get());
  }
  SKEIN_CALL(skein_queue_submit, queue.get(), handles.data(), count);
  delivered = DrainUntilEnded(queue.get(), count);
}

TEST_F(LateDevicesTest, TheDeviceDrawsTheTokensThatLibskeinWouldDraw) {
  constexpr uint32_t kTogether = 8;
  uint64_t num_drawn_by_device = 0;
  for (uint32_t first = 0; first < 3 * kTogether; first += kTogether) {
    const uint64_t num_before = late_.counts().num_draws;
    late_.Declare({.features = SKEIN_FEATURE_HIDDEN});
    std::map<uint64_t, Delivered> expected, delivered;
    GenerateOnSplit(first, kTogether, expected);
    EXPECT_EQ(late_.counts().num_draws, num_before);
    late_.Declare({});
    GenerateOnSplit(first, kTogether, delivered);
    num_drawn_by_device += late_.counts().num_draws - num_before;
    EXPECT_EQ(expected.size(), kTogether);
    for (const auto& [i, of] : expected) {
      EXPECT_EQ(of.end, uint32_t{SKEIN_EVENT_DONE});
      EXPECT_EQ(of.tokens.size(), 120u);
      EXPECT_EQ(delivered[i].tokens, of.tokens) << "request " << i;
    }
  }
  EXPECT_EQ(num_drawn_by_device, 3 * kTogether * 120);
  ExpectFencesInOrder();
}

TEST_F(LateDevicesTest, BiasesThatLeaveNoTokenEndTheirRequestAlone) {
  const OwnedModel model = LoadSplit();
  const OwnedStream streams[] = {MakeStream(model.get()), MakeStream(model.get())};
  const OwnedRequest bad = NewRequest(streams[0].get(), {1}, 0);
  const OwnedRequest good = NewRequest(streams[1].get(), {1}, 1);
  for (uint32_t token = 0; token < InfoOf(model.get()).vocab_size; ++token) {
    SKEIN_CALL(skein_request_set_logit_bias, bad.get(), token, -INFINITY);
  }
  Submit({bad.get(), good.get()});
  std::map<uint64_t, Delivered> delivered = DrainUntilEnded(queue_.get(), 2);
  EXPECT_EQ(delivered[0].status, SKEIN_FAILED_PRECONDITION);
  EXPECT_EQ(delivered[1].tokens.size(), 5u);
}

TEST_F(LateDevicesTest, ModelsOnTheSameDevicesDoNotDisturbEachOther) {
  const OwnedModel first = LoadSplit();
  const OwnedModel second = LoadSplit("v6-odd.safetensors");
  const OwnedStream stream = MakeStream(first.get());
  const std::vector<float> expected = AllLogits(first.get(), stream.get(), {1, 2, 3});
  const OwnedStream busy = MakeStream(second.get());
  const OwnedRequest request = NewRequest(busy.get(), {1}, 0, 200);
  Submit({request.get()});
  for (int i = 0; i < 20; ++i) {
    const OwnedStream fresh = MakeStream(first.get());
    EXPECT_EQ(AllLogits(first.get(), fresh.get(), {1, 2, 3}), expected);
  }
  SKEIN_CALL(skein_request_cancel, request.get());
  DrainUntilEnded(queue_.get(), 1);
}

// --- the description of a device ---

TEST_F(LateDevicesTest, AWishThatTheDeviceLacksIsRefusedAndTheOthersGoOn) {
  late_.Declare({.features = 0});
  const OwnedModel model = LoadSplit();
  const OwnedStream asks = MakeStream(model.get());
  const OwnedStream other = MakeStream(model.get());
  const uint32_t token = kGoodToken;
  std::vector<float> rows(InfoOf(model.get()).vocab_size);
  std::vector<float> hidden(InfoOf(model.get()).d_model);
  skein_eval_item items[2] = {};
  items[0] = {.stream = asks.get(),
              .tokens = &token,
              .num_tokens = 1,
              .output = hidden.data(),
              .output_capacity = hidden.size(),
              .output_kind = SKEIN_OUTPUT_LAST_HIDDEN,
              .status = SKEIN_OK};
  items[1] = {.stream = other.get(),
              .tokens = &token,
              .num_tokens = 1,
              .output = rows.data(),
              .output_capacity = rows.size(),
              .output_kind = SKEIN_OUTPUT_LAST_LOGITS,
              .status = SKEIN_OK};
  skein_error error = {};
  EXPECT_EQ(skein_eval(model.get(), items, sizeof(items[0]), 2, &error), SKEIN_UNIMPLEMENTED);
  EXPECT_THAT(error.message, HasSubstr("does not offer an output that this stream asks for"));
  EXPECT_EQ(items[0].status, SKEIN_UNIMPLEMENTED);
  EXPECT_EQ(items[1].status, SKEIN_OK);
  EXPECT_EQ(AllLogits(model.get(), MakeStream(model.get()).get(), {token}), rows);
}

TEST_F(LateDevicesTest, TheLogSaysWhetherStreamsMayDependOnEachOther) {
  TakeLog();
  LoadSplit();  // and gone again: an open device keeps the description of its opening
  EXPECT_THAT(TakeLog(), Not(HasSubstr("device late:")));
  late_.Declare({.deterministic_types = 0});
  // The devices are closed by the first model's thread, and then opened anew.
  const auto is_told = [this] {
    const OwnedModel dependent = LoadSplit();
    const std::string log = TakeLog();
    return log.find("device late:0: in this type the last bits") != std::string::npos &&
           log.find("device late:1: in") != std::string::npos;
  };
  bool was_told = false;
  for (int i = 0; i < 400 && !was_told; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    was_told = is_told();
  }
  EXPECT_TRUE(was_told);
}

}  // namespace
}  // namespace skein::test
