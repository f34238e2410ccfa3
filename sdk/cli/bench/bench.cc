// skein bench: tokens per second, and their share of the machine's limits.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <initializer_list>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/bench_load.h"
#include "bench/machine_probe.h"
#include "bench/sampled_decode.h"
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

// --- memory ---

// Of this process, in bytes; 0 where the system does not say.
struct Memory {
  uint64_t peak_bytes = 0;       // resident at most so far, mapped files included
  uint64_t anonymous_bytes = 0;  // resident now, without mapped files
};

Memory MeasureMemory() {
  Memory memory;
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    const std::pair<std::string_view, uint64_t*> fields[] = {{"VmHWM:", &memory.peak_bytes},
                                                             {"RssAnon:", &memory.anonymous_bytes}};
    for (const auto& [name, bytes] : fields) {
      if (line.starts_with(name)) *bytes = std::stoull(line.substr(name.size())) * 1024;
    }
  }
  return memory;
}

// --- arithmetic ---

// Multiplications in matrix products since the runtime was made, as its metrics say.
struct Multiplications {
  uint64_t all = 0;
  std::map<std::string, uint64_t> by_library;  // the multiplications that each library ran
};

Multiplications ReadMultiplications(const Runtime& runtime) {
  constexpr std::string_view kAll = "skein_multiplications_total ";
  constexpr std::string_view kByLibrary = "skein_library_multiplications_total{library=\"";
  Multiplications read;
  std::istringstream metrics(runtime.Metrics());
  for (std::string line; std::getline(metrics, line);) {
    if (line.starts_with(kAll)) read.all = std::stoull(line.substr(kAll.size()));
    const size_t end = line.rfind("\"} ");
    if (!line.starts_with(kByLibrary) || end == std::string::npos) continue;
    read.by_library[line.substr(kByLibrary.size(), end - kByLibrary.size())] = std::stoull(line.substr(end + 3));
  }
  return read;
}

// The share of each library in the multiplications between two readings. Empty where no device counts them.
std::map<std::string, double> LibraryShares(const Multiplications& before, const Multiplications& after) {
  std::map<std::string, double> shares;
  if (after.all == before.all) return shares;
  for (const auto& [library, count] : after.by_library) {
    const auto earlier = before.by_library.find(library);
    const uint64_t counted = count - (earlier == before.by_library.end() ? 0 : earlier->second);
    shares[library] = static_cast<double>(counted) / static_cast<double>(after.all - before.all);
  }
  return shares;
}

// --- the runs ---

// Feeds `num_tokens` tokens to each of `streams` in one call, and asks for the last logits of each. The tokens that a
// stream has read before do not matter for the time.
class Feeder {
 public:
  Feeder(const Model& model, std::span<const Stream> streams, uint64_t num_tokens, uint32_t vocab_size)
      : model_(model), tokens_(num_tokens), logits_(streams.size() * vocab_size), items_(streams.size()) {
    // Different tokens, for the cache lines of the embedding.
    for (uint64_t i = 0; i < num_tokens; ++i) tokens_[i] = static_cast<Token>(i * 7919 % vocab_size);
    for (size_t i = 0; i < streams.size(); ++i) {
      items_[i].stream = streams[i].get();
      items_[i].tokens = tokens_.data();
      items_[i].num_tokens = num_tokens;
      items_[i].output = logits_.data() + i * vocab_size;
      items_[i].output_capacity = vocab_size;
      items_[i].output_kind = SKEIN_OUTPUT_LAST_LOGITS;
    }
  }

  void Step() { Eval(model_, items_); }

 private:
  const Model& model_;
  std::vector<Token> tokens_;
  std::vector<float> logits_;
  std::vector<skein_eval_item> items_;
};

struct Test {
  enum class Kind { kPrefill, kDecode, kSample };  // the last: decoding by requests, sampled
  Kind kind;
  uint64_t num_tokens;   // of each stream
  uint64_t num_streams;  // 1 in prefill

  const char* Name() const { return kind == Kind::kPrefill ? "prefill" : kind == Kind::kDecode ? "decode" : "sample"; }
  bool IsPrefill() const { return kind == Kind::kPrefill; }
  uint64_t TotalTokens() const { return num_tokens * num_streams; }
};

// The least cost of one token of a test.
struct Cost {
  double bytes;  // read and written
  double operations;
};

