// Many requests of random hosts, of which some fail or are cancelled, leave nothing behind: no memory, no descriptors,
// no slots, no states in host memory or on disk.
#include <gtest/gtest.h>
#include <malloc.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/random_host.h"
#include "tests/support/anonymous_memory.h"
#include "tests/support/host.h"
#include "tests/support/late_backend/late_backend.h"
#include "tests/support/remove_folder.h"

namespace skein::test {
namespace {

int64_t NumDescriptors() {
  const std::filesystem::directory_iterator first("/proc/self/fd");
  return std::distance(first, std::filesystem::directory_iterator());
}

// All streams of the model at the same time, each with a state of its own.
void FillEverySlot(skein_model model, size_t num_streams) {
  std::vector<OwnedStream> streams;
  for (size_t i = 0; i < num_streams; ++i) {
    streams.push_back(MakeStream(model));
    ASSERT_EQ(Feed(model, streams.back().get(), {1}), SKEIN_OK);
  }
}

// The number in the line of a metric that has this label. There is one model.
int64_t MetricOf(skein_runtime runtime, const std::string& name, const std::string& label = "") {
  std::string text(1 << 20, '\0');
  uint64_t size = 0;
  EXPECT_EQ(skein_runtime_metrics(runtime, text.data(), text.size(), &size, nullptr), SKEIN_OK);
  std::istringstream lines(text.substr(0, size));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(name + "{") || line.find(label) == std::string::npos) continue;
    return std::stoll(line.substr(line.rfind(' ')));
  }
  ADD_FAILURE() << "no metric " << name << " " << label;
  return 0;
}

// States wherever they lie, and not in the prefix cache.
int64_t NumStatesOfStreams(skein_runtime runtime) {
  int64_t num_states = -MetricOf(runtime, "skein_prefix_cache_states");
  for (const char* place : {"slot", "host_memory", "disk"}) {
    num_states += MetricOf(runtime, "skein_states", std::string("place=\"") + place + "\"");
  }
  return num_states;
}

void RunHosts(const Setting& setting, skein_runtime runtime, skein_model model, uint32_t round) {
  constexpr uint32_t kNumHosts = 4;
  std::vector<std::unique_ptr<Host>> hosts;
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < kNumHosts; ++i) {
    hosts.push_back(std::make_unique<Host>(setting, runtime, model, round * kNumHosts + i));
    threads.emplace_back([&setting, host = hosts.back().get()] { host->Run(60, setting.num_requests); });
  }
  for (std::thread& thread : threads) thread.join();
}

class SoakTest : public ::testing::TestWithParam<Setting> {};

TEST_P(SoakTest, ManyRequestsLeaveNothingBehind) {
  constexpr uint32_t kNumRounds = 10;
  const OwnedRuntime runtime = MakeRuntime();
  SKEIN_CALL(skein_runtime_load_plugin, runtime.get(), SKEIN_LATE_BACKEND);
  const late::Command late(SKEIN_LATE_BACKEND);
  OwnedModel model = GetParam().has_few_places ? LoadWithFewPlaces(runtime.get(), GetParam())
                                               : Load(runtime.get(), GetParam(), GetParam().max_batch_tokens);
  FillEverySlot(model.get(), kMaxStreams);
  if (GetParam().poisons) late.Obey({.mishap = late::Mishap::kEntryFails, .token = kPoison});

  RunHosts(GetParam(), runtime.get(), model.get(), 0);
  const int64_t descriptors = NumDescriptors();
  malloc_trim(0);  // pages that the allocator keeps are now more and now less
  const uint64_t bytes = AnonymousBytes();
  const uint64_t allocated_bytes = mallinfo2().uordblks;
  for (uint32_t round = 1; round < kNumRounds; ++round) RunHosts(GetParam(), runtime.get(), model.get(), round);
  // The engine may hold the queue of a request whose end was seen for a moment more.
  for (int i = 0; i < 5000 && NumDescriptors() > descriptors; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_LE(NumDescriptors(), descriptors);
  // The limit is less than a hundred bytes for each of 100,000 requests.
  malloc_trim(0);
  EXPECT_LT(AnonymousBytes(), bytes + (8 << 20));
  // Without the pages that free pieces hold the limit is less than six bytes for each. With sanitizers it is 0.
  EXPECT_LT(mallinfo2().uordblks, allocated_bytes + (512 << 10));
  late.Obey({});
  EXPECT_EQ(NumStatesOfStreams(runtime.get()), 0);
  if (GetParam().has_few_places) {
    EXPECT_GT(MetricOf(runtime.get(), "skein_state_moves_total", "to_disk"), 1000);
    EXPECT_GT(MetricOf(runtime.get(), "skein_state_moves_total", "from_disk"), 1000);
  }
  FillEverySlot(model.get(), kMaxStreams);
  model.Close();
  RemoveFolder(StateFolderOf(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(
    All, SoakTest,
    ::testing::Values(Setting{"requests_100000", "v4-odd.safetensors", "cpu", "q8", 256, false, 2500},
                      Setting{"requests_100000_few_places", "v4-odd.safetensors", "cpu", "q8", 64, false, 2500, true},
                      Setting{"requests_10000_with_failures", "v4-odd.safetensors", "late:0", "f32", 256, true, 250}),
    [](const auto& param_info) { return std::string(param_info.param.name); });

}  // namespace
}  // namespace skein::test
