// Threads that take turns on one thread of the host: a stack each, and a switch between them.
//
// A fibre that is never finished is given up by starting another on its stack: nothing on it is destroyed. Code that
// runs on fibres owns nothing that must be.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_FIBRE_H_
#define SKEIN_TESTS_CUDA_EMULATOR_FIBRE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace skein::emulator {

inline constexpr size_t kFibreStackBytes = size_t{256} << 10;

// Where a fibre, or the host thread that runs them, goes on.
struct Continuation {
  void* stack_pointer = nullptr;
  void* stack_bottom = nullptr;  // the lowest address
  size_t stack_bytes = 0;
  void* fake_stack = nullptr;  // of the address sanitizer
};

// Leaves `from` and goes on in `to`. Returns when something switches back to `from`.
void SwitchTo(Continuation& from, Continuation& to);

// The host thread that calls this: what the scheduler gives to SwitchTo as `from` and goes back to.
Continuation ThisHostThread();

// Stacks, made when first asked for and kept.
class FibreStacks {
 public:
  FibreStacks() = default;
  ~FibreStacks();
  FibreStacks(const FibreStacks&) = delete;
  FibreStacks& operator=(const FibreStacks&) = delete;

  // A continuation that calls `entry(argument)` on the stack of this index. `entry` switches away at its end and is not
  // switched back to.
  Continuation Start(size_t index, void (*entry)(void* argument), void* argument);

  // Whether an address lies on one of the stacks.
  bool Contains(uintptr_t address) const;

 private:
  struct Chunk {
    unsigned char* base;
  };
  unsigned char* Bottom(size_t index);

  std::vector<Chunk> chunks_;
};

}  // namespace skein::emulator

#endif  // SKEIN_TESTS_CUDA_EMULATOR_FIBRE_H_
