// skein bench: tokens per second, and how much of the machine's memory bandwidth that is.
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "call_options.h"
#include "commands.h"
#include "output.h"
#include "session.h"
#include "table.h"

namespace skein::cli {
namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Bytes per second that `num_threads` threads read from memory together: the best of several passes over a buffer that
// is larger than the usual caches.
double MeasureReadBandwidth(uint32_t num_threads) {
  constexpr size_t kWords = (size_t{256} << 20) / sizeof(uint64_t);
  constexpr int kPasses = 5;
  // In huge pages where the system has them, as the backends' weights are: smaller ones cost bandwidth.
  constexpr size_t kHugePage = size_t{2} << 20;
  const std::unique_ptr<uint64_t, decltype(&std::free)> memory(
      static_cast<uint64_t*>(std::aligned_alloc(kHugePage, kWords * sizeof(uint64_t))), &std::free);
  if (memory == nullptr) throw Failure("bench: no memory for the bandwidth probe");
  madvise(memory.get(), kWords * sizeof(uint64_t), MADV_HUGEPAGE);
  const std::span<uint64_t> buffer(memory.get(), kWords);
  std::fill(buffer.begin(), buffer.end(), 1);
  std::vector<uint64_t> sums(num_threads);
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const Clock::time_point start = Clock::now();
    std::vector<std::thread> threads;
    for (uint32_t t = 0; t < num_threads; ++t) {
      threads.emplace_back([&, t] {
        uint64_t sum = 0;
        for (size_t i = kWords * t / num_threads; i < kWords * (t + 1) / num_threads; ++i) sum += buffer[i];
        sums[t] = sum;
      });
    }
    for (std::thread& thread : threads) thread.join();
    const double seconds = SecondsSince(start);
    uint64_t total = 0;
    for (const uint64_t sum : sums) total += sum;
    // Using the sum keeps the reads from being optimised away.
    if (total != kWords) throw Failure("bench: the bandwidth probe read wrong data");
    best = std::max(best, static_cast<double>(kWords * sizeof(uint64_t)) / seconds);
  }
  return best;
}

// Feeds `num_tokens` tokens to each of `streams` in one call, asking for each one's last logits. What the streams have
// read before does not matter for the time.
class Feeder {
 public:
  Feeder(skein_model model, std::span<const Stream> streams, uint64_t num_tokens, uint32_t vocab_size)
      : model_(model), tokens_(num_tokens), logits_(streams.size() * vocab_size), items_(streams.size()) {
    // Different tokens, for the cache lines of the embedding.
    for (uint64_t i = 0; i < num_tokens; ++i) tokens_[i] = static_cast<skein_token>(i * 7919 % vocab_size);
    for (size_t i = 0; i < streams.size(); ++i) {
      items_[i].stream = streams[i].get();
      items_[i].tokens = tokens_.data();
      items_[i].num_tokens = num_tokens;
      items_[i].output = logits_.data() + i * vocab_size;
      items_[i].output_capacity = vocab_size;
      items_[i].output_kind = SKEIN_OUTPUT_LAST_LOGITS;
    }
  }

  void Step() {
    Call(skein_eval, model_, static_cast<void*>(items_.data()), uint32_t{sizeof(skein_eval_item)},
         static_cast<uint32_t>(items_.size()));
  }

 private:
  const skein_model model_;
  std::vector<skein_token> tokens_;
  std::vector<float> logits_;
  std::vector<skein_eval_item> items_;
};

struct Result {
  std::string what;
  uint64_t num_streams;
  uint64_t num_tokens;  // per stream
  double tokens_per_second;
  // What a step reads and writes at least; none for prefill, which computes more than it reads.
  std::optional<double> bytes_per_second;
};

Result BenchPrefill(skein_model model, const skein_model_info& info, std::span<const Stream> streams,
                    uint64_t num_tokens) {
  constexpr int kRuns = 3;
  Feeder feeder(model, streams, num_tokens, info.vocab_size);
  feeder.Step();  // first use of memory and of kernels
  double best = 0;
  for (int run = 0; run < kRuns; ++run) {
    const Clock::time_point start = Clock::now();
    feeder.Step();
    best = std::max(best, static_cast<double>(num_tokens) / SecondsSince(start));
  }
  return {"prefill", 1, num_tokens, best, std::nullopt};
}

Result BenchDecode(skein_model model, const skein_model_info& info, std::span<const Stream> streams,
                   uint64_t num_tokens) {
  constexpr int kWarmUps = 3;
  const uint64_t num_streams = streams.size();
  Feeder feeder(model, streams, 1, info.vocab_size);
  for (int i = 0; i < kWarmUps; ++i) feeder.Step();
  const Clock::time_point start = Clock::now();
  for (uint64_t i = 0; i < num_tokens; ++i) feeder.Step();
  const double steps_per_second = static_cast<double>(num_tokens) / SecondsSince(start);

  // A step reads all weights once, but of the embedding only its streams' rows: its share of the bytes is taken to be
  // its share of the parameters. And it reads and writes every stream's state.
  const double embedding_share = static_cast<double>(info.vocab_size) * info.d_model /
                                 static_cast<double>(std::max<uint64_t>(info.num_parameters, 1));
  const double weights = static_cast<double>(info.weights_bytes) * (1 - std::min(1.0, embedding_share));
  const double states = 2.0 * sizeof(float) * static_cast<double>(info.num_state_floats * num_streams);
  return {"decode", num_streams, num_tokens, steps_per_second * static_cast<double>(num_streams),
          steps_per_second * (weights + states)};
}

