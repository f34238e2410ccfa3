// The memory that malloc keeps for later.
#ifndef SKEIN_SYSTEM_HEAP_H_
#define SKEIN_SYSTEM_HEAP_H_

namespace skein {

// Gives whole pages in which nothing is allocated back to the system. It looks at all that is free in the heap of the
// process, and threads that allocate may wait meanwhile, so it is for moments in which nobody works. Where the C
// library has no such call, nothing happens.
void TrimHeap() noexcept;

}  // namespace skein

#endif  // SKEIN_SYSTEM_HEAP_H_
