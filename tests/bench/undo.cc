// The cost of going back in a long conversation, through the C ABI: undo MODEL [TOKENS] [TURN] [CHECKPOINT_MEMORY].
// A stream reads TOKENS tokens in turns of TURN tokens, each a request with one token for an answer. Then branches are
// made at places in front of its end. Prints one line a place: how many tokens were read again, and the time; behind
// them the checkpoints that are left, and their bytes. The exit code is 1 if undoing a turn took more than a step and
// 256 tokens.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "skein/skein.h"
#include "tests/bench/check.h"
#include "tests/bench/next_event.h"
#include "tests/bench/times.h"

namespace {

using skein::bench::Check;
using skein::bench::Clock;
using skein::bench::NextEvent;
using skein::bench::SecondsSince;

// A model with one conversation. The process ends with it, so nothing is released.
class Host {
 public:
  Host(const char* path, int64_t checkpoint_memory) {
    skein_error error = {};
    skein_runtime runtime = nullptr;
    skein_options options = nullptr;
    Check(skein_runtime_create(nullptr, &runtime, &error), error);
    Check(skein_options_create(SKEIN_OPTIONS_MODEL, &options, &error), error);
    Check(skein_options_set_i64(options, "checkpoint_memory", checkpoint_memory, &error), error);
    Check(skein_model_load(runtime, path, options, &model_, &error), error);
    Check(skein_queue_create(runtime, nullptr, &queue_, &error), error);
    Check(skein_stream_create(model_, nullptr, &stream_, &error), error);
    Check(skein_options_create(SKEIN_OPTIONS_REQUEST, &one_token_, &error), error);
    Check(skein_options_set_i64(one_token_, "max_tokens", 1, &error), error);
    Check(skein_options_set_i64(one_token_, "stop_at_end", 0, &error), error);
  }

  void Turn(uint64_t num_tokens) {
    std::vector<skein_token> tokens(num_tokens);
    for (skein_token& token : tokens) token = 1 + static_cast<skein_token>(std::rand() % 200);
    skein_error error = {};
    skein_request request = nullptr;
    Check(skein_request_create(stream_, &request, &error), error);
    Check(skein_request_set_options(request, one_token_, &error), error);
    Check(skein_request_set_prompt_tokens(request, tokens.data(), tokens.size(), &error), error);
    Check(skein_queue_submit(queue_, &request, 1, &error), error);
    uint32_t kind = SKEIN_EVENT_TOKEN;
    while (kind == SKEIN_EVENT_TOKEN) kind = NextEvent(queue_).kind;
    if (kind != SKEIN_EVENT_DONE) std::exit(1);
    Check(skein_request_release(request, &error), error);
  }

  uint64_t position() {
    skein_error error = {};
    uint64_t position = 0;
    Check(skein_stream_position(stream_, &position, &error), error);
    return position;
  }

  // Branches off at a place, prints what it took, and gives the number of tokens that were read again.
  uint64_t GoBack(const char* what, uint64_t place) {
    skein_error error = {};
    skein_stream copy = nullptr;
    uint64_t num_replayed = 0;
    const Clock::time_point start = Clock::now();
    Check(skein_stream_fork_at(stream_, place, &copy, &num_replayed, &error), error);
    const double ms = 1e3 * SecondsSince(start);
    std::printf("%-28s to %9llu  %6llu tokens read again  %9.2f ms\n", what, static_cast<unsigned long long>(place),
                static_cast<unsigned long long>(num_replayed), ms);
    Check(skein_stream_release(copy, &error), error);
    return num_replayed;
  }

  void PrintCheckpoints() {
    skein_error error = {};
    uint64_t count = 0;
    Check(skein_stream_checkpoints(stream_, nullptr, sizeof(skein_checkpoint), 0, &count, &error), error);
    std::vector<skein_checkpoint> found(count);
    Check(skein_stream_checkpoints(stream_, found.data(), sizeof(skein_checkpoint), count, &count, &error), error);
    uint64_t num_bytes = 0;
    for (const skein_checkpoint& checkpoint : found) num_bytes += checkpoint.state_bytes;
    std::printf("%llu checkpoints of %.1f MiB\n", static_cast<unsigned long long>(count),
                static_cast<double>(num_bytes) / (1 << 20));
  }

 private:
  skein_model model_ = nullptr;
  skein_queue queue_ = nullptr;
  skein_stream stream_ = nullptr;
  skein_options one_token_ = nullptr;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 5) {
    std::fprintf(stderr, "usage: undo MODEL [TOKENS] [TURN] [CHECKPOINT_MEMORY]\n");
    return 2;
  }
  constexpr uint64_t kMost = 512 + 256;  // a step of the default size, and 256 tokens
  const uint64_t num_tokens = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 100'000;
  const uint64_t turn = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1000;
  Host host(argv[1], argc > 4 ? std::strtoll(argv[4], nullptr, 10) : -1);
  uint64_t before = 0;
  while (host.position() < num_tokens) {
    before = host.position();
    host.Turn(turn);
  }
  const uint64_t end = host.position();
  const uint64_t num_replayed = host.GoBack("one turn", before);
  host.GoBack("100 tokens", end - 100);
  host.GoBack("half a turn", end - turn / 2);
  host.GoBack("ten turns and a half", end - (21 * turn) / 2);
  host.GoBack("half of all", end / 2);
  host.PrintCheckpoints();
  std::fflush(stdout);
  return num_replayed <= kMost ? 0 : 1;
}
