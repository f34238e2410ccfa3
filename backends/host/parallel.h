// The host's threads that run at the same time, for functions in C++. A loop over items is numbers/parallel.h.
#ifndef SKEIN_BACKENDS_HOST_PARALLEL_H_
#define SKEIN_BACKENDS_HOST_PARALLEL_H_

#include <cstdint>

#include "skein/plugin.h"

namespace skein::kit {

// Calls body(index, count) once on each of `count` threads, which all run at the same time; `count` is what the host
// gives of the `num_participants` asked for. `body` does not throw.
template <typename Body>
void ParallelRegion(const skein_host& host, uint32_t num_participants, const Body& body) {
  const auto call = [](void* argument, uint32_t index, uint32_t count) {
    (*static_cast<const Body*>(argument))(index, count);
  };
  host.parallel_region(host.context, num_participants, call, const_cast<Body*>(&body));
}

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_HOST_PARALLEL_H_
