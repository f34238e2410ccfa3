// States that are parked and woken beside steps: parking. Prints the time between the tokens of streams that decode,
// while others come, read a short prompt and go to rest. In the first tables those are new, so that a state is parked
// for each of them: with a backend that begins exports, with one that does not, and with slots for all states, where
// none is parked. In the others they come back, and a state is woken for each of them too: with a backend that begins
// imports, and with one that does not.
//
// The device is one of the late backend. Steps, exports and imports last as long there as the table's head says,
// whatever the machine does, so the ratios are those of the engine.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "skein/skein.h"
#include "tests/bench/check.h"
#include "tests/bench/times.h"
#include "tests/support/late_backend/late_backend.h"

namespace {

using skein::bench::Check;
using skein::bench::Clock;
using skein::bench::Quantile;
using skein::bench::SecondsSince;

constexpr uint32_t kLayers = 8;
constexpr uint32_t kLayerMicroseconds = 500;
constexpr uint32_t kMoveMicroseconds[] = {1000, 4000};
constexpr char kModel[] = "synthetic:C=64,L=8,F=64,N=64,V=300";
constexpr uint32_t kNumDecoding = 4;
constexpr uint32_t kFewSlots = 40;
constexpr uint32_t kManySlots = 1000;
constexpr uint32_t kNumVisits = 200;  // streams that come and rest
constexpr uint64_t kVisitor = 1000;   // user data of their requests

void Set(skein_options options, const char* key, int64_t value) {
  skein_error error = {};
  Check(skein_options_set_i64(options, key, value, &error), error);
}

class Host {
 public:
  explicit Host(uint32_t num_slots) {
    skein_error error = {};
    Check(skein_runtime_create(nullptr, &runtime_, &error), error);
    Check(skein_runtime_load_plugin(runtime_, SKEIN_LATE_BACKEND, &error), error);
    // A layer of RWKV-7 of this width: two rows, and a matrix of 64 x 64.
    const uint64_t state_bytes = kLayers * (2 * 64 + 64 * 64) * sizeof(float);
    skein_options options = nullptr;
    Check(skein_options_create(SKEIN_OPTIONS_MODEL, &options, &error), error);
    Check(skein_options_set_str(options, "device", "late:0", &error), error);
    Check(skein_options_set_str(options, "state_memory", std::to_string(num_slots * state_bytes).c_str(), &error),
          error);
    Set(options, "max_batch_streams", 8);
    Set(options, "max_batch_tokens", 48);
    Set(options, "prefix_cache", 0);
    Check(skein_model_load(runtime_, kModel, options, &model_, &error), error);
    skein_options_release(options, nullptr);
    Check(skein_queue_create(runtime_, nullptr, &queue_, &error), error);
  }
  ~Host() {
    for (skein_request request : requests_) skein_request_release(request, nullptr);
    for (skein_stream stream : streams_) skein_stream_release(stream, nullptr);
    skein_queue_release(queue_, nullptr);
    skein_model_release(model_, nullptr);
    skein_runtime_release(runtime_, nullptr);
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // The gaps between tokens of the streams that decode, and the times of visits, both in microseconds.
  struct Times {
    std::vector<double> gaps;
    std::vector<double> visits;
  };

  // Visitors come one after the other. `come_back`: those that are measured have been there before.
  Times Run(bool come_back) {
    for (uint32_t i = 0; i < kNumDecoding; ++i) Submit(NewStream(), i, 1, 1'000'000);
    std::vector<skein_stream> visitors;
    for (uint32_t i = 0; i < kNumVisits; ++i) visitors.push_back(NewStream());
    if (come_back) {
      for (uint32_t i = 0; i < kNumVisits; ++i) Visit(visitors[i], i);
      times_ = {};
    }
    for (uint32_t i = 0; i < kNumVisits; ++i) Visit(visitors[i], i);
    for (uint32_t i = 0; i < kNumDecoding; ++i) skein_request_cancel(requests_[i], nullptr);
    while (num_ended_ < requests_.size()) TakeEvents();
    return times_;
  }

 private:
  void Visit(skein_stream stream, uint32_t number) {
    const Clock::time_point begin = Clock::now();
    Submit(stream, kVisitor + number, 8, 2);
    while (!TakeEvents()) {
    }
    times_.visits.push_back(1e6 * SecondsSince(begin));
  }

  skein_stream NewStream() {
    skein_error error = {};
    streams_.push_back(nullptr);
    Check(skein_stream_create(model_, nullptr, &streams_.back(), &error), error);
    return streams_.back();
  }

  void Submit(skein_stream stream, uint64_t user_data, uint32_t prompt_tokens, uint32_t max_tokens) {
    skein_error error = {};
    requests_.push_back(nullptr);
    Check(skein_request_create(stream, &requests_.back(), &error), error);
    const std::vector<uint32_t> prompt(prompt_tokens, 7);
    Check(skein_request_set_prompt_tokens(requests_.back(), prompt.data(), prompt.size(), &error), error);
    skein_options options = nullptr;
    Check(skein_options_create(SKEIN_OPTIONS_REQUEST, &options, &error), error);
    Set(options, "max_tokens", max_tokens);
    Set(options, "stop_at_end", 0);
    Check(skein_request_set_options(requests_.back(), options, &error), error);
    skein_options_release(options, nullptr);
    Check(skein_request_set_user_data(requests_.back(), user_data, &error), error);
    Check(skein_queue_submit(queue_, &requests_.back(), 1, &error), error);
  }

  // Whether a visitor's request has ended.
  bool TakeEvents() {
    std::vector<skein_event> events(256);
    std::string text(1 << 16, '\0');
    skein_error error = {};
    uint32_t ready = 0, count = 0;
    uint64_t text_bytes = 0;
    Check(skein_queue_wait(queue_, -1, &ready, &error), error);
    Check(skein_queue_poll(queue_, events.data(), sizeof(skein_event), 256, text.data(), text.size(), &count,
                           &text_bytes, &error),
          error);
    const Clock::time_point now = Clock::now();
    bool has_visitor = false;
    for (uint32_t i = 0; i < count; ++i) {
      const bool is_token = events[i].kind == SKEIN_EVENT_TOKEN;
      num_ended_ += is_token ? 0 : 1;
      if (events[i].user_data >= kVisitor) has_visitor |= !is_token;
      if (!is_token || events[i].user_data != 0) continue;
      if (last_token_ != Clock::time_point()) {
        times_.gaps.push_back(std::chrono::duration<double, std::micro>(now - last_token_).count());
      }
      last_token_ = now;
    }
    return has_visitor;
  }

  skein_runtime runtime_ = nullptr;
  skein_model model_ = nullptr;
  skein_queue queue_ = nullptr;
  std::vector<skein_stream> streams_;
  std::vector<skein_request> requests_;
  Times times_;
  Clock::time_point last_token_;
  uint32_t num_ended_ = 0;
};

double Mean(const std::vector<double>& times) {
  double sum = 0;
  for (const double time : times) sum += time;
  return sum / static_cast<double>(times.size());
}

// One table: its streams come back or are new.
class Table {
 public:
  Table(const skein::late::Command& late, const skein::late::Offer& offer, bool come_back)
      : late_(late), come_back_(come_back) {
    std::printf("A step: %u us; an export: %u us; an import: %u us; %u streams decode, %u come%s and rest.\n",
                kLayers * kLayerMicroseconds, offer.export_us, offer.import_us, kNumDecoding, kNumVisits,
                come_back ? " back" : "");
    std::printf("%-34s %7s %7s %7s %7s %10s %10s %10s %7s %10s\n", "us between tokens", "exports", "at once", "imports",
                "at once", "mean", "median", "99 %", "ratio", "a visit");
    late_.Declare(offer);
    base_ = Mean(Host(kManySlots).Run(come_back_).gaps);
  }

