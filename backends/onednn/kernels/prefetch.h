// Asking for weights ahead of time. A stream through memory is what a product with few rows is made of; on some
// processors their own prefetching keeps up with it, on others it leaves a quarter of the bandwidth unused.
#ifndef SKEIN_BACKENDS_ONEDNN_KERNELS_PREFETCH_H_
#define SKEIN_BACKENDS_ONEDNN_KERNELS_PREFETCH_H_

#include <cstddef>
#include <cstdint>

namespace skein::onednn {

// Asks for the cache line at `weights`.
inline __attribute__((always_inline)) void Prefetch(const void* weights) { __builtin_prefetch(weights); }

// Asks for the cache line `ahead` bytes behind `weights`, and for the one three times as far to come as near as the
// second-level cache: a core waits for few lines of its first level at a time, and more of them in the second keep the
// bus busy while the arithmetic of a group is finished. 0 costs two instructions and does nothing.
inline __attribute__((always_inline)) void PrefetchAhead(const void* weights, uint32_t ahead) {
  const char* line = static_cast<const char*>(weights) + ahead;
  __builtin_prefetch(line, 0, 3);
  __builtin_prefetch(line + 2 * size_t{ahead}, 0, 2);
}

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_KERNELS_PREFETCH_H_
