// A model under more load than it can serve: overload MODEL [SECONDS] [DEVICE] [FACTOR]. MODEL may be made up
// ("synthetic:C=256,L=4,F=1024,N=64,V=1000"). First it measures the rate that the model sustains, by a closed loop of
// streams. Then requests with deadlines arrive at FACTOR (10) times that rate for SECONDS (60), from two tenants at
// 1:9, by the steady clock of their times of arrival. The host sleeps between them, so that it leaves the processors to
// the model. Prints what became of the requests, and exits with 1 if an aim is missed: of those admitted at least 99 %
// in time, refusals within 10 ms, equal service within 5 %, no growth of memory.
//
// A refusal can be slow because the library waits, or because the system takes the processor away from the host's
// thread. The thread's counts of switches tell the two apart: it gives its processor up when it waits for a lock.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "skein/skein.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr uint32_t kStreamsOfTenant = 256;
constexpr uint32_t kPromptTokens = 48;
constexpr int64_t kAnswerTokens = 16;
constexpr int kNumTenants = 2;
const char* const kTenants[kNumTenants] = {"one", "nine"};
constexpr double kShares[kNumTenants] = {0.1, 0.9};

void Check(skein_status status, const skein_error& error) {
  if (status == SKEIN_OK) return;
  std::fprintf(stderr, "overload: %s: %s\n", skein_status_name(status), error.message);
  std::exit(2);
}
#define CALL(function, ...)                                \
  do {                                                     \
    skein_error call_error = {};                           \
    Check(function(__VA_ARGS__, &call_error), call_error); \
  } while (false)

double Milliseconds(Clock::duration time) { return std::chrono::duration<double, std::milli>(time).count(); }

uint64_t ResidentBytes() {
  uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;
  return pages * 4096;
}

// How often the calling thread gave its processor up, and how often the system took it away.
struct Switches {
  int64_t given = 0;
  int64_t taken = 0;

  static Switches Now() {
    rusage usage = {};
    getrusage(RUSAGE_THREAD, &usage);
    return {usage.ru_nvcsw, usage.ru_nivcsw};
  }
};

struct Refusal {
  double ms = 0;
  bool has_waited = false;       // the call slept
  bool was_interrupted = false;  // others had its processor meanwhile
};

// The outcome of one tenant's requests.
struct Outcome {
  uint64_t num_offered = 0;
  uint64_t num_without_stream = 0;  // all streams of the tenant were busy
  uint64_t num_refused = 0;
  uint64_t num_admitted = 0;
  uint64_t num_in_time = 0;
  uint64_t num_late = 0;
  uint64_t num_tokens = 0;     // read and drawn
  double longest_wait_ms = 0;  // of an admitted request, for its first step
};

// A stream, and the request that runs on it.
struct Seat {
  int tenant = 0;
  skein_stream stream = nullptr;
  skein_request request = nullptr;
};

class Load {
 public:
  Load(const char* path, const char* device) {
    skein_options options = nullptr;
    CALL(skein_runtime_create, nullptr, &runtime_);
    CALL(skein_options_create, SKEIN_OPTIONS_MODEL, &options);
    CALL(skein_options_set_str, options, "device", device);
    CALL(skein_options_set_i64, options, "max_batch_streams", kNumTenants * kStreamsOfTenant);
    CALL(skein_options_set_i64, options, "prefix_cache", 0);
    CALL(skein_model_load, runtime_, path, options, &model_);
    CALL(skein_options_release, options);
    CALL(skein_queue_create, runtime_, nullptr, &queue_);
    skein_model_info info = {};
    info.struct_size = sizeof(info);
    CALL(skein_model_get_info, model_, &info);
    for (uint32_t i = 0; i < kPromptTokens; ++i) prompt_.push_back(1 + i * 7 % (info.vocab_size - 1));
    for (int tenant = 0; tenant < kNumTenants; ++tenant) MakeSeats(tenant);
  }

  // The requests that end in a second, with a stream for each.
  double MeasureRate(double seconds) {
    CALL(skein_options_create, SKEIN_OPTIONS_REQUEST, &request_options_);
    SetRequestOptions(0, 0);
    for (int tenant = 0; tenant < kNumTenants; ++tenant) {
      while (free_[tenant].size() > kStreamsOfTenant - 32) Offer(tenant);
    }
    Drain(0.5);
    const Clock::time_point begin = Clock::now();
    uint64_t num_ended = 0;
    const auto until = begin + std::chrono::duration<double>(seconds);
    while (Clock::now() < until) {
      for (const int tenant : TakeEvents(10)) {
        ++num_ended;
        Offer(tenant);
      }
    }
    const double rate = static_cast<double>(num_ended) / (Milliseconds(Clock::now() - begin) / 1000);
    WaitForAll();
    outcomes_[0] = outcomes_[1] = Outcome();
    return rate;
  }

