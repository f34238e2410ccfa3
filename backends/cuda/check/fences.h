// Steps that end after the call that began them.
#ifndef SKEIN_BACKENDS_CUDA_CHECK_FENCES_H_
#define SKEIN_BACKENDS_CUDA_CHECK_FENCES_H_

#include "tests/conformance/backend_conformance.h"

namespace skein::check {

// Steps are enqueued behind unfinished ones and waited for by other threads, with and without a deadline. Throws
// Mismatch. A backend without fences passes: its steps are done at once.
void CheckFences(const conformance::Device& device, const conformance::SyntheticModel& model);

}  // namespace skein::check

#endif  // SKEIN_BACKENDS_CUDA_CHECK_FENCES_H_
