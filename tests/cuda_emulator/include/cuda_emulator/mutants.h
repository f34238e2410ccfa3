// Shows that a test of kernels bites: breaks the kernels one way at a time, without touching their sources, and sees
// whether the test notices.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_MUTANTS_H_
#define SKEIN_TESTS_CUDA_EMULATOR_MUTANTS_H_

#include <functional>
#include <string>
#include <vector>

#include "cuda_emulator/control.h"

namespace skein::emulator {

struct IndexMutant {
  IndexFault fault;
  int by;
};

struct MutantOptions {
  Options devices;  // for every run, with seeds from `devices.seed` on
  // Each mutant runs with up to so many seeds until one run notices it. Without a mutant, all of them must be clean.
  int num_seeds = 4;
  // The last one of IndexFault, kExtraBlock, is for kernels that do not look whether their block is one too many.
  std::vector<IndexMutant> index_mutants = {{IndexFault::kThread, 1}, {IndexFault::kBlock, 1}};
  // Kinds of barriers (BarrierSite) that are left alone: DependencyWait where nothing runs before the kernel.
  std::vector<std::string> kept_kinds;
  // Single barriers that are left alone, as the end of their file's name with the line: "wkv7.cu:120".
  std::vector<std::string> kept_barriers;
};

struct MutantReport {
  std::vector<std::string> complaints;  // about kernels that nobody broke; must be empty
  std::vector<std::string> survivors;   // mutants that no run noticed; must be empty
  std::vector<std::string> caught;      // mutants that were noticed, each with how
};

// `run` makes its data, launches the kernels, waits for them and says whether all results are right. It is called
// often, each time with fresh devices, must not throw, and takes an error of the runtime for a wrong result. Errors of
// the detector are looked at here. Afterwards the devices are fresh and unbroken.
MutantReport ForEachMutant(const std::function<bool()>& run, const MutantOptions& options = {});

}  // namespace skein::emulator

#endif  // SKEIN_TESTS_CUDA_EMULATOR_MUTANTS_H_