Cost CostOf(const Test& test, const skein_model_info& info) {
  const double embedding = static_cast<double>(info.vocab_size) * info.d_model;  // and as many in the head
  const auto parameters = static_cast<double>(std::max<uint64_t>(info.num_parameters, 1));
  // A step reads all weights once, but of the embedding only its tokens' rows. It also reads and writes the state of
  // every stream.
  const auto weights = static_cast<double>(info.weights_bytes - info.embedding_bytes);
  const double states = 2.0 * sizeof(float) * static_cast<double>(info.num_state_floats * test.num_streams);
  const auto tokens_per_step = static_cast<double>(test.IsPrefill() ? test.num_tokens : test.num_streams);
  // The products with matrices alone. A prefill asks for one token's logits.
  const double heads_per_step = test.IsPrefill() ? 1 : tokens_per_step;
  const double layers = std::max(0.0, parameters - 2 * embedding);
  return {(weights + states) / tokens_per_step, 2 * (layers + embedding * heads_per_step / tokens_per_step)};
}

// Seconds of one run by evals.
double Run(const Test& test, Feeder& feeder) {
  const uint64_t num_steps = test.IsPrefill() ? 1 : test.num_tokens;
  const Clock::time_point start = Clock::now();
  for (uint64_t i = 0; i < num_steps; ++i) feeder.Step();
  return SecondsSince(start);
}

// --- figures ---

// The middle one, and the two ends.
struct Spread {
  double median = 0;
  double least = 0;
  double most = 0;
};

Spread SpreadOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  const double median = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {median, values.front(), values.back()};
}

Json SpreadJson(const Spread& spread) {
  return {{"median", spread.median}, {"least", spread.least}, {"most", spread.most}};
}

struct Result {
  Test test;
  Spread tokens_per_second;
  // Of the machine's figures in probes before and after each run.
  std::optional<Spread> bandwidth_share;
  std::optional<Spread> arithmetic_share;
  std::map<std::string, double> library_shares;  // of the multiplications, by library
};

// The best that the machine does, as probes found it between the runs.
struct Limits {
  std::vector<double> bandwidth;  // bytes per second
  std::vector<double> plain_bandwidth;
  std::vector<double> arithmetic;
};

class Bench {
 public:
  // `probe` may be NULL, for a device whose limits cannot be measured from here.
  Bench(const Runtime& runtime, const Model& model, const skein_model_info& info, MachineProbe* probe,
        Arithmetic arithmetic, uint64_t num_runs)
      : runtime_(runtime), model_(model), info_(info), probe_(probe), arithmetic_(arithmetic), num_runs_(num_runs) {}

  Result Measure(const Test& test, std::span<const Stream> streams) {
    const std::span<const Stream> used = streams.first(test.num_streams);
    Feeder feeder(model_, used, test.IsPrefill() ? test.num_tokens : 1, info_.vocab_size);
    feeder.Step();  // first use of memory and of kernels
    const Cost cost = CostOf(test, info_);
    std::vector<double> speeds, bandwidth_shares, arithmetic_shares;
    const Multiplications multiplications_before = ReadMultiplications(runtime_);
    Probe before = TakeProbe();
    for (uint64_t run = 0; run < num_runs_; ++run) {
      const double seconds =
          test.kind == Test::Kind::kSample ? TimeSampledDecode(runtime_, used, test.num_tokens) : Run(test, feeder);
      const double speed = static_cast<double>(test.TotalTokens()) / seconds;
      const Probe after = TakeProbe();
      speeds.push_back(speed);
      // The better of the two neighbours: a disturbed probe would make a share look large.
      if (after.bandwidth) {
        bandwidth_shares.push_back(speed * cost.bytes / std::max(*before.bandwidth, *after.bandwidth));
      }
      if (after.arithmetic) {
        arithmetic_shares.push_back(speed * cost.operations / std::max(*before.arithmetic, *after.arithmetic));
      }
      before = after;
    }
    Result result = {test, SpreadOf(std::move(speeds)), std::nullopt, std::nullopt,
                     LibraryShares(multiplications_before, ReadMultiplications(runtime_))};
    if (!bandwidth_shares.empty()) result.bandwidth_share = SpreadOf(std::move(bandwidth_shares));
    if (!arithmetic_shares.empty()) result.arithmetic_share = SpreadOf(std::move(arithmetic_shares));
    return result;
  }

  const Limits& limits() const { return limits_; }

 private:
  struct Probe {
    std::optional<double> bandwidth;
    std::optional<double> arithmetic;
  };

