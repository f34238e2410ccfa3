// Large memory that comes from the system and goes back to it at once. The first touch of a small page costs more than
// filling it, so that a copy into fresh small pages takes several times as long as one into huge pages.
#ifndef SKEIN_BASE_PAGES_H_
#define SKEIN_BASE_PAGES_H_

#include <cstdint>

namespace skein {

// Zeroed pages of the caller's own, in huge ones where the size and the system allow it. nullptr: there is no memory.
// Takes no more memory than `bytes`, rounded up to a small page.
void* MapPages(uint64_t bytes) noexcept;
// `pages` as MapPages gave it for `bytes`; may be nullptr.
void UnmapPages(void* pages, uint64_t bytes) noexcept;

}  // namespace skein

#endif  // SKEIN_BASE_PAGES_H_
