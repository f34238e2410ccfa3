// The marks that tell kernels from other code that a compiler has made to report its accesses.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_HOOKS_H_
#define SKEIN_TESTS_CUDA_EMULATOR_HOOKS_H_

namespace skein::emulator {

// While it lives, accesses reported by this thread of the host are those of a kernel.
class KernelScope {
 public:
  KernelScope();
  ~KernelScope();
  KernelScope(const KernelScope&) = delete;
  KernelScope& operator=(const KernelScope&) = delete;
};

}  // namespace skein::emulator

#endif  // SKEIN_TESTS_CUDA_EMULATOR_HOOKS_H_