  // Requests at `rate` a second for `seconds`, with deadlines.
  void Run(double rate, double seconds, int64_t first_token_ms, int64_t deadline_ms) {
    SetRequestOptions(first_token_ms, deadline_ms);
    std::mt19937_64 random(1);
    refusals_.reserve(static_cast<size_t>(rate * seconds * 1.1));
    const Clock::time_point begin = Clock::now();
    std::exponential_distribution<double> gap(rate);
    double next = gap(random);
    while (next < seconds) {
      TakeEventsUntil(begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(next)));
      Offer(std::bernoulli_distribution(kShares[1])(random) ? 1 : 0);
      next += gap(random);
    }
    WaitForAll();
  }

  const Outcome& outcome(int tenant) const { return outcomes_[tenant]; }
  const std::vector<Refusal>& refusals() const { return refusals_; }

 private:
  void MakeSeats(int tenant) {
    skein_options options = nullptr;
    CALL(skein_options_create, SKEIN_OPTIONS_STREAM, &options);
    CALL(skein_options_set_str, options, "tenant", kTenants[tenant]);
    for (uint32_t i = 0; i < kStreamsOfTenant; ++i) {
      Seat seat = {.tenant = tenant};
      CALL(skein_stream_create, model_, options, &seat.stream);
      free_[tenant].push_back(seats_.size());
      seats_.push_back(seat);
    }
    CALL(skein_options_release, options);
  }

  void SetRequestOptions(int64_t first_token_ms, int64_t deadline_ms) {
    CALL(skein_options_set_i64, request_options_, "max_tokens", kAnswerTokens);
    CALL(skein_options_set_i64, request_options_, "stop_at_end", 0);
    CALL(skein_options_set_f64, request_options_, "temperature", 0);
    CALL(skein_options_set_i64, request_options_, "first_token_ms", first_token_ms);
    CALL(skein_options_set_i64, request_options_, "deadline_ms", deadline_ms);
  }

  // A request of the tenant arrives.
  void Offer(int tenant) {
    Outcome& outcome = outcomes_[tenant];
    ++outcome.num_offered;
    if (free_[tenant].empty()) {
      ++outcome.num_without_stream;
      return;
    }
    const size_t index = free_[tenant].back();
    Seat& seat = seats_[index];
    CALL(skein_request_create, seat.stream, &seat.request);
    CALL(skein_request_set_prompt_tokens, seat.request, prompt_.data(), prompt_.size());
    CALL(skein_request_set_options, seat.request, request_options_);
    CALL(skein_request_set_user_data, seat.request, index);
    skein_error error = {};
    const Switches before = Switches::Now();
    const Clock::time_point begin = Clock::now();
    const skein_status status = skein_queue_submit(queue_, &seat.request, 1, &error);
    const double ms = Milliseconds(Clock::now() - begin);
    const Switches after = Switches::Now();
    if (status == SKEIN_OK) {
      ++outcome.num_admitted;
      ++num_open_;
      free_[tenant].pop_back();
      return;
    }
    if (status != SKEIN_RESOURCE_EXHAUSTED) Check(status, error);
    ++outcome.num_refused;
    refusals_.push_back({ms, after.given > before.given, after.taken > before.taken});
    CALL(skein_request_release, seat.request);
  }

  // Takes the events that come within `timeout_ms`, and gives the tenants whose requests ended.
  std::vector<int> TakeEvents(int64_t timeout_ms) {
    std::vector<int> ended;
    uint32_t ready = 0;
    CALL(skein_queue_wait, queue_, timeout_ms, &ready);
    if (ready == 0) return ended;
    skein_event events[256];
    uint32_t count = 0;
    uint64_t text_bytes = 0;
    CALL(skein_queue_poll, queue_, events, sizeof(events[0]), 256, text_.data(), text_.size(), &count, &text_bytes);
    for (uint32_t i = 0; i < count; ++i) {
      if (events[i].kind != SKEIN_EVENT_TOKEN) ended.push_back(End(events[i]));
    }
    return ended;
  }

  // Waits until `due`. A wait for events counts in whole milliseconds, so the thread sleeps through the rest.
  void TakeEventsUntil(Clock::time_point due) {
    while (true) {
      const auto left_ms = std::chrono::floor<std::chrono::milliseconds>(due - Clock::now()).count();
      TakeEvents(std::max<int64_t>(0, left_ms));
      if (left_ms <= 0) break;
    }
    std::this_thread::sleep_until(due);
  }

  int End(const skein_event& event) {
    Seat& seat = seats_[event.user_data];
    Outcome& outcome = outcomes_[seat.tenant];
    if (event.kind == SKEIN_EVENT_DONE) {
      ++outcome.num_in_time;
    } else if (event.status == SKEIN_DEADLINE_EXCEEDED) {
      ++outcome.num_late;
    } else {
      std::fprintf(stderr, "overload: a request ended with %s\n", skein_status_name(event.status));
      std::exit(2);
    }
    outcome.num_tokens += event.num_prompt_tokens + event.num_tokens;
    outcome.longest_wait_ms = std::max(outcome.longest_wait_ms, static_cast<double>(event.queue_us) / 1000);
    CALL(skein_request_release, seat.request);
    CALL(skein_stream_reset, seat.stream);
    free_[seat.tenant].push_back(event.user_data);
    --num_open_;
    return seat.tenant;
  }

  void Drain(double seconds) {
    const auto until = Clock::now() + std::chrono::duration<double>(seconds);
    while (Clock::now() < until) {
      for (const int tenant : TakeEvents(10)) Offer(tenant);
    }
  }
  void WaitForAll() {
    while (num_open_ > 0) TakeEvents(1000);
  }

  skein_runtime runtime_ = nullptr;
  skein_model model_ = nullptr;
  skein_queue queue_ = nullptr;
  skein_options request_options_ = nullptr;
  std::vector<skein_token> prompt_;
  std::vector<char> text_ = std::vector<char>(1 << 20);
  std::vector<Seat> seats_;
  std::vector<size_t> free_[kNumTenants];
  uint64_t num_open_ = 0;
  Outcome outcomes_[kNumTenants];
  std::vector<Refusal> refusals_;
};

