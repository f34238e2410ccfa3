// Runs a block of a program: its warps, the memory that they see, and what the interpreter asks of its surroundings.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_PTX_MACHINE_H_
#define SKEIN_TESTS_CUDA_EMULATOR_PTX_MACHINE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "cuda_emulator/control.h"
#include "cuda_emulator/types.h"
#include "program.h"
#include "tests/cuda_emulator/src/detector.h"
#include "tests/cuda_emulator/src/random.h"

namespace skein::emulator::ptx {

// What ends a kernel.
struct Fault {
  ErrorKind kind = ErrorKind::kMisuse;
  cudaError_t error = cudaErrorLaunchFailure;
  std::string message = {};
  int lane = -1;  // of the warp that ran; -1: none in particular
};

// Addresses that belong together: an allocation.
struct Range {
  uintptr_t begin = 0;
  size_t num_bytes = 0;

  bool Contains(uintptr_t address, size_t length) const {
    return address - begin <= num_bytes && length <= num_bytes - (address - begin);
  }
};

// What surrounds the kernel. Threads go by their number in the block.
class Host {
 public:
  virtual ~Host() = default;
  // The memory around an address that the kernel may use; empty if there is none.
  virtual Range Find(uintptr_t address) = 0;
  // Whether it wants to hear of accesses.
  virtual bool is_watching() const { return false; }
  // An access to global or shared memory, by its place in the host's memory.
  virtual void OnAccess(uint32_t /*thread*/, const void* /*address*/, size_t /*num_bytes*/, Access /*access*/) {}
  // A barrier, a fence or a wait is about to run. False: it does nothing, because a test has switched it off.
  virtual bool Enter(const char* /*kind*/, SourceLine /*source*/) { return true; }
  virtual void OnFence(uint32_t /*thread*/) {}
  // The same, as part of an atomic operation that releases.
  virtual void OnReleaseFence(uint32_t /*thread*/) {}
  // Threads `first` + i, for each bit i, have met in a barrier of their warp, or all of the block in one of theirs.
  virtual void OnWarpBarrier(uint32_t /*first*/, uint32_t /*lanes*/, SourceLine /*source*/) {}
  virtual void OnBlockBarrier(SourceLine /*source*/) {}
  virtual void OnDependencyWait(uint32_t /*thread*/) {}
  virtual void OnRelease(uint32_t /*thread*/) {}
  // Copies that go on by themselves. The number goes to OnSettled.
  virtual uint32_t OnAsyncCopy(uint32_t /*thread*/, void* /*shared*/, size_t /*num_bytes*/) { return 0; }
  virtual void OnSettled(uint32_t /*thread*/, void* /*shared*/, size_t /*num_bytes*/, uint32_t /*number*/) {}
};

// A copy into shared memory that has been issued.
struct AsyncCopy {
  uint32_t shared;  // the address
  uint64_t global;
  uint32_t num_bytes;
  uint32_t num_read;  // the rest is zeros
  uint32_t group;
  bool has_landed;
  uint32_t number;  // of the host
};

class Machine;

// 32 threads. A lane has its own place in the program; lanes at one place run together.
class Warp {
 public:
  Warp(Machine& machine, uint32_t first_thread, uint32_t present);

  // To the beginning of the program.
  void Start();
  // Until each lane waits at a barrier of the block or has ended. False: until one has looked for what another block is
  // to do.
  bool Run();
  // Lets the lanes that wait at the block's barrier go on.
  void PassBarrier();

  template <typename T>
  T* Lanes(Place place) {
    return reinterpret_cast<T*>(file_.data() + place);
  }
  uint32_t& Mask(Place place) { return *Lanes<uint32_t>(place); }

  Machine& machine() { return machine_; }
  uint32_t first_thread() const { return first_thread_; }
  uint32_t live() const { return present_ & ~exited_; }
  uint32_t at_barrier() const { return at_barrier_; }
  const Instruction* barrier() const { return barrier_; }
  const Instruction* current() const { return current_; }
  bool Enter(const char* kind, const Instruction& instruction);
  std::vector<AsyncCopy>& copies(uint32_t lane) { return copies_[lane]; }
  uint32_t& copy_group(uint32_t lane) { return copy_groups_[lane]; }