  Probe TakeProbe() {
    if (probe_ == nullptr) return {};
    const MachineProbe::Bandwidth bandwidth = probe_->ReadBandwidth();
    const Probe probe = {bandwidth.best, probe_->ArithmeticRate(arithmetic_)};
    limits_.bandwidth.push_back(bandwidth.best);
    limits_.plain_bandwidth.push_back(bandwidth.plain);
    if (probe.arithmetic) limits_.arithmetic.push_back(*probe.arithmetic);
    return probe;
  }

  const Runtime& runtime_;
  const Model& model_;
  const skein_model_info& info_;
  MachineProbe* const probe_;
  const Arithmetic arithmetic_;
  const uint64_t num_runs_;
  Limits limits_;
};

// The arithmetic of a type of the option `type`.
Arithmetic ArithmeticOf(std::string_view type) {
  if (type == "bf16") return Arithmetic::kBf16;
  return type == "q8" || type == "q4" ? Arithmetic::kInt8 : Arithmetic::kF32;
}

// The threads of the model's device, if it computes out of the host's memory; else nothing.
std::optional<uint32_t> HostThreads(const Runtime& runtime, const skein_model_info& info) {
  for (const skein_device_info& device : runtime.Devices()) {
    const bool in_host_memory =
        device.plugin_id == std::string_view("onednn") || device.plugin_id == std::string_view("reference");
    if (device.name == std::string_view(info.device) && in_host_memory) return std::max<uint32_t>(device.threads, 1);
  }
  return std::nullopt;
}

// --- report ---

struct Report {
  skein_model_info info;
  std::optional<uint32_t> threads;
  double load_seconds;
  Memory loaded;  // after loading, before anything else was allocated
  Memory ended;
  Limits limits;
  Arithmetic arithmetic;
  uint64_t num_runs;
  std::vector<Result> results;
};

