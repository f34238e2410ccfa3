// Runs kernels: the blocks of a grid one after the other in a random order, a fibre for each thread of a block. Those
// of a cooperative launch all live at once and take turns.
//
// One kernel runs at a time in the process; its threads reach the executor through TheExecutor.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_EXECUTOR_H_
#define SKEIN_TESTS_CUDA_EMULATOR_EXECUTOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cuda_emulator/control.h"
#include "detector.h"
#include "fibre.h"
#include "kernel_thread.h"
#include "launch.h"
#include "ptx_kernels.h"
#include "random.h"
#include "sites.h"
#include "turns.h"

namespace skein::emulator {

inline constexpr size_t kMaxDynamicShared = 256 << 10;

// The memory that a block has beside its variables.
class DynamicShared {
 public:
  DynamicShared();
  ~DynamicShared();
  DynamicShared(const DynamicShared&) = delete;
  DynamicShared& operator=(const DynamicShared&) = delete;

  unsigned char* data() const { return data_; }

 private:
  unsigned char* data_;
};

// A block that runs, in a place that later blocks take again.
struct RunningBlock {
  uint32_t place = 0;   // among those that run together
  uint32_t number = 0;  // in the grid
  std::vector<KernelThread> threads;
  std::vector<Warp> warps;
  DynamicShared shared;
  uint32_t num_live = 0;
  uint32_t num_at_barrier = 0;
  const char* barrier_name = "";
};

class Executor {
 public:
  Executor(Arena& arena, Detector& detector, const Options& options);
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // Runs a kernel to its end. cudaSuccess, or the error that a device ends with.
  cudaError_t Run(const Launch& launch);

  void ShiftIndex(IndexFault fault, int by);
  Sites& sites() { return sites_; }
  Detector& detector() { return detector_; }

  // For the thread that runs.
  void Barrier(Site site, const char* name, BlockVote vote, int predicate);
  void Collective(const WarpOperation& operation, uint32_t mask, void* slot, Site site);
  void* dynamic_shared() const { return block_->shared.data(); }
  // The thread waits for what another one is to do, and will look again. Others have their turn.
  void Pause();
  void IssueCopy(AsyncCopy copy, Site site);
  void CommitCopies();
  void WaitForCopies(uint32_t num_groups);
  int capability() const { return capability_; }
  // Ends the launch where the device is too old for an instruction.
  void RequireCapability(int capability, const char* instruction, Site site);
  [[noreturn]] void Abort(cudaError_t error);
  void ReportMisuse(const std::string& message, Site site);

 private:
  static void ThreadMain(void* executor);

  void RunBlocks(const Launch& launch);
  void RunTogether(const Launch& launch);
  cudaError_t RunPtx(const Launch& launch);
  std::vector<uint32_t> BlockOrder(const Launch& launch);
  uint3 IndexOf(uint32_t block) const;
  RunningBlock& PlaceAt(uint32_t place);
  void Enter(RunningBlock& block);
  void Start(RunningBlock& block, uint32_t number);
  void StartThread(uint32_t index);
  // A warp runs, or a barrier is passed. False: the thread that ran has paused.
  bool RunTurn(Turns& turns, size_t num_live_blocks);
  Warp* NextWarp();
  void RunWarp(Warp& warp);
  void ReleaseBarrier();
  void CheckOneSite();
  void Yield();
  void EndThread();
  bool TryResolve(Warp& warp, KernelThread& thread);
  bool InOneOperation(const Warp& warp, const KernelThread& thread, uint32_t lanes) const;
  std::string DescribeWait(const Warp& warp, uint32_t lane) const;
  void ReportDeadlock(std::string message);
  void Land(AsyncCopy& copy);

  Detector& detector_;
  Random random_;
  const Schedule schedule_;
  const int capability_;  // ten times the compute capability
  Sites sites_;
  FibreStacks stacks_;
  std::vector<std::unique_ptr<RunningBlock>> blocks_;  // by place
  std::unique_ptr<PtxKernels> ptx_;                    // NULL: the host's code is run

  // Of the kernel that runs.
  const Launch* launch_ = nullptr;
  Continuation host_;
  RunningBlock* block_ = nullptr;  // that has its turn
  uint32_t num_threads_ = 0;
  bool has_paused_ = false;
  bool was_pause_ = false;  // of the turn before
  cudaError_t error_ = cudaSuccess;

  IndexFault fault_ = IndexFault::kNone;
  int fault_by_ = 0;
  uint32_t faulty_thread_ = 0, faulty_block_ = 0;
};

// The executor of the kernel that runs, and its thread; NULL while none runs.
extern Executor* running_executor;
extern KernelThread* running_thread;

}  // namespace skein::emulator

#endif  // SKEIN_TESTS_CUDA_EMULATOR_EXECUTOR_H_
