// Zeros among activations: the squared ReLU of the channel-mix leaves most of its outputs at exactly 0, and the weights
// of an input that is 0 for every row of a product need not be read.
#ifndef SKEIN_BACKENDS_ONEDNN_KERNELS_ACTIVE_STEPS_H_
#define SKEIN_BACKENDS_ONEDNN_KERNELS_ACTIVE_STEPS_H_

#include <cstdint>

namespace skein::onednn {

// With more rows there is hardly an input that is 0 in all.
constexpr uint32_t kMaxSparseRows = 4;

// Steps of a panel, each the `step_size` inputs that lie together, in rising order: all where any input of any row is
// not 0. `steps` NULL: not looked for, or too many to gain anything. Leaving out the others changes no bit of a product
// with finite weights.
struct ActiveSteps {
  // Readable behind the last step, and steps too: so that kernels may prefetch this far ahead.
  static constexpr uint32_t kReadAhead = 16;

  const uint32_t* steps = nullptr;
  uint32_t count = 0;
};

// `steps`: memory for all of them and kReadAhead more. x: [num_rows][num_inputs]. An input without many zeros is
// recognised by its beginning, at next to no cost.
ActiveSteps FindActiveSteps(const float* x, uint32_t num_inputs, uint32_t num_rows, uint32_t step_size,
                            uint32_t* steps);

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_KERNELS_ACTIVE_STEPS_H_
