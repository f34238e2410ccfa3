// Zeros among activations. The squared ReLU of the channel-mix leaves most of its outputs at exactly 0. The weights of
// an input need not be read if the input is 0 in every row of a product.
#ifndef SKEIN_BACKENDS_ONEDNN_KERNELS_ACTIVE_STEPS_H_
#define SKEIN_BACKENDS_ONEDNN_KERNELS_ACTIVE_STEPS_H_

#include <cstdint>

namespace skein::onednn {

// With more rows, hardly any input is 0 in all of them.
constexpr uint32_t kMaxSparseRows = 4;

// The steps of a panel in which any input of any row is not 0, in rising order. A step is the `step_size` inputs that
// lie together. `steps` NULL: not looked for, or too many to gain anything. A product with finite weights is the same,
// bit for bit, without the other steps.
struct ActiveSteps {
  // So many more entries behind the last one are readable and are steps: kernels may prefetch this far ahead.
  static constexpr uint32_t kReadAhead = 16;

  const uint32_t* steps = nullptr;
  uint32_t count = 0;
};

// `steps`: memory for every step of the panel and kReadAhead more. x: [num_rows][num_inputs]. The beginning of an input
// shows whether it has many zeros, so that an input without them costs next to nothing.
ActiveSteps FindActiveSteps(const float* x, uint32_t num_inputs, uint32_t num_rows, uint32_t step_size,
                            uint32_t* steps);

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_KERNELS_ACTIVE_STEPS_H_
