// The cost of snapshots of a stream, through the C ABI: snapshots MODEL [TYPE] [ROUNDS]. Prints one line a call: the
// first snapshot right after the load, and then the medians and the longest of a snapshot, a restore and an export of
// the state. The stream has read some tokens, and goes on by one between two rounds.
#include <algorithm>
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
using skein::bench::SecondsSince;

double MillisecondsSince(Clock::time_point start) { return 1e3 * SecondsSince(start); }

// A model with two streams. The process ends with it, so nothing is released.
class Host {
 public:
  Host(const char* path, const char* type) {
    skein_error error = {};
    skein_runtime runtime = nullptr;
    skein_options options = nullptr;
    Check(skein_runtime_create(nullptr, &runtime, &error), error);
    Check(skein_options_create(SKEIN_OPTIONS_MODEL, &options, &error), error);
    Check(skein_options_set_str(options, "type", type, &error), error);
    const Clock::time_point start = Clock::now();
    Check(skein_model_load(runtime, path, options, &model_, &error), error);
    std::printf("load %.0f ms\n", MillisecondsSince(start));
    Check(skein_stream_create(model_, nullptr, &stream_, &error), error);
    Check(skein_stream_create(model_, nullptr, &other_, &error), error);
    uint64_t num_floats = 0;
    Check(skein_stream_state(stream_, nullptr, 0, &num_floats, &error), error);
    state_.resize(num_floats);
  }

  void Read(uint32_t num_tokens) {
    const std::vector<skein_token> tokens(num_tokens, 1);
    skein_eval_item item = {};
    item.stream = stream_;
    item.tokens = tokens.data();
    item.num_tokens = num_tokens;
    skein_error error = {};
    Check(skein_eval(model_, &item, sizeof(item), 1, &error), error);
  }

  double Snapshot() {
    skein_error error = {};
    uint64_t size = 0;
    Check(skein_stream_snapshot(stream_, nullptr, 0, &size, &error), error);
    bytes_.resize(size);  // the host's memory: what its first touch costs is not the library's
    const Clock::time_point start = Clock::now();
    Check(skein_stream_snapshot(stream_, bytes_.data(), bytes_.size(), &size, &error), error);
    return MillisecondsSince(start);
  }

  double Restore() {
    skein_error error = {};
    const Clock::time_point start = Clock::now();
    Check(skein_stream_restore(other_, bytes_.data(), bytes_.size(), &error), error);
    return MillisecondsSince(start);
  }

  double Export() {
    skein_error error = {};
    uint64_t count = 0;
    const Clock::time_point start = Clock::now();
    Check(skein_stream_state(stream_, state_.data(), state_.size(), &count, &error), error);
    return MillisecondsSince(start);
  }

  uint64_t num_bytes() const { return bytes_.size(); }

 private:
  skein_model model_ = nullptr;
  skein_stream stream_ = nullptr, other_ = nullptr;
  std::vector<uint8_t> bytes_;
  std::vector<float> state_;
};

void Print(const char* what, std::vector<double> times) {
  std::sort(times.begin(), times.end());
  std::printf("%-9s min %.2f p50 %.2f max %.2f ms\n", what, times[0], times[times.size() / 2], times.back());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 4) {
    std::fprintf(stderr, "usage: snapshots MODEL [TYPE] [ROUNDS]\n");
    return 2;
  }
  Host host(argv[1], argc > 2 ? argv[2] : "auto");
  const int rounds = argc > 3 ? std::atoi(argv[3]) : 50;
  host.Read(64);
  std::printf("first snapshot %.2f ms\n", host.Snapshot());
  std::printf("first restore %.2f ms\n", host.Restore());
  std::vector<double> snapshots, restores, exports;
  for (int round = 0; round < rounds; ++round) {
    host.Read(1);
    snapshots.push_back(host.Snapshot());
    restores.push_back(host.Restore());
    exports.push_back(host.Export());
  }
  std::printf("%llu bytes, %d rounds\n", static_cast<unsigned long long>(host.num_bytes()), rounds);
  Print("snapshot", snapshots);
  Print("restore", restores);
  Print("state", exports);
  std::fflush(stdout);
  return 0;
}
