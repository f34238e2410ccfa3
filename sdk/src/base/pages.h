// Large memory that comes from the system and goes back to it at once. The first touch of a small page costs more than
// filling it, so that a copy into fresh small pages takes several times as long as one into huge pages.
#ifndef SKEIN_BASE_PAGES_H_
#define SKEIN_BASE_PAGES_H_

#include <cstdint>
#include <memory>
#include <new>

#include "absl/types/span.h"

namespace skein {

// Zeroed pages of the caller's own, in huge ones where the size and the system allow it. nullptr: there is no memory.
// Takes no more memory than `bytes`, rounded up to a small page.
void* MapPages(uint64_t bytes) noexcept;
// `pages` as MapPages gave it for `bytes`; may be nullptr.
void UnmapPages(void* pages, uint64_t bytes) noexcept;

// Floats in pages of their own, zero.
class PagedFloats {
 public:
  // Throws std::bad_alloc.
  explicit PagedFloats(uint64_t size) : size_(size), data_(static_cast<float*>(MapPages(size * sizeof(float)))) {
    if (data_ == nullptr) throw std::bad_alloc();
  }
  ~PagedFloats() { UnmapPages(data_, size_ * sizeof(float)); }
  PagedFloats(const PagedFloats&) = delete;
  PagedFloats& operator=(const PagedFloats&) = delete;

  absl::Span<float> values() const { return {data_, size_}; }

 private:
  const uint64_t size_;
  float* const data_;
};

}  // namespace skein

#endif  // SKEIN_BASE_PAGES_H_