void Print(int tenant, const Outcome& outcome) {
  std::printf(
      "%-6s offered %7llu  admitted %6llu  in time %6llu  late %4llu  refused %7llu  no stream %5llu  "
      "longest wait %6.0f ms\n",
      kTenants[tenant], static_cast<unsigned long long>(outcome.num_offered),
      static_cast<unsigned long long>(outcome.num_admitted), static_cast<unsigned long long>(outcome.num_in_time),
      static_cast<unsigned long long>(outcome.num_late), static_cast<unsigned long long>(outcome.num_refused),
      static_cast<unsigned long long>(outcome.num_without_stream), outcome.longest_wait_ms);
}

// Prints the times of the refusals, and gives the longest in milliseconds.
double PrintRefusals(std::vector<Refusal> refusals) {
  if (refusals.empty()) return 0;
  std::sort(refusals.begin(), refusals.end(), [](const Refusal& a, const Refusal& b) { return a.ms < b.ms; });
  const auto quantile = [&refusals](double part) {
    return refusals[static_cast<size_t>(part * static_cast<double>(refusals.size() - 1))].ms;
  };
  const auto waited = std::count_if(refusals.begin(), refusals.end(), [](const Refusal& r) { return r.has_waited; });
  const auto undisturbed =
      std::find_if(refusals.rbegin(), refusals.rend(), [](const Refusal& r) { return !r.was_interrupted; });
  std::printf(
      "refusals, in ms: p50 %.3f  p99 %.3f  p99.9 %.3f  longest %.3f  longest without a switch by the system "
      "%.3f; %lld of %zu waited for a lock\n",
      quantile(0.5), quantile(0.99), quantile(0.999), quantile(1),
      undisturbed == refusals.rend() ? 0.0 : undisturbed->ms, static_cast<long long>(waited), refusals.size());
  return quantile(1);
}

// Says whether an aim is reached, and notes it if it is not.
bool all_reached = true;
void Aim(const char* what, bool is_reached, double found) {
  std::printf("%-48s %10.3f  %s\n", what, found, is_reached ? "reached" : "MISSED");
  all_reached = all_reached && is_reached;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: overload MODEL [SECONDS] [DEVICE] [FACTOR]\n");
    return 2;
  }
  const double seconds = argc > 2 ? std::atof(argv[2]) : 60;
  const double factor = argc > 4 ? std::atof(argv[4]) : 10;
  Load load(argv[1], argc > 3 ? argv[3] : "");
  const double rate = load.MeasureRate(std::clamp(seconds / 5, 1.0, 5.0));
  std::printf("sustained: %.1f requests a second, of %u tokens read and %lld drawn\n", rate, kPromptTokens,
              static_cast<long long>(kAnswerTokens));
  const uint64_t before = ResidentBytes();
  load.Run(factor * rate, seconds, 1000, 3000);
  const uint64_t after = ResidentBytes();
  for (int tenant = 0; tenant < kNumTenants; ++tenant) Print(tenant, load.outcome(tenant));
  const double slowest = PrintRefusals(load.refusals());

  const Outcome& one = load.outcome(0);
  const Outcome& nine = load.outcome(1);
  const double num_admitted = static_cast<double>(one.num_admitted + nine.num_admitted);
  Aim("admitted requests that were in time",
      num_admitted > 0 && (one.num_in_time + nine.num_in_time) >= 0.99 * num_admitted,
      static_cast<double>(one.num_in_time + nine.num_in_time) / num_admitted);
  Aim("slowest refusal, in ms, at most 10", slowest <= 10, slowest);
  const double service = static_cast<double>(one.num_tokens) / static_cast<double>(nine.num_tokens);
  Aim("service of the first tenant by the second's, 5 %", service >= 0.95 && service <= 1.05, service);
  const double growth = (static_cast<double>(after) - static_cast<double>(before)) / 1048576;
  Aim("growth of memory, in MiB, at most 32", growth <= 32, growth);
  Aim("requests a second, admitted, by those sustained", true, num_admitted / seconds / rate);
  return all_reached ? 0 : 1;
}