std::string JsonText(const Report& report) {
  Json list = Json::array();
  for (const Result& result : report.results) {
    Json entry = {{"test", result.test.Name()},
                  {"type", report.info.type},
                  {"streams", result.test.num_streams},
                  {"tokens", result.test.num_tokens},
                  {"tokens_per_second", result.tokens_per_second.median},
                  {"tokens_per_second_spread", SpreadJson(result.tokens_per_second)}};
    if (result.bandwidth_share) entry["bandwidth_share"] = SpreadJson(*result.bandwidth_share);
    if (result.arithmetic_share) entry["arithmetic_share"] = SpreadJson(*result.arithmetic_share);
    if (!result.library_shares.empty()) entry["library_shares"] = result.library_shares;
    list.push_back(std::move(entry));
  }
  Json json = {{"model", report.info.name},
               {"device", report.info.device},
               {"type", report.info.type},
               {"num_parameters", report.info.num_parameters},
               {"weights_bytes", report.info.weights_bytes},
               {"load_seconds", report.load_seconds},
               {"loaded_peak_bytes", report.loaded.peak_bytes},
               {"loaded_anonymous_bytes", report.loaded.anonymous_bytes},
               {"ended_anonymous_bytes", report.ended.anonymous_bytes}};
  if (report.threads) json["threads"] = *report.threads;
  if (!report.limits.bandwidth.empty()) {
    const Spread bandwidth = SpreadOf(report.limits.bandwidth);
    json["read_bandwidth_bytes_per_second"] = bandwidth.median;
    json["read_bandwidth_spread"] = SpreadJson(bandwidth);
    json["plain_read_bandwidth_bytes_per_second"] = SpreadOf(report.limits.plain_bandwidth).median;
  }
  if (!report.limits.arithmetic.empty()) {
    const Spread rate = SpreadOf(report.limits.arithmetic);
    json["arithmetic"] = ArithmeticName(report.arithmetic);
    json["arithmetic_operations_per_second"] = rate.median;
    json["arithmetic_spread"] = SpreadJson(rate);
  }
  json["results"] = std::move(list);
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string ShareText(const std::optional<Spread>& share) { return share ? FormatNumber(100 * share->median, 1) : "-"; }

std::string TestText(const Test& test) {
  const std::string text = std::string(test.Name()) + " " + std::to_string(test.num_tokens);
  return test.num_streams == 1 ? text : text + " x " + std::to_string(test.num_streams);
}

// Half the spread; one run tells none.
std::string SpreadText(const Report& report, const Spread& speed) {
  return report.num_runs > 1 ? FormatNumber((speed.most - speed.least) / 2, 1) : "-";
}

// Of all tests.
std::set<std::string> Libraries(const Report& report) {
  std::set<std::string> libraries;
  for (const Result& result : report.results) {
    for (const auto& [library, share] : result.library_shares) libraries.insert(library);
  }
  return libraries;
}

std::string TableText(const Report& report) {
  std::vector<std::vector<std::string>> rows = {{"MODEL", "SIZE", "PARAMS", "TYPE", "DEVICE", "THREADS", "TEST",
                                                 "TOKENS/S", "+-", "% BANDWIDTH", "% ARITHMETIC"}};
  const std::set<std::string> libraries = Libraries(report);
  for (const std::string& library : libraries) rows[0].push_back("% IN " + library);
  for (const Result& result : report.results) {
    const Spread& speed = result.tokens_per_second;
    rows.push_back({report.info.name, FormatBytes(report.info.weights_bytes),
                    FormatNumber(static_cast<double>(report.info.num_parameters) / 1e6, 1) + " M", report.info.type,
                    report.info.device, report.threads ? std::to_string(*report.threads) : "-", TestText(result.test),
                    FormatNumber(speed.median, 1), SpreadText(report, speed), ShareText(result.bandwidth_share),
                    ShareText(result.arithmetic_share)});
    for (const std::string& library : libraries) {
      const auto share = result.library_shares.find(library);
      rows.back().push_back(share == result.library_shares.end() ? "-" : FormatNumber(100 * share->second, 1));
    }
  }
  return FormatTable(rows);
}

std::string LimitsText(const Report& report) {
  const auto range = [](const std::vector<double>& values, const char* unit) {
    const Spread spread = SpreadOf(values);
    return FormatNumber(spread.median / 1e9, 1) + " " + unit + " (" + FormatNumber(spread.least / 1e9, 1) + " to " +
           FormatNumber(spread.most / 1e9, 1) + ")";
  };
  if (report.limits.bandwidth.empty()) return "the limits of this device are not measured";
  std::string text = "memory is read at " + range(report.limits.bandwidth, "GB/s") + ", " +
                     FormatNumber(SpreadOf(report.limits.plain_bandwidth).median / 1e9, 1) +
                     " by loads that do not ask for lines ahead";
  text += "; " + std::string(ArithmeticName(report.arithmetic)) + "s: ";
  text += report.limits.arithmetic.empty() ? "peak unknown" : range(report.limits.arithmetic, "Gop/s");
  return text + "; measured between the runs. What fits into the caches may exceed the bandwidth";
}

std::string MemoryText(uint64_t bytes) { return bytes == 0 ? "unknown" : FormatBytes(bytes); }

// -m, or the made-up model of --shape.
std::string BenchPath(const Arguments& arguments) {
  const auto shape = arguments.Text("shape");
  if (shape && arguments.Has("model")) throw UsageError("bench: expected -m or --shape, found both");
  if (!shape && !arguments.Has("model")) throw UsageError("bench: expected -m or --shape, found neither");
  return shape ? "synthetic:" + *shape : ModelPath(arguments);
}

std::vector<Test> Tests(const Arguments& arguments, uint64_t num_streams) {
  std::vector<Test> tests;
  for (const uint64_t num_tokens : arguments.Has("prefill") ? std::vector<uint64_t>{*arguments.Count("prefill")}
                                                            : std::vector<uint64_t>{256, 512}) {
    tests.push_back({Test::Kind::kPrefill, num_tokens, 1});
  }
  const uint64_t num_decode = arguments.Count("decode").value_or(64);
  std::vector<Test::Kind> kinds = {Test::Kind::kDecode};
  if (arguments.Has("sample")) kinds.push_back(Test::Kind::kSample);
  for (const Test::Kind kind : kinds) {
    tests.push_back({kind, num_decode, 1});
    if (num_streams > 1) tests.push_back({kind, num_decode, num_streams});
  }
  return tests;
}

// Wrong where an option has no meaning in the measurement that was asked for.
void CheckKindOfOptions(const Arguments& arguments) {
  const bool is_load = arguments.Has("arrival-rate");
  const std::initializer_list<const char*> of_load = {
      "duration", "prompt-lengths", "shared-prefix", "max-tokens", "tenants", "seed", "svg"};
  const std::initializer_list<const char*> of_tests = {"prefill", "decode", "sample", "runs"};
  for (const char* option : is_load ? of_tests : of_load) {
    if (!arguments.Has(option)) continue;
    throw UsageError("bench: --" + std::string(option) + (is_load ? " does not go with" : " needs") +
                     " --arrival-rate");
  }
}

int RunBench(const Arguments& arguments) {
  CheckKindOfOptions(arguments);
  const std::string path = BenchPath(arguments);
  if (arguments.Has("arrival-rate")) return RunLoadBench(arguments, path);
  const uint64_t num_streams = arguments.Count("streams").value_or(kDefaultStreams);
  const Session session(arguments);
  CallOptions<ModelOptions> options;
  options.Set("max_batch_streams", kDefaultStreams);
  options.Pass(arguments, "streams", "max_batch_streams");
  Report report = {};
  const Clock::time_point start = Clock::now();
  const Model model = session.LoadModel(path, arguments, std::move(options));
  report.load_seconds = SecondsSince(start);
  report.loaded = MeasureMemory();
  report.info = model.Info();
  report.threads = HostThreads(session.runtime(), report.info);
  report.arithmetic = ArithmeticOf(report.info.type);

  std::vector<Stream> streams;
  for (uint64_t i = 0; i < num_streams; ++i) streams.emplace_back(model);
  const auto probe = report.threads ? std::make_unique<MachineProbe>(*report.threads) : nullptr;
  report.num_runs = arguments.Count("runs").value_or(3);
  Bench bench(session.runtime(), model, report.info, probe.get(), report.arithmetic, report.num_runs);
  for (const Test& test : Tests(arguments, num_streams)) report.results.push_back(bench.Measure(test, streams));
  report.limits = bench.limits();
  report.ended = MeasureMemory();
  if (arguments.Has("json")) {
    DataWriter().Write(JsonText(report));
    return 0;
  }
  DataWriter().Write(TableText(report));
  Note("skein: loaded in " + FormatNumber(report.load_seconds, 2) + " s; peak of memory meanwhile " +
       MemoryText(report.loaded.peak_bytes) + ", afterwards " + MemoryText(report.loaded.anonymous_bytes) +
       " beside mapped files");
  Note("skein: " + LimitsText(report));
  return 0;
}

}  // namespace

