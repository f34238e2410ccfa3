#include <algorithm>
#include <sstream>

#include "cuda/check/command.h"
#include "cuda/check/expect.h"
#include "cuda/check/gain.h"
#include "cuda/check/probe.h"
#include "cuda/check/stages.h"

namespace skein::check {
namespace {

// The switches of the backend, all off by default: means that no GPU has shown right and faster yet.
const std::vector<std::string> kSwitches = {"graphs",         "dependent_launch", "library",         "library_graphs",
                                            "timed_products", "sparse",           "nibble_products", "split_sums",
                                            "split_logits",   "rounded_rows",     "wide_tiles",      "chunked_wkv",
                                            "persistent",     "async_states"};
// Off and on again, a measured time moves by this much.
constexpr double kNoise = 0.03;

// The answer of the probe, which ran in a process of its own.
struct Trial {
  bool is_right = false;
  bool is_whole = true;  // there was time for all of it
  std::string trouble;   // if it is not right
  StepTimes times;
};

Trial Try(const Run& run, const std::string& switches, double seconds) {
  const Options& options = run.options();
  const char* const sizes[] = {"toy", "quick", "full"};
  const CommandResult result = RunCommand({"SKEIN_CUDA=" + switches},
                                          {options.program, "probe", "--plugin", options.plugin, "--reference",
                                           options.reference, "--device", std::to_string(options.device), "--size",
                                           sizes[static_cast<size_t>(options.size)], "--seconds", NumberText(seconds)},
                                          seconds + 5);
  Trial trial = {.is_right = result.code == 0, .is_whole = true, .trouble = {}, .times = {}};
  std::istringstream lines(result.output);
  std::string last;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word, step;
    double time = 0;
    if (words >> word >> step >> time && word == kTimeWord) trial.times[step] = time;
    if (!line.empty()) last = line;
  }
  trial.is_whole = last.starts_with(std::string("probe: ") + OutcomeName(Outcome::kPassed));
  if (trial.is_right && !trial.is_whole) trial.trouble = last;
  if (result.code == 124 || result.code == 137) trial.trouble = "did not end in time; ";
  if (!trial.is_right) trial.trouble += "ended with " + std::to_string(result.code) + ": " + last;
  return trial;
}

std::string Advice(const Trial& trial, const Gain& gain) {
  if (!trial.is_right) return "keep off: wrong";
  if (!trial.is_whole) return "not decided: there was no time for the whole trial";
  return AdviceFor(gain);
}

std::string ResultText(const Trial& trial) {
  if (!trial.is_right) return "WRONG (" + trial.trouble + ")";
  return trial.is_whole ? "right" : "right as far as it ran (" + trial.trouble + ")";
}

void Tell(Run& run, const std::string& switches, const Trial& plain, const Trial& trial) {
  const Gain gain = GainOf(plain.times, trial.times, kNoise);
  const std::string advice = Advice(trial, gain);
  run.report().Note(switches + ": " + ResultText(trial) +
                    "; times as fast: " + (gain.text.empty() ? "not measured" : gain.text) + "; " + advice);
  JsonObject figure;
  figure.Text("switches", switches)
      .Text("result", trial.is_whole   ? "right"
                      : trial.is_right ? "not decided"
                                       : "wrong")
      .Text("trouble", trial.trouble)
      .Number("mean_gain", gain.mean)
      .Number("most_gain", gain.most)
      .Number("least_gain", gain.least)
      .Text("advice", advice);
  for (const auto& [step, time] : trial.times) figure.Number(step + "_us", time);
  run.report().Add(figure);
}

std::string Joined(const std::vector<std::string>& names) {
  std::string joined;
  for (const std::string& name : names) joined += (joined.empty() ? "" : ",") + name;
  return joined;
}

}  // namespace

// A switch that is wrong is a result of this stage and no failure of it: it is off.
void CheckSwitches(Run& run) {
  Trial plain;
  std::vector<std::string> good;
  size_t num_left = run.IsToy() ? 3 : kSwitches.size() + 3;
  const auto seconds_for_one = [&] { return run.SecondsLeft() / static_cast<double>(num_left--); };
  run.Case("none", [&] {
    plain = Try(run, "", seconds_for_one());
    Expect(plain.is_right, "right results without any switch", plain.trouble);
  });
  const auto try_one = [&](const std::string& switches) {
    const Trial trial = Try(run, switches, seconds_for_one());
    Tell(run, switches, plain, trial);
    return trial.is_right && trial.is_whole && GainOf(plain.times, trial.times, kNoise).is_good();
  };
  for (const std::string& name : kSwitches) {
    // One stands for all on a toy, whose times say nothing.
    if (run.IsToy() && name != kSwitches.front()) continue;
    run.Case(name, [&] {
      if (try_one(name)) good.push_back(name);
    });
  }
  run.Case("all", [&] { try_one(Joined(kSwitches)); });
  if (good.empty()) return;
  run.Case("those that are right and faster", [&] {
    if (good.size() > 1 && !try_one(Joined(good))) return;
    run.report().Note("good together: " + Joined(good));
    run.report().Add(JsonObject().Text("good_switches", Joined(good)));
  });
}

}  // namespace skein::check
