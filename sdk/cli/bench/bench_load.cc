#include "bench/bench_load.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>

#include "bench/arrivals.h"
#include "bench/load_report.h"
#include "bench/load_run.h"
#include "call_options.h"
#include "failure.h"
#include "interrupt.h"
#include "output.h"
#include "session.h"

namespace skein::cli {
namespace {

double Positive(const Arguments& arguments, const char* option, double otherwise) {
  const double value = arguments.Real(option).value_or(otherwise);
  if (value > 0 && value <= 1e6) return value;
  throw UsageError("bench: --" + std::string(option) + ": expected a number above 0, up to 1000000");
}

LoadShape Shape(const Arguments& arguments) {
  return {Positive(arguments, "arrival-rate", 1),
          Positive(arguments, "duration", 10),
          TokenCounts("bench: --prompt-lengths", arguments.Text("prompt-lengths").value_or("64,512")),
          TokenCounts("bench: --max-tokens", arguments.Text("max-tokens").value_or("64")),
          arguments.Has("tenants") ? TenantShares("bench: --tenants", *arguments.Text("tenants")) : TenantShares(),
          arguments.Count("seed").value_or(1)};
}

// The plot is written after the run. A user should not wait for it in vain.
void CheckFolder(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) != 0) {
    throw Failure(path + ": cannot be written: " + std::strerror(errno));
  }
}

// A first use of memory and of kernels, which no user should pay for. The prefix cache keeps no state of a prompt of
// less than 16 tokens, which the first request would find.
void WarmUp(const Runtime& runtime, const Model& model) {
  const Arrival first = {0, 8, 4};
  RunLoad(runtime, model, {&first, 1}, TenantShares().names(), 0);
}

EngineTime ReadEngineTime(const Runtime& runtime) { return EngineTime::FromMetrics(runtime.Metrics()); }

}  // namespace

int RunLoadBench(const Arguments& arguments, const std::string& path) {
  const LoadShape shape = Shape(arguments);
  const std::optional<std::string> plot_path = OutputPath(arguments, "svg");
  if (plot_path) CheckFolder(*plot_path);
  const std::vector<Arrival> arrivals = PlanArrivals(shape);
  const uint64_t num_shared_tokens = arguments.Count("shared-prefix").value_or(0);
  const Session session(arguments);
  CallOptions<ModelOptions> options;
  options.Set("max_batch_streams", kDefaultStreams);
  options.Pass(arguments, "streams", "max_batch_streams");
  const Model model = session.LoadModel(path, arguments, std::move(options));

  const InterruptGuard guard(SecondInterrupt::kEndsTheProcess);
  WarmUp(session.runtime(), model);
  const EngineTime before = ReadEngineTime(session.runtime());
  const LoadRun run = RunLoad(session.runtime(), model, arrivals, shape.tenants.names(), num_shared_tokens);
  const LoadReport report(shape, num_shared_tokens, run, ReadEngineTime(session.runtime()) - before);

  const skein_model_info info = model.Info();
  DataWriter().Write(arguments.Has("json") ? report.JsonText(info) : report.TableText());
  if (plot_path) WriteWhole(*plot_path, report.Plot(info));
  if (!arguments.Has("json")) Note("skein: " + report.EngineText());
  if (report.failure().empty()) return 0;
  Note("skein: a request failed: " + report.failure());
  return 1;
}

}  // namespace skein::cli
