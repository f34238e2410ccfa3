// Asking for weights ahead of time. A stream through memory is what a product with few rows is made of; on some
// processors their own prefetching keeps up with it, on others it leaves a quarter of the bandwidth unused.
#ifndef SKEIN_BACKENDS_ONEDNN_PREFETCH_H_
#define SKEIN_BACKENDS_ONEDNN_PREFETCH_H_

#include <cstddef>
#include <cstdint>

namespace skein::onednn {

// Asks for the cache line `ahead` bytes behind `weights`; 0 costs an instruction and does nothing.
inline __attribute__((always_inline)) void PrefetchAhead(const void* weights, uint32_t ahead) {
  __builtin_prefetch(static_cast<const char*>(weights) + ahead);
}

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_PREFETCH_H_
