// Many streams at once: streams MODEL NUM_STREAMS NUM_TOKENS. Prints what bindings/bench/streams.c does; the difference
// is what skein.hpp costs.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <skein/skein.hpp>
#include <vector>

namespace {

double SecondsOf(clockid_t clock) {
  timespec time = {};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

void WriteTexts(const char* path, int num_streams, int num_tokens) {
  skein::Runtime runtime({{"threads", 1}});
  skein::Model model(runtime, path, {{"device", "cpu"}, {"calibrate", 0}});
  skein::Queue queue(runtime);
  std::vector<skein::Request> requests;
  for (int seed = 0; seed < num_streams; ++seed) {
    skein::RequestOptions options = {{"max_tokens", num_tokens}, {"stop_at_end", 0}, {"seed", seed}};
    const std::vector<skein::Token> prompt = {65, 110, 100};
    requests.emplace_back(skein::Stream(model), options).SetPrompt(prompt);
  }
  const double begin = SecondsOf(CLOCK_PROCESS_CPUTIME_ID);
  const double thread_begin = SecondsOf(CLOCK_THREAD_CPUTIME_ID);
  const double wall_begin = SecondsOf(CLOCK_MONOTONIC);
  queue.SubmitAll(requests);
  size_t num_bytes = 0;
  for (const skein::Event& event : queue) num_bytes += event.text().size();
  std::printf("%.4f %.4f %zu %.4f\n", SecondsOf(CLOCK_PROCESS_CPUTIME_ID) - begin,
              SecondsOf(CLOCK_THREAD_CPUTIME_ID) - thread_begin, num_bytes, SecondsOf(CLOCK_MONOTONIC) - wall_begin);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: streams MODEL NUM_STREAMS NUM_TOKENS\n");
    return 2;
  }
  try {
    WriteTexts(argv[1], std::atoi(argv[2]), std::atoi(argv[3]));
  } catch (const skein::Error& error) {
    std::fprintf(stderr, "streams: %s: %s\n", error.code_name(), error.what());
    return 1;
  }
}
