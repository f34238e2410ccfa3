// Whether a switch made steps faster, by the times of each with and without it, and what follows for its default. Pure.
#ifndef SKEIN_BACKENDS_CUDA_CHECK_GAIN_H_
#define SKEIN_BACKENDS_CUDA_CHECK_GAIN_H_

#include <map>
#include <string>

namespace skein::check {

using StepTimes = std::map<std::string, double>;  // microseconds by step

struct Gain {
  // How many times as fast as without the switch, by step: "1.21 at decode/1, 0.99 at prompt/512".
  std::string text;
  double mean = 1;   // geometric, over all steps
  double most = 1;   // of all steps
  double least = 1;  // of all steps
  // Beyond what a time moves by itself. A switch is for some kinds of steps, and all others would hide it in a mean.
  bool is_faster_somewhere = false, is_slower_somewhere = false;

  // Faster somewhere, and not slower altogether.
  bool is_good() const { return is_faster_somewhere && mean >= 1; }
};
// `noise`: the share by which a time moves by itself. The mean of a few steps with a move of a state moves by more.
Gain GainOf(const StepTimes& plain, const StepTimes& with, double noise);

// For a switch whose results are right.
std::string AdviceFor(const Gain& gain);

}  // namespace skein::check

#endif  // SKEIN_BACKENDS_CUDA_CHECK_GAIN_H_
