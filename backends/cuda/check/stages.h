// The stages in which a device is checked. Each stands on those before it.
#ifndef SKEIN_BACKENDS_CUDA_CHECK_STAGES_H_
#define SKEIN_BACKENDS_CUDA_CHECK_STAGES_H_

#include "cuda/check/run.h"

namespace skein::check {

// Notes what the device says of itself.
void CheckDevice(Run& run);
// The rules of backend.h that are not about numbers: slots, ragged batches, entries that fail, fences.
void CheckContract(Run& run);
// The same of RWKV-7 alone.
void CheckFewContracts(Run& run);
// Every generation, weight type and arithmetic against float64.
void CheckNumbers(Run& run);
// One shape of each generation, in a few of these ways.
void CheckFewNumbers(Run& run);
// Models whose layers lie in part on the device and in part on the reference.
void CheckCuts(Run& run);
// States that move between the device and the reference in mid-sequence.
void CheckMigration(Run& run);
// A stream alone and among others, bit by bit.
void CheckInvariance(Run& run);
// The same of one model.
void CheckFewStreams(Run& run);
// The backend's switches, each alone and all together: right or wrong, faster or slower.
void CheckSwitches(Run& run);
// Right results and step times of this process, for CheckSwitches, which runs it with a switch on.
void Probe(Run& run);
// Very many short requests, and the device's memory before and after.
void CheckSoak(Run& run);
// Tokens a second of models of real shapes beside the limits of the card.
void Measure(Run& run);

}  // namespace skein::check

#endif  // SKEIN_BACKENDS_CUDA_CHECK_STAGES_H_