// The bandwidth that the model's device could use at best, if it computes out of the host's memory; else nothing.
std::optional<double> HostBandwidth(skein_runtime runtime, const skein_model_info& info) {
  for (const skein_device_info& device : Devices(runtime)) {
    const bool in_host_memory =
        device.plugin_id == std::string_view("onednn") || device.plugin_id == std::string_view("reference");
    if (device.name == std::string_view(info.device) && in_host_memory) {
      return MeasureReadBandwidth(std::max<uint32_t>(device.threads, 1));
    }
  }
  return std::nullopt;
}

int Bench(const Arguments& arguments) {
  const uint64_t num_decode = arguments.Count("decode").value_or(64);
  const uint64_t num_prefill = arguments.Count("prefill").value_or(512);
  const uint64_t num_streams = arguments.Count("streams").value_or(8);
  const Session session(arguments);
  CallOptions options(SKEIN_OPTIONS_MODEL);
  options.Set("max_streams", static_cast<int64_t>(num_streams));
  const Model model = session.LoadModel(arguments, std::move(options));
  const skein_model_info info = ModelInfo(model.get());

  const std::optional<double> bandwidth = HostBandwidth(session.runtime(), info);
  std::vector<Stream> streams;
  for (uint64_t i = 0; i < num_streams; ++i) {
    streams.push_back(Make<Stream>(skein_stream_create, model.get(), nullptr));
  }
  const std::span<const Stream> all(streams);
  std::vector<Result> results = {BenchPrefill(model.get(), info, all.first(1), num_prefill),
                                 BenchDecode(model.get(), info, all.first(1), num_decode)};
  if (num_streams > 1) results.push_back(BenchDecode(model.get(), info, all, num_decode));

  Json list = Json::array();
  std::vector<std::vector<std::string>> rows = {{"TEST", "STREAMS", "TOKENS", "TOKENS/S", "GB/S", "% OF BANDWIDTH"}};
  for (const Result& result : results) {
    Json entry = {{"test", result.what},
                  {"streams", result.num_streams},
                  {"tokens", result.num_tokens},
                  {"tokens_per_second", result.tokens_per_second}};
    std::string gigabytes = "-";
    std::string percent = "-";
    if (result.bytes_per_second) {
      entry["bytes_per_second"] = *result.bytes_per_second;
      gigabytes = FormatNumber(*result.bytes_per_second / 1e9, 2);
      if (bandwidth) {
        entry["bandwidth_percent"] = 100 * *result.bytes_per_second / *bandwidth;
        percent = FormatNumber(100 * *result.bytes_per_second / *bandwidth, 1);
      }
    }
    list.push_back(std::move(entry));
    rows.push_back({result.what, std::to_string(result.num_streams), std::to_string(result.num_tokens),
                    FormatNumber(result.tokens_per_second, 1), gigabytes, percent});
  }
  if (arguments.Has("json")) {
    Json report = {{"model", info.name},
                   {"device", info.device},
                   {"type", info.type},
                   {"num_parameters", info.num_parameters},
                   {"weights_bytes", info.weights_bytes},
                   {"results", std::move(list)}};
    if (bandwidth) report["read_bandwidth_bytes_per_second"] = *bandwidth;
    DataWriter().Write(report.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    return 0;
  }
  DataWriter().Write(FormatTable(rows));
  Note("skein: " + std::string(info.device) + ", " + info.type + ", weights " + FormatBytes(info.weights_bytes) +
       (bandwidth ? "; memory is read at " + FormatNumber(*bandwidth / 1e9, 2) +
                        " GB/s (a model that fits into the caches may exceed that)"
                  : "; the bandwidth of this device's memory is not measured"));
  return 0;
}

}  // namespace

Command BenchCommand() {
  return {
      .name = "bench",
      .synopsis = "-m MODEL [options]",
      .summary = "measure tokens per second and the share of the machine's memory bandwidth",
      .options = WithModelOptions({
          {.name = "decode",
           .takes = Takes::kCount,
           .value = "N",
           .help = "tokens to decode, one at a time (default: 64)"},
          {.name = "prefill", .takes = Takes::kCount, .value = "N", .help = "tokens to read at once (default: 512)"},
          {.name = "streams", .takes = Takes::kCount, .value = "N", .help = "streams decoded together (default: 8)"},
          {.name = "json", .help = "as a JSON object"},
      }),
      .run = Bench,
  };
}

}  // namespace skein::cli
