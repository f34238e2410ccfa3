// Queries over one prefix object, through the C ABI: prefix_objects MODEL [TYPE] [QUERIES [PREFIX [ROUNDS]]]. Compares
// QUERIES (1000) prompts of 20 tokens that start behind a prefix object of PREFIX (2000) tokens with the same prompts
// that start nowhere, 64 at a time, each with one token of answer. Prints one line a round, and the medians. Both run
// in turns, so that the work of other processes falls on both sides.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "skein/skein.h"
#include "tests/bench/check.h"
#include "tests/bench/times.h"

namespace {

using skein::bench::Check;
using skein::bench::Clock;
using skein::bench::Median;
using skein::bench::SecondsSince;

constexpr uint32_t kNumAtOnce = 64;
constexpr uint32_t kQueryTokens = 20;

// The process ends with it, so nothing is released but the streams of queries.
class Host {
 public:
  Host(const char* path, const char* type) {
    skein_error error = {};
    skein_runtime runtime = nullptr;
    skein_options options = nullptr;
    Check(skein_runtime_create(nullptr, &runtime, &error), error);
    Check(skein_options_create(SKEIN_OPTIONS_MODEL, &options, &error), error);
    Check(skein_options_set_str(options, "type", type, &error), error);
    Check(skein_options_set_i64(options, "max_streams", kNumAtOnce + 1, &error), error);
    Check(skein_model_load(runtime, path, options, &model_, &error), error);
    Check(skein_queue_create(runtime, nullptr, &queue_, &error), error);
    skein_model_info info = {};
    info.struct_size = sizeof(info);
    Check(skein_model_get_info(model_, &info, &error), error);
    vocab_size_ = info.vocab_size;
    Check(skein_options_create(SKEIN_OPTIONS_REQUEST, &request_options_, &error), error);
    Check(skein_options_set_i64(request_options_, "max_tokens", 1, &error), error);
    Check(skein_options_set_f64(request_options_, "temperature", 0, &error), error);
    Check(skein_options_set_i64(request_options_, "stop_at_end", 0, &error), error);
  }

  // Seconds of making a prefix object.
  double MakePrefix(uint32_t num_tokens) {
    skein_error error = {};
    skein_stream stream = nullptr;
    Check(skein_stream_create(model_, nullptr, &stream, &error), error);
    std::vector<skein_token> tokens(num_tokens);
    for (skein_token& token : tokens) token = NextToken();
    skein_eval_item item = {};
    item.stream = stream;
    item.tokens = tokens.data();
    item.num_tokens = num_tokens;
    const Clock::time_point start = Clock::now();
    Check(skein_eval(model_, &item, sizeof(item), 1, &error), error);
    Check(skein_prefix_create(stream, "bench", nullptr, &prefix_, &error), error);
    const double seconds = SecondsSince(start);
    Check(skein_stream_release(stream, &error), error);
    return seconds;
  }

  // Seconds of so many queries, behind the prefix object or without.
  double Query(uint32_t num_queries, bool has_prefix) {
    const Clock::time_point start = Clock::now();
    uint32_t num_submitted = 0, num_running = 0;
    while (num_submitted < num_queries || num_running > 0) {
      for (; num_submitted < num_queries && num_running < kNumAtOnce; ++num_submitted, ++num_running) {
        Submit(has_prefix);
      }
      num_running -= TakeEnded();
    }
    return SecondsSince(start);
  }

 private:
  // Of no pattern, so that no cache finds a query that it knows.
  skein_token NextToken() {
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    return 1 + static_cast<skein_token>((random_ >> 33) % (vocab_size_ - 1));
  }

  void Submit(bool has_prefix) {
    skein_error error = {};
    skein_stream stream = nullptr;
    skein_request request = nullptr;
    if (has_prefix) {
      Check(skein_prefix_start(prefix_, nullptr, &stream, &error), error);
    } else {
      Check(skein_stream_create(model_, nullptr, &stream, &error), error);
    }
    skein_token tokens[kQueryTokens];
    for (skein_token& token : tokens) token = NextToken();
    Check(skein_request_create(stream, &request, &error), error);
    Check(skein_request_set_options(request, request_options_, &error), error);
    Check(skein_request_set_prompt_tokens(request, tokens, kQueryTokens, &error), error);
    Check(skein_request_set_user_data(request, reinterpret_cast<uintptr_t>(stream), &error), error);
    Check(skein_queue_submit(queue_, &request, 1, &error), error);
    Check(skein_request_release(request, &error), error);
  }

  // Waits for events. The number of requests that have ended.
  uint32_t TakeEnded() {
    skein_error error = {};
    skein_event events[kNumAtOnce];
    char text[4096];
    uint32_t ready = 0, count = 0, num_ended = 0;
    uint64_t text_bytes = 0;
    Check(skein_queue_wait(queue_, -1, &ready, &error), error);
    Check(skein_queue_poll(queue_, events, sizeof(events[0]), kNumAtOnce, text, sizeof(text), &count, &text_bytes,
                           &error),
          error);
    for (uint32_t i = 0; i < count; ++i) {
      if (events[i].kind == SKEIN_EVENT_TOKEN) continue;
      if (events[i].kind != SKEIN_EVENT_DONE) {
        std::fprintf(stderr, "prefix_objects: a request failed\n");
        std::exit(1);
      }
      Check(skein_stream_release(reinterpret_cast<skein_stream>(events[i].user_data), &error), error);
      ++num_ended;
    }
    return num_ended;
  }

  skein_model model_ = nullptr;
  skein_queue queue_ = nullptr;
  skein_prefix prefix_ = nullptr;
  skein_options request_options_ = nullptr;
  uint32_t vocab_size_ = 0;
  uint64_t random_ = 1;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 6) {
    std::fprintf(stderr, "usage: prefix_objects MODEL [TYPE] [QUERIES [PREFIX [ROUNDS]]]\n");
    return 2;
  }
  const auto number = [&](int index, int otherwise) { return argc > index ? std::atoi(argv[index]) : otherwise; };
  const auto num_queries = static_cast<uint32_t>(number(3, 1000));
  const auto num_prefix_tokens = static_cast<uint32_t>(number(4, 2000));
  Host host(argv[1], argc > 2 ? argv[2] : "auto");
  std::printf("prefix object of %u tokens: made in %.2f s\n", num_prefix_tokens, host.MakePrefix(num_prefix_tokens));
  host.Query(2 * kNumAtOnce, false);  // first use of memory
  std::vector<double> with, without;
  for (int round = number(5, 3); round > 0; --round) {
    without.push_back(host.Query(num_queries, false));
    with.push_back(host.Query(num_queries, true));
    std::printf("%u queries of %u tokens: without %.2f s, behind the prefix %.2f s\n", num_queries, kQueryTokens,
                without.back(), with.back());
  }
  std::printf("ratio of the medians %.3f\n", Median(with) / Median(without));
  std::fflush(stdout);
  return 0;
}