  void Print(const char* name, const skein::late::Offer& offer, uint32_t num_slots) const {
    late_.Declare(offer);
    const skein::late::Counts before = late_.counts();
    const Host::Times times = Host(num_slots).Run(come_back_);
    const skein::late::Counts after = late_.counts();
    const auto grown = [&](uint64_t skein::late::Counts::*count) {
      return static_cast<unsigned long long>(after.*count - before.*count);
    };
    const double mean = Mean(times.gaps);
    std::printf("%-34s %7llu %7llu %7llu %7llu %10.0f %10.0f %10.0f %7.2f %10.0f\n", name,
                grown(&skein::late::Counts::num_exports_begun), grown(&skein::late::Counts::num_exports_at_once),
                grown(&skein::late::Counts::num_imports_begun), grown(&skein::late::Counts::num_imports_at_once), mean,
                Quantile(times.gaps, 0.5), Quantile(times.gaps, 0.99), mean / base_, Mean(times.visits));
  }

 private:
  const skein::late::Command& late_;
  const bool come_back_;
  double base_ = 0;
};

}  // namespace

int main() {
  const skein::late::Command late(SKEIN_LATE_BACKEND);
  for (const uint32_t move_us : kMoveMicroseconds) {
    const skein::late::Offer both = {.layer_us = kLayerMicroseconds, .export_us = move_us, .import_us = move_us};
    skein::late::Offer exports = both, neither = both;
    exports.begins_imports = neither.begins_imports = neither.begins_exports = false;
    const Table parking(late, both, false);
    parking.Print("slots for all", both, kManySlots);
    parking.Print("exports beside steps", both, kFewSlots);
    parking.Print("exports between steps", neither, kFewSlots);
    const Table waking(late, both, true);
    waking.Print("slots for all", both, kManySlots);
    waking.Print("exports and imports beside steps", both, kFewSlots);
    waking.Print("exports beside, imports between", exports, kFewSlots);
    waking.Print("exports and imports between steps", neither, kFewSlots);
  }
  return 0;
}
