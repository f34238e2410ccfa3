#include "system/heap.h"

#include <cstdlib>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace skein {

void TrimHeap() noexcept {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace skein
