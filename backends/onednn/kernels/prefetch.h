// Asking for weights ahead of time. A product with few rows is a stream through memory. Some processors keep up with it
// by their own prefetching; on others that leaves a quarter of the bandwidth unused.
#ifndef SKEIN_BACKENDS_ONEDNN_KERNELS_PREFETCH_H_
#define SKEIN_BACKENDS_ONEDNN_KERNELS_PREFETCH_H_

#include <cstddef>
#include <cstdint>

namespace skein::onednn {

// Asks for the cache line at `weights`.
inline __attribute__((always_inline)) void Prefetch(const void* weights) { __builtin_prefetch(weights); }

// Asks for the cache line `ahead` bytes behind `weights`, and for the line three times as far, which comes into the
// second-level cache only. A core can wait for few lines of its first level at a time. More lines on their way to the
// second level keep the bus busy while the arithmetic of a group is finished. With 0 it costs two instructions and does
// nothing.
inline __attribute__((always_inline)) void PrefetchAhead(const void* weights, uint32_t ahead) {
  const char* line = static_cast<const char*>(weights) + ahead;
  __builtin_prefetch(line, 0, 3);
  __builtin_prefetch(line + 2 * size_t{ahead}, 0, 2);
}

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_KERNELS_PREFETCH_H_
