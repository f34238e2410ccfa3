// Work of a plugin or of libskein on the threads of the runtime, through the loop of skein_host.
#ifndef SKEIN_NUMBERS_PARALLEL_H_
#define SKEIN_NUMBERS_PARALLEL_H_

#include <cstdint>

#include "skein/plugin.h"

namespace skein {

// Calls `work(index)` for every index below `count`, on the host's threads, and returns after the last. `work` may not
// throw, because the host's loop is C.
template <typename Work>
void ParallelEach(const skein_host& host, uint64_t count, const Work& work) {
  host.parallel_for(
      host.context, count, [](void* argument, uint64_t index) { (*static_cast<const Work*>(argument))(index); },
      const_cast<Work*>(&work));
}

}  // namespace skein

#endif  // SKEIN_NUMBERS_PARALLEL_H_
