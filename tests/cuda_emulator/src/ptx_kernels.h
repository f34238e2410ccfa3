// Runs kernels as the PTX that nvcc made of them, in the place of the host's code.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_PTX_KERNELS_H_
#define SKEIN_TESTS_CUDA_EMULATOR_PTX_KERNELS_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "arena.h"
#include "cuda_emulator/control.h"
#include "detector.h"
#include "launch.h"
#include "ptx/library.h"
#include "ptx/machine.h"
#include "random.h"

namespace skein::emulator {

class PtxKernels {
 public:
  // Prints why and ends the process if the list of options.ptx cannot be read.
  PtxKernels(Arena& arena, Detector& detector, const Options& options);

  // Runs the blocks in this order. `shared`: for the memory of a block. Errors go to the detector.
  cudaError_t Run(const Launch& launch, const std::vector<uint32_t>& order, std::span<std::byte> shared,
                  Random& random);

 private:
  Arena& arena_;
  Detector& detector_;
  const Schedule schedule_;
  const std::shared_ptr<ptx::Library> library_;
};

}  // namespace skein::emulator

#endif  // SKEIN_TESTS_CUDA_EMULATOR_PTX_KERNELS_H_
