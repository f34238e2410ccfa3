// Many conversations of which few run, through the C ABI: many_conversations MODEL [NUM] [FOLDER]. Opens NUM streams
// (10,000) that have each read a few tokens, with 64 MiB for states and the rest in FOLDER, and prints
//
// - how many states lie where, and what the process takes, after the load, with all streams open, and without them;
// - the time of an eval of one token on a stream at random, of those whose state was in a slot, in host memory and on
//   disk, which differ by the time since they ran;
// - what a fork of 32 costs.
//
// A wake is the time of the eval beyond that of a stream in a slot.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "skein/skein.h"
#include "tests/bench/check.h"
#include "tests/bench/times.h"

namespace {

using skein::bench::Check;
using skein::bench::Clock;
using skein::bench::Quantile;
using skein::bench::SecondsSince;

// Both together are 64 MiB.
constexpr uint64_t kSlotBytes = uint64_t{16} << 20;
constexpr uint64_t kHostBytes = uint64_t{48} << 20;
constexpr uint32_t kNumActive = 100;
constexpr uint32_t kNumEvals = 1000;
constexpr uint32_t kNumForks = 32;

double MicrosecondsSince(Clock::time_point start) { return 1e6 * SecondsSince(start); }

// Of the memory that no file backs.
double AnonymousMiB() {
  std::FILE* const file = std::fopen("/proc/self/smaps_rollup", "r");
  if (file == nullptr) return 0;
  char line[256];
  unsigned long kib = 0;
  while (std::fgets(line, sizeof(line), file) != nullptr) {
    if (std::sscanf(line, "Anonymous: %lu kB", &kib) == 1) break;
  }
  std::fclose(file);
  return static_cast<double>(kib) / 1024;
}

// A model with its streams.
class Conversations {
 public:
  Conversations(const char* path, const char* folder) {
    skein_error error = {};
    skein_options options = nullptr;
    Check(skein_runtime_create(nullptr, &runtime_, &error), error);
    Check(skein_options_create(SKEIN_OPTIONS_MODEL, &options, &error), error);
    Check(skein_options_set_str(options, "state_memory", std::to_string(kSlotBytes).c_str(), &error), error);
    Check(skein_options_set_str(options, "state_host_memory", std::to_string(kHostBytes).c_str(), &error), error);
    Check(skein_options_set_str(options, "state_folder", folder, &error), error);
    Check(skein_options_set_str(options, "state_disk", "64GiB", &error), error);
    Check(skein_options_set_i64(options, "calibrate", 0, &error), error);
    Check(skein_model_load(runtime_, path, options, &model_, &error), error);
    Check(skein_options_release(options, &error), error);
    skein_model_info info = {};
    info.struct_size = sizeof(info);
    Check(skein_model_get_info(model_, &info, &error), error);
    state_bytes_ = info.num_state_floats * sizeof(float);
  }

  ~Conversations() {
    skein_error error = {};
    Check(skein_model_release(model_, &error), error);
    Check(skein_runtime_release(runtime_, &error), error);
  }
  Conversations(const Conversations&) = delete;
  Conversations& operator=(const Conversations&) = delete;

  uint64_t state_bytes() const { return state_bytes_; }
  uint64_t num_slots() const { return kSlotBytes / state_bytes_; }
  uint64_t num_host() const { return kHostBytes / state_bytes_; }

  skein_stream Open() {
    skein_error error = {};
    skein_stream stream = nullptr;
    Check(skein_stream_create(model_, nullptr, &stream, &error), error);
    return stream;
  }

  // Microseconds of an eval of `num_tokens` on one stream.
  double Eval(skein_stream stream, uint32_t num_tokens) {
    static constexpr skein_token kTokens[4] = {1, 2, 3, 4};
    skein_eval_item item = {};
    item.stream = stream;
    item.tokens = kTokens;
    item.num_tokens = num_tokens;
    skein_error error = {};
    const Clock::time_point start = Clock::now();
    Check(skein_eval(model_, &item, sizeof(item), 1, &error), error);
    return MicrosecondsSince(start);
  }

  static void Release(skein_stream stream) {
    skein_error error = {};
    Check(skein_stream_release(stream, &error), error);
  }

