// Takes the place of CUDA's header of this name where sources are compiled for the emulator.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_CUDA_RUNTIME_H_
#define SKEIN_TESTS_CUDA_EMULATOR_CUDA_RUNTIME_H_

#include "cuda_emulator/atomics.h"
#include "cuda_emulator/device.h"
#include "cuda_emulator/math.h"
#include "cuda_emulator/qualifiers.h"
#include "cuda_emulator/runtime.h"
#include "cuda_emulator/types.h"

#endif  // SKEIN_TESTS_CUDA_EMULATOR_CUDA_RUNTIME_H_
