// A host whose address space is nearly used up: 64 streams over a vocabulary of 65,536 ask for more than is left. The
// host lives, requests end with RESOURCE_EXHAUSTED or as they should, and all goes on when there is memory again.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/host.h"

namespace skein::test {
namespace {

constexpr uint32_t kNumStreams = 64;

// The bytes of address space that this process has.
uint64_t AddressSpaceBytes() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.rfind("VmSize:", 0) == 0) return std::stoull(line.substr(7)) * 1024;
  }
  return 0;
}

void SetLimit(rlim_t bytes) {
  rlimit limit = {};
  getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur = bytes;
  if (setrlimit(RLIMIT_AS, &limit) != 0) std::exit(2);
}

// Ends the process unless `status` is OK, or `memory_is_short` and it says so. True: OK.
bool Check(skein_status status, bool memory_is_short) {
  if (status == SKEIN_OK) return true;
  if (memory_is_short && status == SKEIN_RESOURCE_EXHAUSTED) return false;
  std::exit(10 + status);
}

// A host without an allocation of its own while memory is short.
class Host {
 public:
  Host() {
    runtime_ = MakeRuntime();
    // The steps measured after a load belong to it, as far as libraries go that end the process without memory.
    const OwnedOptions options =
        MakeOptions(SKEIN_OPTIONS_MODEL, {}, {{"max_batch_streams", kNumStreams}, {"calibrate", 0}});
    Check(skein_model_load(runtime_.get(), "synthetic:C=64,L=1,V=65536", options.get(), model_.out(), nullptr), false);
    for (uint32_t i = 0; i < kNumStreams; ++i) streams_.push_back(MakeStream(model_.get()));
    Check(skein_queue_create(runtime_.get(), nullptr, &queue_, nullptr), false);
  }

  // A request on every stream, drained.
  void Run(bool memory_is_short) {
    uint32_t num_running = 0;
    for (const OwnedStream& stream : streams_) num_running += Submit(stream.get(), memory_is_short) ? 1 : 0;
    while (num_running > 0) num_running -= TakeEnds(memory_is_short);
    for (const OwnedStream& stream : streams_) Check(skein_stream_reset(stream.get(), nullptr), memory_is_short);
  }

 private:
  bool Submit(skein_stream stream, bool memory_is_short) {
    skein_request request = nullptr;
    if (!Check(skein_request_create(stream, &request, nullptr), memory_is_short)) return false;
    const skein_token prompt[] = {5, 6, 7};
    const bool is_submitted = Check(skein_request_set_prompt_tokens(request, prompt, 3, nullptr), memory_is_short) &&
                              Check(skein_request_set_options(request, options_.get(), nullptr), memory_is_short) &&
                              Check(skein_queue_submit(queue_, &request, 1, nullptr), memory_is_short);
    Check(skein_request_release(request, nullptr), false);
    return is_submitted;
  }

  uint32_t TakeEnds(bool memory_is_short) {
    uint32_t ready = 0;
    Check(skein_queue_wait(queue_, 30000, &ready, nullptr), memory_is_short);
    if (ready == 0) std::exit(3);
    skein_event events[16];
    static char text[65536];
    uint32_t count = 0;
    uint64_t text_bytes = 0;
    Check(skein_queue_poll(queue_, events, sizeof(events[0]), 16, text, sizeof(text), &count, &text_bytes, nullptr),
          memory_is_short);
    uint32_t num_ends = 0;
    for (uint32_t i = 0; i < count; ++i) {
      if (events[i].kind == SKEIN_EVENT_ERROR) Check(events[i].status, memory_is_short);
      num_ends += events[i].kind == SKEIN_EVENT_TOKEN ? 0 : 1;
    }
    return num_ends;
  }

  OwnedRuntime runtime_;
  OwnedModel model_;
  std::vector<OwnedStream> streams_;
  const OwnedOptions options_ =
      MakeOptions(SKEIN_OPTIONS_REQUEST, {}, {{"max_tokens", 4}}, {{"presence_penalty", 0.5}});
  skein_queue queue_ = nullptr;
};

void RunShortOfMemory(uint64_t free_mib) {
  Host host;
  SetLimit(AddressSpaceBytes() + (free_mib << 20));
  host.Run(true);
  SetLimit(RLIM_INFINITY);
  host.Run(false);
  std::_Exit(0);
}

// The mebibytes that are left.
class MemoryLimitTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(MemoryLimitTest, TheHostLives) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer needs the address space for itself";
#endif
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(RunShortOfMemory(GetParam()), ::testing::ExitedWithCode(0), "");
}

INSTANTIATE_TEST_SUITE_P(Mebibytes, MemoryLimitTest, ::testing::Values(1, 2, 4, 8, 12, 16, 20, 24, 32));

}  // namespace
}  // namespace skein::test