  void PrintMemory(const char* when) {
    skein_error error = {};
    std::string text(1 << 16, '\0');
    uint64_t size = 0;
    Check(skein_runtime_metrics(runtime_, text.data(), text.size(), &size, &error), error);
    const auto count_of = [&text](const char* place) {
      const size_t at = text.find(std::string("place=\"") + place + "\"} ");
      return at == std::string::npos ? 0 : std::atol(text.c_str() + at + std::strlen(place) + 10);
    };
    std::printf("%-16s %8ld %12ld %8ld %14.1f\n", when, count_of("slot"), count_of("host_memory"), count_of("disk"),
                AnonymousMiB());
  }

 private:
  skein_runtime runtime_ = nullptr;
  skein_model model_ = nullptr;
  uint64_t state_bytes_ = 0;
};

void PrintTimes(const char* what, const std::vector<double>& us) {
  if (us.empty()) return;
  std::printf("%-24s %8zu %10.2f %10.2f %10.2f\n", what, us.size(), Quantile(us, 0.5) / 1000, Quantile(us, 0.99) / 1000,
              Quantile(us, 1) / 1000);
}

// Evals of one token. The streams that ran last are in slots, and those before them in host memory.
void MeasureWakes(Conversations& model, std::vector<skein_stream>& streams) {
  std::mt19937 random(1);
  std::vector<double> in_slot, in_host, on_disk, active;
  // `streams` are in the order of their last eval, the latest last.
  const auto run = [&](size_t age) {
    const size_t at = streams.size() - 1 - age;
    const double us = model.Eval(streams[at], 1);
    std::rotate(streams.begin() + static_cast<ptrdiff_t>(at), streams.begin() + static_cast<ptrdiff_t>(at) + 1,
                streams.end());
    return us;
  };
  const uint64_t host_age = model.num_slots() + model.num_host() / 2;
  for (uint32_t i = 0; i < kNumEvals; ++i) {
    in_slot.push_back(run(random() % 8));
    if (host_age < streams.size()) in_host.push_back(run(host_age));
    if (streams.size() > 2 * (model.num_slots() + model.num_host())) on_disk.push_back(run(streams.size() - 1));
  }
  for (uint32_t i = 0; i < kNumEvals; ++i) active.push_back(run(random() % kNumActive));
  std::printf("\n%-24s %8s %10s %10s %10s\n", "eval of one token, ms", "evals", "p50", "p99", "most");
  PrintTimes("state in a slot", in_slot);
  PrintTimes("state in host memory", in_host);
  PrintTimes("state on disk", on_disk);
  PrintTimes("one of 100 at random", active);
}

void MeasureForks(Conversations& model, skein_stream from) {
  std::vector<skein_stream> forks(kNumForks);
  skein_error error = {};
  const Clock::time_point start = Clock::now();
  for (skein_stream& fork : forks) Check(skein_stream_fork(from, &fork, &error), error);
  const double us = MicrosecondsSince(start);
  std::printf("\nforks: %u in %.1f us, %.2f us each\n", kNumForks, us, us / kNumForks);
  for (const skein_stream fork : forks) Conversations::Release(fork);
  model.Eval(from, 1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: many_conversations MODEL [NUM] [FOLDER]\n");
    return 2;
  }
  const auto num_streams = static_cast<size_t>(argc > 2 ? std::atol(argv[2]) : 10000);
  const std::string folder = argc > 3 ? argv[3] : "/tmp/many_conversations." + std::to_string(getpid());
  Conversations model(argv[1], folder.c_str());
  std::printf("state %.1f KiB, %lu slots, %lu in host memory\n\n", static_cast<double>(model.state_bytes()) / 1024,
              static_cast<unsigned long>(model.num_slots()), static_cast<unsigned long>(model.num_host()));
  std::printf("%-16s %8s %12s %8s %14s\n", "", "slots", "host memory", "disk", "process MiB");
  Conversations::Release([&] {  // what a first step takes is not counted
    const skein_stream first = model.Open();
    model.Eval(first, 4);
    return first;
  }());
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  model.PrintMemory("after the load");
  std::vector<skein_stream> streams;
  for (size_t i = 0; i < num_streams; ++i) {
    streams.push_back(model.Open());
    model.Eval(streams.back(), 4);
  }
  model.PrintMemory("all open");
  MeasureWakes(model, streams);
  MeasureForks(model, streams.back());
  for (const skein_stream stream : streams) Conversations::Release(stream);
  // The engine gives memory back once it has had nothing to do for a while.
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  std::printf("\n");
  model.PrintMemory("all released");
  return 0;
}
