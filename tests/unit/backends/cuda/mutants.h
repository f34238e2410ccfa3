// Runs of a kernel on the emulator: right ones, under several schedules, and ones that are broken on purpose, which
// must be seen. For programs of instrumented kernels.
#ifndef SKEIN_TESTS_UNIT_BACKENDS_CUDA_MUTANTS_H_
#define SKEIN_TESTS_UNIT_BACKENDS_CUDA_MUTANTS_H_

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cuda/kernels/launch.h"
#include "cuda_emulator/control.h"
#include "tests/unit/backends/cuda/producer.h"

namespace skein::cuda {

// How a kernel is launched: right, or broken on purpose.
class Trial {
 public:
  Trial() = default;
  // One thread or one block of each launch takes the place of a neighbour, or there is a block too many.
  Trial(emulator::IndexFault fault, int by) : fault_(fault), by_(by) {}
  // A barrier is left out.
  explicit Trial(emulator::BarrierSite site) : site_(std::move(site)) {}

  // Runs the producer of what a kernel reads and then the kernel, as dependent launches. Only the kernel is broken.
  // Returns why it did not end well, or "".
  std::string Run(const std::vector<WordCopy>& produced, const std::function<cudaError_t(const Queue&)>& launch) const {
    Queue queue;
    queue.dependent_launch = true;
    EXPECT_EQ(cudaStreamCreateWithFlags(&queue.stream, cudaStreamNonBlocking), cudaSuccess);
    WordCopies copies = {};
    for (const WordCopy& copy : produced) copies.at[copies.count++] = copy;
    EXPECT_EQ(CopyWords(queue, copies), cudaSuccess);
    Break(queue);
    cudaError_t error = launch(queue);
    if (error == cudaSuccess) error = cudaStreamSynchronize(queue.stream);
    Repair();
    cudaStreamDestroy(queue.stream);
    return error == cudaSuccess ? "" : cudaGetErrorString(error);
  }

 private:
  void Break(const Queue& queue) const {
    if (site_.has_value()) emulator::DisableBarrier(*site_);
    if (fault_ == emulator::IndexFault::kNone) return;
    EXPECT_EQ(cudaStreamSynchronize(queue.stream), cudaSuccess);  // the fault would be the producer's too
    emulator::ShiftIndex(fault_, by_);
  }
  void Repair() const {
    if (site_.has_value()) emulator::EnableBarriers();
    emulator::ShiftIndex(emulator::IndexFault::kNone, 0);
  }

  emulator::IndexFault fault_ = emulator::IndexFault::kNone;
  int by_ = 0;
  std::optional<emulator::BarrierSite> site_;
};

// A test of a kernel: makes its arrays, runs it in the trial, and returns what was wrong with the results, or "".
using KernelCase = std::function<std::string(const Trial&)>;

// The fault of one run, whatever found it.
inline std::string FaultOf(const KernelCase& run, const Trial& trial, uint64_t seed,
                           emulator::Schedule schedule = emulator::Schedule::kRunAhead) {
  emulator::Options options;
  options.seed = seed;
  options.schedule = schedule;
  emulator::Configure(options);
  emulator::TakeErrors();
  std::string fault = run(trial);
  for (const emulator::Error& error : emulator::TakeErrors()) fault += "\n" + error.message;
  return fault;
}

// Several schedules give the right results, and nothing is accused.
inline void ExpectRight(const KernelCase& run, uint64_t num_seeds = 3) {
  for (uint64_t seed = 1; seed <= num_seeds; ++seed) EXPECT_EQ(FaultOf(run, {}, seed), "") << "seed " << seed;
  EXPECT_EQ(FaultOf(run, {}, 1, emulator::Schedule::kInStep), "");
}

// Whether one of a few seeds shows what is broken.
inline bool IsCaught(const KernelCase& run, const Trial& trial) {
  constexpr uint64_t kSeeds = 8;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    if (!FaultOf(run, trial, seed).empty()) return true;
  }
  return false;
}

// Each of the `num_sites` barriers that the kernel has, waits included, is missed when it is left out.
inline void ExpectEachBarrierIsNeeded(const KernelCase& run, size_t num_sites) {
  EXPECT_EQ(FaultOf(run, {}, 1), "");
  size_t num_seen = 0;
  for (const emulator::BarrierSite& site : emulator::BarrierSites()) {
    if (site.file.find("producer.cu") != std::string::npos) continue;
    ++num_seen;
    EXPECT_TRUE(IsCaught(run, Trial(site))) << site.kind << " at " << site.file << ":" << site.line << " is not missed";
  }
  EXPECT_EQ(num_seen, num_sites);
}

// A thread or a block that takes the place of one of its neighbours is seen.
inline void ExpectIndexFaultsAreSeen(const KernelCase& run, const std::vector<int>& distances = {-1, 1}) {
  for (const emulator::IndexFault fault : {emulator::IndexFault::kThread, emulator::IndexFault::kBlock}) {
    for (const int by : distances) {
      EXPECT_TRUE(IsCaught(run, Trial(fault, by))) << "index fault " << static_cast<int>(fault) << " by " << by;
    }
  }
}

// Not for kernels that look whether there is work for a block.
inline void ExpectABlockTooManyIsSeen(const KernelCase& run) {
  EXPECT_TRUE(IsCaught(run, Trial(emulator::IndexFault::kExtraBlock, 1)));
}

}  // namespace skein::cuda

#endif  // SKEIN_TESTS_UNIT_BACKENDS_CUDA_MUTANTS_H_
