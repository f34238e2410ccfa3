// A kernel with its grid, as a stream runs it.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_LAUNCH_H_
#define SKEIN_TESTS_CUDA_EMULATOR_LAUNCH_H_

#include <cstddef>
#include <memory>

#include "cuda_emulator/runtime.h"

namespace skein::emulator {

struct Launch {
  dim3 grid;
  dim3 block;
  size_t dynamic_shared_bytes = 0;
  bool dependent = false;    // may start before the kernel before it has ended
  bool cooperative = false;  // all blocks are there at once
  std::shared_ptr<const BoundKernel> kernel = nullptr;
  int device = 0;
};

}  // namespace skein::emulator

#endif  // SKEIN_TESTS_CUDA_EMULATOR_LAUNCH_H_
