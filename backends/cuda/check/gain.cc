#include "cuda/check/gain.h"

#include <algorithm>
#include <cmath>

#include "cuda/check/expect.h"

namespace skein::check {
namespace {

double NoiseOf(const std::string& step, double noise) {
  constexpr double kOfMoves = 3;
  return step.ends_with("export") || step.ends_with("import") ? kOfMoves * noise : noise;
}

}  // namespace

Gain GainOf(const StepTimes& plain, const StepTimes& with, double noise) {
  Gain gain;
  double sum = 0;
  size_t count = 0;
  for (const auto& [step, time] : plain) {
    const auto found = with.find(step);
    if (found == with.end() || found->second <= 0 || time <= 0) continue;
    const double ratio = time / found->second;
    gain.text += (gain.text.empty() ? "" : ", ") + NumberText(std::round(100 * ratio) / 100) + " at " + step;
    gain.most = count == 0 ? ratio : std::max(gain.most, ratio);
    gain.least = count == 0 ? ratio : std::min(gain.least, ratio);
    gain.is_faster_somewhere = gain.is_faster_somewhere || ratio > 1 + NoiseOf(step, noise);
    gain.is_slower_somewhere = gain.is_slower_somewhere || ratio < 1 - NoiseOf(step, noise);
    sum += std::log(ratio);
    ++count;
  }
  if (count > 0) gain.mean = std::exp(sum / static_cast<double>(count));
  return gain;
}

std::string AdviceFor(const Gain& gain) {
  if (!gain.is_faster_somewhere) return "keep off: not faster";
  return gain.is_slower_somewhere ? "turn on where it is faster" : "turn on by default";
}

}  // namespace skein::check
