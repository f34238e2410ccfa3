// Streams that were released leave no memory in the process. A program of its own: what it looks at is the memory of
// the process.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#include "tests/support/anonymous_memory.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

constexpr int64_t kNumStreams = 20'000;
// Of the handles, 32 bytes each, and of pages of which something is still used.
constexpr uint64_t kMostLeft = uint64_t{3} << 19;

// Waits until the process has no more than `bytes`, and gives what it has in the end.
uint64_t WaitForAnonymousBytes(uint64_t bytes) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (AnonymousBytes() > bytes && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return AnonymousBytes();
}

TEST(ReleasedStreamsTest, OneThatStaysKeepsNoMemoryOfTheOthers) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer keeps memory of its own";
#endif
  if (AnonymousBytes() == 0) GTEST_SKIP() << "no /proc/self/status with RssAnon";
  const OwnedRuntime runtime = MakeRuntime();
  const OwnedModel model = LoadModel(runtime.get(), SKEIN_DEMO_MODEL, "cpu", "q8", kNumStreams + 1);
  AllLogits(model.get(), MakeStream(model.get()).get(), {1});
  OwnedStream last;  // lies behind the others in the heap
  uint64_t before = 0;
  {
    std::vector<OwnedStream> streams;
    streams.reserve(kNumStreams);
    before = AnonymousBytes();
    for (int64_t i = 0; i < kNumStreams; ++i) streams.push_back(MakeStream(model.get()));
    last = MakeStream(model.get());
    ASSERT_GT(AnonymousBytes(), before + 2 * kMostLeft);
  }
  EXPECT_LE(WaitForAnonymousBytes(before + kMostLeft), before + kMostLeft);
}

}  // namespace
}  // namespace skein::test