 private:
  void RunGroup(uint32_t lanes, uint32_t pc);
  uint32_t ChooseGroup(uint32_t& pc);
  // Lanes have come to an instruction where lanes meet. True: `lanes` go on together behind it.
  bool Meet(const Instruction& instruction, uint32_t lanes, uint32_t pc);
  void Exit(uint32_t lanes);
  void SetPc(uint32_t lanes, uint32_t pc);
  void FillSpecials();
  [[noreturn]] void FailStuck() const;

  Machine& machine_;
  const uint32_t first_thread_;
  const uint32_t present_;
  std::vector<std::byte> storage_;
  std::span<std::byte> file_;
  std::array<uint32_t, kLanes> pcs_ = {};
  uint32_t ready_ = 0, meeting_ = 0, at_barrier_ = 0, exited_ = 0;  // a bit for each lane
  const Instruction* current_ = nullptr;
  const Instruction* barrier_ = nullptr;
  bool has_paused_ = false;
  std::array<std::vector<AsyncCopy>, kLanes> copies_;
  std::array<uint32_t, kLanes> copy_groups_ = {};
};

struct Shape {
  dim3 grid;
  dim3 block;
  uint32_t dynamic_shared_bytes = 0;
  // A fault on purpose: this thread of each block sees a tid.x that is `shift` off.
  uint32_t shifted_thread = 0;
  int shift = 0;
};

class Machine {
 public:
  // All of these outlive it. `shared`: the memory of a block, at least as long as the program and the launch ask for.
  Machine(const Program& program, const Shape& shape, std::span<const std::byte> parameters,
          std::span<std::byte> shared, Host& host, Random& random, Schedule schedule);
  ~Machine();

  // Runs a block. Throws Fault, with the line of the program in its message.
  void RunBlock(uint3 block);
  // The same piece by piece.
  enum class Turn : uint8_t {
    kRan,     // a warp has run, or a barrier was passed
    kPaused,  // a warp has run until it looked for what another block is to do
    kEnded,   // all threads have ended
  };
  void Start(uint3 block);
  Turn RunTurn();

  // For handlers. Where `num_bytes` at an address of a space lie; faults where they may not be accessed so.
  std::byte* Resolve(Warp& warp, Space space, uint64_t address, uint32_t num_bytes, Access access, uint32_t lane);
  // The same for what a copy writes, which its thread does not wait for; whether it is written stays as it is.
  std::byte* ResolveForCopy(uint32_t address, uint32_t num_bytes, uint32_t lane);
  // Bytes of shared memory that are as good as never written, until they are marked again.
  void MarkShared(uint32_t address, uint32_t num_bytes, bool is_written);
  void Land(AsyncCopy& copy);
  // Of the file that is run: its line, for messages.
  std::string Where(const Warp& warp) const;

  const Program& program() const { return program_; }
  const Shape& shape() const { return shape_; }
  uint3 block() const { return block_; }
  Host& host() { return host_; }
  Random& random() { return random_; }
  Schedule schedule() const { return schedule_; }

 private:
  Warp* NextWarp();
  bool ReleaseBarrier();
  void Reduce(const std::vector<Warp*>& warps);
  std::byte* ResolveGlobal(uint64_t address, uint32_t num_bytes, uint32_t lane);
  std::byte* ResolveShared(uint64_t address, uint32_t num_bytes, Access access, uint32_t lane);
  std::byte* WithinShared(uint64_t address, uint32_t num_bytes, std::string_view what, uint32_t lane);

  const Program& program_;
  const Shape shape_;
  const std::span<const std::byte> parameters_;
  const std::span<std::byte> shared_;
  Host& host_;
  Random& random_;
  const Schedule schedule_;
  std::vector<uint8_t> is_written_;  // for each byte of shared memory
  std::vector<std::byte> local_;     // of all threads
  Range last_range_;
  std::vector<Warp> warps_;
  uint3 block_ = {};
  bool has_paused_ = false;  // the warp that ran last
};

}  // namespace skein::emulator::ptx

#endif  // SKEIN_TESTS_CUDA_EMULATOR_PTX_MACHINE_H_
