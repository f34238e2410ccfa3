// A parallel loop in which the work at an index may fail.
#ifndef SKEIN_BASE_PARALLEL_H_
#define SKEIN_BASE_PARALLEL_H_

#include <cstddef>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "skein/plugin.h"

namespace skein {

// Runs `work` for every index below `count`. On failure gives the error of the lowest index that fails, whatever the
// order of execution; work at higher indices may then be left out. An exception of `work` counts as RESOURCE_EXHAUSTED.
absl::Status ParallelFor(const skein_host& host, size_t count, absl::FunctionRef<absl::Status(size_t)> work);

}  // namespace skein

#endif  // SKEIN_BASE_PARALLEL_H_
