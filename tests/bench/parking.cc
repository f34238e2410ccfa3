// States that are parked beside steps: parking. Prints the time between the tokens of streams that decode, while others
// come, read a short prompt and go to rest, so that a state is parked for each of them: with a backend that begins
// exports, with one that does not, and with slots for all states, where none is parked.
//
// The device is one of the late backend. Steps and exports last as long there as the table's head says, whatever the
// machine does, so the ratios are those of the engine.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "skein/skein.h"
#include "tests/support/late_backend/late_backend.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr uint32_t kLayers = 8;
constexpr uint32_t kLayerMicroseconds = 500;
constexpr uint32_t kExportMicroseconds[] = {1000, 4000};
constexpr char kModel[] = "synthetic:C=64,L=8,F=64,N=64,V=300";
constexpr uint32_t kNumDecoding = 4;
constexpr uint32_t kFewSlots = 40;
constexpr uint32_t kManySlots = 1000;
constexpr uint32_t kNumVisits = 200;  // streams that come and rest
constexpr uint64_t kVisitor = 1000;   // user data of their requests

void Check(skein_status status, const skein_error& error) {
  if (status == SKEIN_OK) return;
  std::fprintf(stderr, "parking: %s\n", error.message);
  std::exit(1);
}

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

  // The gaps between tokens of the streams that decode, in microseconds, while visitors come one after the other.
  std::vector<double> Run() {
    for (uint32_t i = 0; i < kNumDecoding; ++i) Submit(i, 1, 1'000'000);
    for (uint32_t i = 0; i < kNumVisits; ++i) {
      Submit(kVisitor + i, 8, 2);
      while (!TakeEvents()) {
      }
    }
    for (uint32_t i = 0; i < kNumDecoding; ++i) skein_request_cancel(requests_[i], nullptr);
    while (num_ended_ < kNumDecoding + kNumVisits) TakeEvents();
    return gaps_;
  }

 private:
  void Submit(uint64_t user_data, uint32_t prompt_tokens, uint32_t max_tokens) {
    skein_error error = {};
    streams_.push_back(nullptr);
    requests_.push_back(nullptr);
    Check(skein_stream_create(model_, nullptr, &streams_.back(), &error), error);
    Check(skein_request_create(streams_.back(), &requests_.back(), &error), error);
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
        gaps_.push_back(std::chrono::duration<double, std::micro>(now - last_token_).count());
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
  std::vector<double> gaps_;
  Clock::time_point last_token_;
  uint32_t num_ended_ = 0;
};

double Mean(const std::vector<double>& gaps) {
  double sum = 0;
  for (const double gap : gaps) sum += gap;
  return sum / static_cast<double>(gaps.size());
}

double Part(std::vector<double> gaps, double part) {
  const auto at = gaps.begin() + static_cast<ptrdiff_t>(part * static_cast<double>(gaps.size() - 1));
  std::nth_element(gaps.begin(), at, gaps.end());
  return *at;
}

void Print(const char* name, const skein::late::Command& late, uint32_t num_slots, double base) {
  const skein::late::Counts before = late.counts();
  Host host(num_slots);
  const std::vector<double> gaps = host.Run();
  const skein::late::Counts after = late.counts();
  const double mean = Mean(gaps);
  std::printf("%-28s %8llu %8llu %10.0f %10.0f %10.0f %8.2f\n", name,
              static_cast<unsigned long long>(after.num_exports_begun - before.num_exports_begun),
              static_cast<unsigned long long>(after.num_exports_at_once - before.num_exports_at_once), mean,
              Part(gaps, 0.5), Part(gaps, 0.99), mean / base);
}

double MeanWithSlotsForAll() {
  Host host(kManySlots);
  return Mean(host.Run());
}

}  // namespace

int main() {
  const skein::late::Command late(SKEIN_LATE_BACKEND);
  for (const uint32_t export_us : kExportMicroseconds) {
    skein::late::Offer offer = {.layer_us = kLayerMicroseconds, .export_us = export_us};
    late.Declare(offer);
    std::printf("A step: %u us; an export: %u us; %u streams decode, %u come and rest.\n", kLayers * kLayerMicroseconds,
                export_us, kNumDecoding, kNumVisits);
    std::printf("%-28s %8s %8s %10s %10s %10s %8s\n", "us between tokens", "begun", "at once", "mean", "median", "99 %",
                "ratio");
    const double base = MeanWithSlotsForAll();
    Print("slots for all", late, kManySlots, base);
    Print("exports beside steps", late, kFewSlots, base);
    offer.begins_exports = false;
    late.Declare(offer);
    Print("exports between steps", late, kFewSlots, base);
  }
  return 0;
}
