// Runs of a kernel on the emulator: right ones, under several schedules, and ones that are broken on purpose, which
// must be seen. For programs of instrumented kernels.
#ifndef SKEIN_TESTS_UNIT_BACKENDS_CUDA_MUTANTS_H_
#define SKEIN_TESTS_UNIT_BACKENDS_CUDA_MUTANTS_H_

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cuda/kernels/launch.h"
#include "cuda_emulator/control.h"
#include "tests/unit/backends/cuda/producer.h"

namespace skein::cuda {

// Runs the producer of what a kernel reads and then the kernel, as dependent launches.
inline void LaunchAfterProducer(const std::vector<WordCopy>& produced,
                                const std::function<cudaError_t(const Queue&)>& launch) {
  Queue queue;
  queue.dependent_launch = true;
  ASSERT_EQ(cudaStreamCreateWithFlags(&queue.stream, cudaStreamNonBlocking), cudaSuccess);
  WordCopies copies = {};
  for (const WordCopy& copy : produced) copies.at[copies.count++] = copy;
  EXPECT_EQ(CopyWords(queue, copies), cudaSuccess);
  EXPECT_EQ(launch(queue), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(queue.stream), cudaSuccess);
  EXPECT_EQ(cudaStreamDestroy(queue.stream), cudaSuccess);
}

// A test of a kernel: makes its arrays, launches it, and returns what was wrong with the results, or "".
using KernelCase = std::function<std::string()>;

// What was wrong with one run, whatever found it.
inline std::string FaultOf(const KernelCase& run, uint64_t seed,
                           emulator::Schedule schedule = emulator::Schedule::kRunAhead) {
  emulator::Options options;
  options.seed = seed;
  options.schedule = schedule;
  emulator::Configure(options);
  std::string fault = run();
  for (const emulator::Error& error : emulator::TakeErrors()) fault += "\n" + error.message;
  return fault;
}

// Several schedules give the right results, and nothing is accused.
inline void ExpectRight(const KernelCase& run, uint64_t num_seeds = 3) {
  for (uint64_t seed = 1; seed <= num_seeds; ++seed) EXPECT_EQ(FaultOf(run, seed), "") << "seed " << seed;
  EXPECT_EQ(FaultOf(run, 1, emulator::Schedule::kInStep), "");
}

// Whether one of a few seeds shows a fault, if `damage` is done before each run and `repair` after it.
inline bool IsCaught(const KernelCase& run, const std::function<void()>& damage, const std::function<void()>& repair) {
  constexpr uint64_t kSeeds = 8;
  const KernelCase damaged_run = [&] {
    damage();
    std::string fault = run();
    repair();
    return fault;
  };
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    if (!FaultOf(damaged_run, seed).empty()) return true;
  }
  return false;
}

// Each of at least `num_sites` barriers that the kernel has is missed when it is left out.
inline void ExpectEachBarrierIsNeeded(const KernelCase& run, size_t num_sites) {
  EXPECT_EQ(FaultOf(run, 1), "");
  size_t num_seen = 0;
  for (const emulator::BarrierSite& site : emulator::BarrierSites()) {
    if (site.file.find("producer.cu") != std::string::npos) continue;
    ++num_seen;
    EXPECT_TRUE(IsCaught(
        run, [&] { emulator::DisableBarrier(site); }, emulator::EnableBarriers))
        << site.kind << " at " << site.file << ":" << site.line << " is not missed";
  }
  EXPECT_EQ(num_seen, num_sites);
}

// A thread or a block that takes the place of one of its neighbours is seen.
inline void ExpectIndexFaultsAreSeen(const KernelCase& run, const std::vector<int>& distances = {-1, 1}) {
  for (const emulator::IndexFault fault : {emulator::IndexFault::kThread, emulator::IndexFault::kBlock}) {
    for (const int by : distances) {
      EXPECT_TRUE(IsCaught(
          run, [&] { emulator::ShiftIndex(fault, by); }, [] { emulator::ShiftIndex(emulator::IndexFault::kNone, 0); }))
          << "index fault " << static_cast<int>(fault) << " by " << by;
    }
  }
}

}  // namespace skein::cuda

#endif  // SKEIN_TESTS_UNIT_BACKENDS_CUDA_MUTANTS_H_
