// Steps in flight: pipeline. Prints two tables of tokens a second: layers split over two devices against all of them on
// one, and one device that feeds the tokens that it draws against the same without.
//
// The devices are those of the late backend. A step lasts as long there as the table's head says, whatever the machine
// does, so the ratio is that of the engine. One device of the same speed is never idle between the parts of a prompt,
// so it is what two devices without a pipeline come to at best.
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <string>
#include <vector>

#include "skein/skein.h"
#include "tests/bench/check.h"
#include "tests/bench/times.h"
#include "tests/support/late_backend/late_backend.h"

namespace {

using skein::bench::Check;
using skein::bench::Clock;
using skein::bench::SecondsSince;

constexpr uint32_t kLayerMicroseconds = 1500;
constexpr uint32_t kLayerRowMicroseconds = 100;
constexpr uint32_t kShortLayerMicroseconds = 250;
constexpr char kModel[] = "synthetic:C=64,L=8,F=64,N=64,V=300";
constexpr char kOne[] = "late:0";
constexpr char kTwo[] = "late:0=0-3,late:1=4-7";

skein_options NewOptions(uint32_t kind) {
  skein_options options = nullptr;
  skein_error error = {};
  Check(skein_options_create(kind, &options, &error), error);
  return options;
}

void Set(skein_options options, const char* key, int64_t value) {
  skein_error error = {};
  Check(skein_options_set_i64(options, key, value, &error), error);
}

struct Load {
  const char* name;
  uint32_t num_streams;
  uint32_t prompt_tokens;
  uint32_t max_tokens;
  uint32_t prompt_beside = 0;  // one more stream, which only reads
};

// A model on the devices of a runtime, and requests on it.
class Host {
 public:
  explicit Host(const char* device) {
    skein_error error = {};
    Check(skein_runtime_create(nullptr, &runtime_, &error), error);
    Check(skein_runtime_load_plugin(runtime_, SKEIN_LATE_BACKEND, &error), error);
    skein_options options = NewOptions(SKEIN_OPTIONS_MODEL);
    Check(skein_options_set_str(options, "device", device, &error), error);
    Set(options, "max_batch_streams", 32);
    Set(options, "max_batch_tokens", 48);
    Set(options, "prefix_cache", 0);  // the prompts are alike
    Check(skein_model_load(runtime_, kModel, options, &model_, &error), error);
    skein_options_release(options, nullptr);
    Check(skein_queue_create(runtime_, nullptr, &queue_, &error), error);
  }
  ~Host() {
    skein_queue_release(queue_, nullptr);
    skein_model_release(model_, nullptr);
    skein_runtime_release(runtime_, nullptr);
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // Tokens a second, prompts and generated ones together.
  double Run(const Load& load) {
    std::vector<skein_request> requests;
    std::vector<skein_stream> streams;
    const auto add = [&](uint32_t prompt_tokens, uint32_t max_tokens) {
      streams.push_back(nullptr);
      requests.push_back(NewRequest(streams.back(), prompt_tokens, max_tokens));
    };
    for (uint32_t i = 0; i < load.num_streams; ++i) add(load.prompt_tokens, load.max_tokens);
    if (load.prompt_beside > 0) add(load.prompt_beside, 1);
    const auto count = static_cast<uint32_t>(requests.size());
    const Clock::time_point begin = Clock::now();
    skein_error error = {};
    Check(skein_queue_submit(queue_, requests.data(), count, &error), error);
    WaitForEnds(count);
    const double seconds = SecondsSince(begin);
    for (skein_request request : requests) skein_request_release(request, nullptr);
    for (skein_stream stream : streams) skein_stream_release(stream, nullptr);
    return (load.num_streams * (load.prompt_tokens + load.max_tokens) + load.prompt_beside) / seconds;
  }

 private:
  skein_request NewRequest(skein_stream& stream, uint32_t prompt_tokens, uint32_t max_tokens) const {
    skein_error error = {};
    skein_request request = nullptr;
    Check(skein_stream_create(model_, nullptr, &stream, &error), error);
    Check(skein_request_create(stream, &request, &error), error);
    const std::vector<uint32_t> prompt(prompt_tokens, 7);
    Check(skein_request_set_prompt_tokens(request, prompt.data(), prompt.size(), &error), error);
    skein_options options = NewOptions(SKEIN_OPTIONS_REQUEST);
    Set(options, "max_tokens", max_tokens);
    Set(options, "stop_at_end", 0);
    Check(skein_request_set_options(request, options, &error), error);
    skein_options_release(options, nullptr);
    return request;
  }

  void WaitForEnds(uint32_t count) const {
    std::vector<skein_event> events(256);
    std::string text(1 << 16, '\0');
    for (uint32_t num_ended = 0; num_ended < count;) {
      skein_error error = {};
      uint32_t ready = 0;
      Check(skein_queue_wait(queue_, -1, &ready, &error), error);
      uint32_t num_events = 0;
      uint64_t text_bytes = 0;
      Check(skein_queue_poll(queue_, events.data(), sizeof(skein_event), 256, text.data(), text.size(), &num_events,
                             &text_bytes, &error),
            error);
      for (uint32_t i = 0; i < num_events; ++i) num_ended += events[i].kind == SKEIN_EVENT_TOKEN ? 0 : 1;
    }
  }

  skein_runtime runtime_ = nullptr;
  skein_model model_ = nullptr;
  skein_queue queue_ = nullptr;
};

constexpr Load kLoads[] = {
    {"one prompt of 960 tokens", 1, 960, 1},
    {"four prompts of 480 tokens", 4, 480, 1},
    {"2 streams that decode", 2, 1, 48},
    {"8 streams that decode", 8, 1, 48},
    {"16 streams that decode", 16, 1, 48},
    {"9 prompts of 120, then 48 tokens", 9, 120, 48},
    {"a prompt beside 8 that decode", 8, 1, 48, 384},
};

constexpr Load kDecodes[] = {
    {"1 stream that decodes", 1, 1, 200},
    {"8 streams that decode", 8, 1, 200},
    {"15 streams that decode", 15, 1, 200},
};

void Compare(const char* first, Host& one, const char* second, Host& other, const Load* loads, size_t num_loads) {
  std::printf("%-32s %12s %12s %8s\n", "tokens/s", first, second, "ratio");
  for (size_t i = 0; i < num_loads; ++i) {
    const double before = one.Run(loads[i]);
    const double after = other.Run(loads[i]);
    std::printf("%-32s %12.1f %12.1f %8.2f\n", loads[i].name, before, after, after / before);
  }
}

}  // namespace

int main() {
  const skein::late::Command late(SKEIN_LATE_BACKEND);
  skein::late::Offer offer = {.layer_us = kLayerMicroseconds, .layer_row_us = kLayerRowMicroseconds};
  late.Declare(offer);
  std::printf("A step: %u us a layer, and %u us a layer and row.\n", kLayerMicroseconds, kLayerRowMicroseconds);
  {
    Host one(kOne);
    Host two(kTwo);
    Compare(kOne, one, "two devices", two, kLoads, std::size(kLoads));
  }
  offer.layer_us = kShortLayerMicroseconds;
  offer.layer_row_us = 0;
  late.Declare(offer);
  std::printf("A step: %u us a layer.\n", kShortLayerMicroseconds);
  Host with(kOne);
  offer.features &= ~SKEIN_FEATURE_FEED_DRAWN;
  late.Declare(offer);
  Host without(kOne);
  Compare("one by one", without, "feeds drawn", with, kDecodes, std::size(kDecodes));
  return 0;
}
