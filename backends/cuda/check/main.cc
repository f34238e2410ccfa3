// cuda_check: runs one stage of the checks of a backend on a device (stages.h), through skein/backend.h alone. Needs
// neither libskein nor a test framework. check.sh runs all stages in turn.
// Ends with 0: passed; 1: failed; 2: a wrong command line; 3: there is no device.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "cuda/check/stages.h"

namespace {

using skein::check::Options;
using skein::check::Outcome;
using skein::check::Report;
using skein::check::Run;

constexpr struct {
  const char* name;
  void (*check)(Run&);
  const char* what;
} kStages[] = {
    {"device", skein::check::CheckDevice, "what the device says of itself"},
    {"contract", skein::check::CheckContract, "slots, ragged batches, entries that fail, fences"},
    {"numbers", skein::check::CheckNumbers, "every generation, weight type and arithmetic against float64"},
    {"cuts", skein::check::CheckCuts, "layers in part on the device and in part on the reference"},
    {"migration", skein::check::CheckMigration, "states that move to the reference and back"},
    {"invariance", skein::check::CheckInvariance, "a stream alone and among others, bit by bit"},
    {"switches", skein::check::CheckSwitches, "each switch of the backend: right or wrong, faster or slower"},
    {"soak", skein::check::CheckSoak, "very many short requests, and the memory before and after"},
    {"benchmark", skein::check::Measure, "tokens a second beside the limits of the card"},
    {"probe", skein::check::Probe, "what the stage switches runs with each switch"},
};

int Usage(const char* why) {
  std::fprintf(stderr,
               "cuda_check: %s\nusage: cuda_check STAGE --plugin FILE --reference FILE [--device N] [--seconds S]\n"
               "  [--size toy|quick|full] [--only CASE] [--name NAME] [--json FILE] [--bandwidth B] [--matrix-rate "
               "R]\nstages:\n",
               why);
  for (const auto& stage : kStages) std::fprintf(stderr, "  %-11s %s\n", stage.name, stage.what);
  return 2;
}

// The reason why there is no device fails the stage that says so, and leaves out the others.
void Check(void (*check)(Run&), const Options& options, Report& report) {
  try {
    Run run(options, report);
    check(run);
  } catch (const skein::check::NoDevice& error) {
    report.Skip(std::string("no device: ") + error.what());
  } catch (const std::exception& error) {
    report.Fail(error.what());
  }
}

int ExitCode(Outcome outcome) { return outcome == Outcome::kFailed ? 1 : outcome == Outcome::kSkipped ? 3 : 0; }

}  // namespace

int main(int argc, char** argv) {
  Options options;
  try {
    options = skein::check::ParseOptions(argc, argv);
  } catch (const std::invalid_argument& error) {
    return Usage(error.what());
  }
  for (const auto& stage : kStages) {
    if (options.stage != stage.name) continue;
    const auto start = std::chrono::steady_clock::now();
    Report report(options.name.empty() ? stage.name : options.name);
    Check(stage.check, options, report);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::printf("%s: %s: %s (%.1f s)\n", report.stage().c_str(), OutcomeName(report.outcome()),
                report.Summary().c_str(), seconds.count());
    if (!options.json.empty()) std::ofstream(options.json) << report.Json(seconds.count()) << '\n';
    return ExitCode(report.outcome());
  }
  return Usage(("no stage \"" + options.stage + "\"").c_str());
}
