// Runs kernels as the PTX that nvcc made of them, in the place of the host's code.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_PTX_KERNELS_H_
#define SKEIN_TESTS_CUDA_EMULATOR_PTX_KERNELS_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "arena.h"
#include "cuda_emulator/control.h"
#include "detector.h"
#include "launch.h"
#include "random.h"
#include "sites.h"
#include "tests/cuda_emulator/ptx/library.h"
#include "tests/cuda_emulator/ptx/machine.h"

namespace skein::emulator {

class PtxKernels {
 public:
  // Prints why and ends the process if the list of options.ptx cannot be read.
  PtxKernels(Arena& arena, Detector& detector, const Options& options);

  // A block by its number and as it sees itself.
  struct Block {
    uint32_t number;
    uint3 index;
  };
  // A thread of each block that sees itself `shift` off.
  struct Faults {
    uint32_t thread = 0;
    int shift = 0;
  };
  // Runs the blocks in this order, or all at once. `shared_of`(place): for the memory of a block, of those that run at
  // once. Errors go to the detector, barriers to `sites`.
  using SharedOf = std::function<std::span<std::byte>(uint32_t place)>;
  cudaError_t Run(const Launch& launch, const std::vector<Block>& blocks, const Faults& faults,
                  const SharedOf& shared_of, Random& random, Sites& sites);

 private:
  struct Place;

  void RunTogether(const std::vector<std::unique_ptr<Place>>& places, const std::vector<Block>& blocks, Random& random);

  Arena& arena_;
  Detector& detector_;
  const Schedule schedule_;
  const std::shared_ptr<ptx::Library> library_;
};

}  // namespace skein::emulator

#endif  // SKEIN_TESTS_CUDA_EMULATOR_PTX_KERNELS_H_
