// Host services that run all work on the calling thread.
#ifndef SKEIN_TESTS_SUPPORT_SERIAL_HOST_H_
#define SKEIN_TESTS_SUPPORT_SERIAL_HOST_H_

#include <cstdint>

#include "skein/plugin.h"

namespace skein::testing {

inline const skein_host& SerialHost() {
  static const skein_host host = [] {
    skein_host h = {};
    h.struct_size = sizeof(h);
    h.concurrency = [](void*) { return uint32_t{1}; };
    h.parallel_for = [](void*, uint64_t num_items, void (*fn)(void*, uint64_t), void* argument) {
      for (uint64_t i = 0; i < num_items; ++i) fn(argument, i);
    };
    return h;
  }();
  return host;
}

}  // namespace skein::testing

#endif  // SKEIN_TESTS_SUPPORT_SERIAL_HOST_H_