Command BenchCommand() {
  return {
      .name = "bench",
      .synopsis = "(-m MODEL | --shape SHAPE) [options]",
      .summary =
          "measure tokens per second, their share of the memory's bandwidth and of the processor's arithmetic, and "
          "the part of the products that a library such as oneDNN computes",
      .options = WithModelOptions({
          {.name = "shape",
           .takes = Takes::kText,
           .value = "SHAPE",
           .help = "a model with made-up weights instead: 0.1B, 0.4B, 1.5B, 2.9B, 7.2B, or C=960,L=4,F=3000,..."},
          {.name = "decode",
           .takes = Takes::kCount,
           .value = "N",
           .help = "tokens to decode, one at a time (default: 64)"},
          {.name = "prefill",
           .takes = Takes::kCount,
           .value = "N",
           .help = "tokens to read at once (default: 256, and 512)"},
          {.name = "streams", .takes = Takes::kCount, .value = "N", .help = "streams decoded together (default: 32)"},
          {.name = "sample", .help = "decode by requests as well, with the model's default sampling"},
          {.name = "runs",
           .takes = Takes::kCount,
           .value = "N",
           .help = "runs of each test, of which the median is given, and half the spread (default: 3)"},
          {.name = "arrival-rate",
           .takes = Takes::kReal,
           .value = "R",
           .help = "instead, submit R requests per second at random moments, as users would, and give the percentiles "
                   "of what they wait for; --streams is then how many may be open at a time"},
          {.name = "duration",
           .takes = Takes::kReal,
           .value = "S",
           .help = "seconds in which the requests arrive (default: 10)"},
          {.name = "prompt-lengths",
           .takes = Takes::kText,
           .value = "N,N|N-N",
           .help = "tokens of their prompts, one of these or all of a range, at random (default: 64,512)"},
          {.name = "max-tokens",
           .takes = Takes::kText,
           .value = "N,N|N-N",
           .help = "tokens that each generates (default: 64)"},
          {.name = "shared-prefix",
           .takes = Takes::kCount,
           .value = "L",
           .help = "tokens in front of all prompts, which the prefix cache is to have"},
          {.name = "tenants",
           .takes = Takes::kText,
           .value = "NAME=SHARE,...",
           .help = "tenants that the streams belong to, each with its share of the requests, such as a=9,b=1"},
          {.name = "seed", .takes = Takes::kCount, .value = "N", .help = "of the arrivals and lengths (default: 1)"},
          {.name = "svg",
           .takes = Takes::kText,
           .value = "FILE",
           .help = "also plot the times of the requests as cumulative curves"},
          {.name = "json", .help = "as a JSON object"},
      }),
      .run = RunBench,
  };
}

}  // namespace skein::cli
