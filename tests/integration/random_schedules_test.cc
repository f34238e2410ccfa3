// Random schedules over hundreds of streams: whatever many hosts do at the same time, each request gives the tokens
// that it gives alone, on a stream of its own that has read the same tokens, without a prefix cache and with room for
// all states. In q8 and q4 the states at the end are the same to the bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/random_host.h"
#include "tests/support/host.h"
#include "tests/support/late_backend/late_backend.h"
#include "tests/support/remove_folder.h"

namespace skein::test {
namespace {

// The tokens of a request that runs alone, on a stream that has read the same tokens. It generates as many tokens as
// the one of the record did, which may have been cancelled.
Record RunAlone(skein_model model, skein_queue queue, const Record& record) {
  Record alone = record;
  alone.tokens.clear();
  alone.prompt.clear();
  std::vector<uint32_t> read = record.before.tokens;
  if (record.before.has_pending) {
    alone.prompt.push_back(read.back());
    read.pop_back();
  }
  alone.prompt.insert(alone.prompt.end(), record.prompt.begin(), record.prompt.end());
  const OwnedStream stream = MakeStream(model);
  if (!read.empty()) {
    EXPECT_EQ(Feed(model, stream.get(), read), SKEIN_OK);
  }
  const OwnedRequest request = MakeRequest(stream.get(), alone, 0);
  const skein_request handle = request.get();
  EXPECT_EQ(skein_queue_submit(queue, &handle, 1, nullptr), SKEIN_OK);
  for (bool ended = false; !ended && !::testing::Test::HasFailure();) {
    uint32_t ready = 0;
    EXPECT_EQ(skein_queue_wait(queue, 20000, &ready, nullptr), SKEIN_OK);
    EXPECT_EQ(ready, 1u);
    skein_event event = {};
    std::string text(1 << 12, '\0');
    uint32_t count = 0;
    uint64_t text_bytes = 0;
    EXPECT_EQ(skein_queue_poll(queue, &event, sizeof(event), 1, text.data(), text.size(), &count, &text_bytes, nullptr),
              SKEIN_OK);
    if (count == 0) continue;
    ended = event.kind != SKEIN_EVENT_TOKEN;
    if (!ended) alone.tokens.push_back(event.token);
    alone.end = event.kind;
    alone.reason = event.reason;
  }
  return alone;
}

class RandomSchedulesTest : public ::testing::TestWithParam<Setting> {};

TEST_P(RandomSchedulesTest, EveryRequestGivesWhatItGivesAlone) {
  const OwnedRuntime runtime = MakeRuntime();
  SKEIN_CALL(skein_runtime_load_plugin, runtime.get(), SKEIN_LATE_BACKEND);
  const late::Command late(SKEIN_LATE_BACKEND);
  if (GetParam().poisons) late.Obey({.mishap = late::Mishap::kEntryFails, .token = kPoison});
  OwnedModel model = GetParam().has_few_places ? LoadWithFewPlaces(runtime.get(), GetParam())
                                               : Load(runtime.get(), GetParam(), GetParam().max_batch_tokens);

  constexpr uint32_t kNumHosts = 4;
  std::vector<std::unique_ptr<Host>> hosts;
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < kNumHosts; ++i) {
    hosts.push_back(std::make_unique<Host>(GetParam(), runtime.get(), model.get(), i));
    threads.emplace_back([host = hosts.back().get()] { host->Run(60, GetParam().num_requests); });
  }
  for (std::thread& thread : threads) thread.join();
  late.Obey({});

  const OwnedModel other = Load(runtime.get(), GetParam(), 512, /*prefix_cache=*/0);
  OwnedQueue queue;
  SKEIN_CALL(skein_queue_create, runtime.get(), nullptr, queue.out());
  std::map<uint32_t, size_t> ends;
  size_t num_with_tokens = 0;
  uint64_t num_cached = 0;
  for (const auto& host : hosts) {
    // In these types no bit depends on the chunks that are read.
    if (GetParam().type[0] == 'q') {
      ASSERT_NO_FATAL_FAILURE(host->ExpectStatesAsAlone(other.get()));
    }
    for (const std::unique_ptr<Record>& record : host->records_) {
      ++ends[record->end];
      num_cached += record->num_cached;
      if (record->end == SKEIN_EVENT_ERROR || record->tokens.empty() || num_with_tokens++ % kOneIn != 0) continue;
      const Record alone = RunAlone(other.get(), queue.get(), *record);
      ASSERT_LE(record->tokens.size(), alone.tokens.size());
      ASSERT_TRUE(std::equal(record->tokens.begin(), record->tokens.end(), alone.tokens.begin()));
      if (record->end != SKEIN_EVENT_DONE) continue;
      ASSERT_EQ(record->tokens.size(), alone.tokens.size());
      ASSERT_EQ(record->reason, alone.reason);
    }
  }
  // The schedule has had some of each.
  EXPECT_GT(ends[SKEIN_EVENT_DONE], 60u);
  EXPECT_GT(ends[SKEIN_EVENT_CANCELLED], 0u);
  EXPECT_EQ(ends[SKEIN_EVENT_ERROR] > 0, GetParam().poisons);
  EXPECT_GT(num_cached, 0u);
  hosts.clear();
  model.Close();
  RemoveFolder(StateFolderOf(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(
    All, RandomSchedulesTest,
    ::testing::Values(Setting{"reference_rwkv7", "v7-odd.safetensors", "reference", "f32", 64, false, 60},
                      Setting{"reference_rwkv7_small_steps", "v7-odd.safetensors", "reference", "f32", 5, false, 60},
                      Setting{"late_rwkv7_with_failures", "v7-odd.safetensors", "late:0", "f32", 64, true, 60},
                      Setting{"late_rwkv7_q8_with_failures", "v7-odd.safetensors", "late:0", "q8", 29, true, 60},
                      Setting{"cpu_q8_split", "v7-odd.safetensors", "cpu=0,reference=1-2", "q8", 48, false, 60},
                      Setting{"late_rwkv6_split", "v6-odd.safetensors", "late:0=0,late:1=1-2", "f32", 32, true, 60},
                      Setting{"few_places", "v7-odd.safetensors", "cpu", "f32", 64, false, 100, true},
                      Setting{"few_places_late", "v6-odd.safetensors", "late:0", "f32", 32, true, 60, true},
                      Setting{"few_places_q8", SKEIN_DEMO_MODEL, "cpu", "q8", 48, false, 250, true},
                      Setting{"few_places_q4", SKEIN_DEMO_MODEL, "cpu", "q4", 32, false, 250, true},
                      Setting{"cpu_q8", SKEIN_DEMO_MODEL, "cpu", "q8", 64, false, 250},
                      Setting{"cpu_q4", SKEIN_DEMO_MODEL, "cpu", "q4", 32, false, 250},
                      Setting{"cpu_rwkv4_q8", "v4-odd.safetensors", "cpu", "q8", 48, false, 250},
                      Setting{"cpu_rwkv6_q8", "v6-odd.safetensors", "cpu", "q8", 48, false, 250}),
    [](const auto& param_info) { return std::string(param_info.param.name); });

}  // namespace
}  // namespace skein::test
