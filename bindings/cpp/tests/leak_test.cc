// Makes, uses and closes everything again and again: MODEL ITERATIONS. Fails if memory or descriptors grow.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "skein/skein.hpp"

namespace {

struct Usage {
  int64_t resident_bytes = 0;
  int64_t num_descriptors = 0;
};

Usage PresentUsage() {
  constexpr int64_t kPageBytes = 4096;
  Usage usage;
  std::ifstream statm("/proc/self/statm");
  int64_t total = 0, resident = 0;
  statm >> total >> resident;
  usage.resident_bytes = resident * kPageBytes;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    (void)entry;
    ++usage.num_descriptors;
  }
  return usage;
}

// One of everything; a request that ends, one that is cancelled, and a call that fails.
void UseAll(const skein::Runtime& runtime, const skein::Model& model) {
  const skein::Tokenizer tokenizer = model.GetTokenizer();
  skein::Stream stream(model);
  skein::Eval(model, stream, tokenizer.Encode("And"));
  const skein::Prefix prefix(stream, "and", "a test");
  skein::Stream other = prefix.Start();
  skein::Queue queue(runtime);
  const skein::Request request(stream, " it", {{"max_tokens", 3}});
  const skein::Request endless(other, " so", {{"max_tokens", 100000}, {"stop_at_end", 0}});
  queue.Submit(request);
  queue.Submit(endless);
  endless.Cancel();
  for (const skein::Event& event : queue) event.ThrowIfError();
  const skein::Request left_running(stream, "", {{"max_tokens", 100000}, {"stop_at_end", 0}});
  queue.Submit(left_running);
  if (skein::Try([&] { return skein::Model(runtime, "none"); }).ok()) std::abort();
  stream.Fork().ForkAt(1);
}

}  // namespace

// An exception fails the test. NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const int num_iterations = std::atoi(argv[2]);
  const skein::Runtime runtime({{"threads", 1}});
  const skein::Model model(runtime, argv[1], {{"device", "reference"}, {"calibrate", 0}, {"prefix_cache", 0}});
  for (int i = 0; i < 100; ++i) UseAll(runtime, model);
  const int64_t num_descriptors = PresentUsage().num_descriptors;
  // A state of the model is 200 KB: a leak of one an iteration would be far more. What the C library keeps for itself
  // grows once; a leak grows in each of the batches.
  constexpr int64_t kNoise = 4 << 20;
  int64_t growth = kNoise;
  for (int batch = 0; batch < 3 && growth >= kNoise; ++batch) {
    const int64_t before = PresentUsage().resident_bytes;
    for (int i = 0; i < num_iterations; ++i) UseAll(runtime, model);
    growth = PresentUsage().resident_bytes - before;
    std::printf("%d iterations: %lld bytes more\n", num_iterations, static_cast<long long>(growth));
  }
  // A request that is cancelled keeps its queue until the step that runs has ended. The time only bounds a test that
  // fails.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  int64_t num_more = PresentUsage().num_descriptors - num_descriptors;
  while (num_more > 0 && std::chrono::steady_clock::now() < end) {
    std::this_thread::yield();
    num_more = PresentUsage().num_descriptors - num_descriptors;
  }
  std::printf("%lld descriptors more\n", static_cast<long long>(num_more));
  return growth < kNoise && num_more <= 0 ? 0 : 1;
}
