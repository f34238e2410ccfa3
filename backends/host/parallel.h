// The host's threads for one piece of work, for functions in C++. A loop over items is numbers/parallel.h.
#ifndef SKEIN_BACKENDS_HOST_PARALLEL_H_
#define SKEIN_BACKENDS_HOST_PARALLEL_H_

#include <cstdint>

#include "skein/plugin.h"

namespace skein::kit {

// Whether threads come to a team of this host late, and come again after they have returned. Otherwise all that take
// part come at once, and each comes once.
inline bool ComeAgain(const skein_host& host) { return SKEIN_HAS(skein_host, &host, parallel_team); }

// Calls body(index, count) on this thread, and meanwhile on others as they come, at most `num_wanted` in all. See
// parallel_team of plugin.h; a host that is older has its parallel_region instead. `body` does not throw.
template <typename Body>
void ParallelTeam(const skein_host& host, uint32_t num_wanted, const Body& body) {
  const auto call = [](void* argument, uint32_t index, uint32_t count) {
    (*static_cast<const Body*>(argument))(index, count);
  };
  const auto run = ComeAgain(host) ? host.parallel_team : host.parallel_region;
  run(host.context, num_wanted, call, const_cast<Body*>(&body));
}

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_HOST_PARALLEL_H_
