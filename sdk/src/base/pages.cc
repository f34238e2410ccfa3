#include "base/pages.h"

#include <sys/mman.h>
#include <unistd.h>

namespace skein {
namespace {

constexpr uint64_t kHugePageBytes = uint64_t{2} << 20;

void* Map(uint64_t bytes) noexcept {
  void* const pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return pages == MAP_FAILED ? nullptr : pages;
}

uint64_t WholePages(uint64_t bytes) {
  const auto page_bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return (bytes + page_bytes - 1) / page_bytes * page_bytes;
}

}  // namespace

void* MapPages(uint64_t bytes) noexcept {
  if (bytes < kHugePageBytes) return Map(bytes);
  // Huge pages lie at multiples of their size. What is in front of the first multiple and behind the end is given back.
  const uint64_t size = WholePages(bytes);
  auto* const mapped = static_cast<char*>(Map(size + kHugePageBytes));
  if (mapped == nullptr) return nullptr;
  const uint64_t in_front = -reinterpret_cast<uint64_t>(mapped) % kHugePageBytes;
  if (in_front > 0) munmap(mapped, in_front);
  char* const pages = mapped + in_front;
  munmap(pages + size, kHugePageBytes - in_front);
  madvise(pages, size, MADV_HUGEPAGE);  // advice: if there are no huge pages, it fails and nothing is lost
  return pages;
}

void UnmapPages(void* pages, uint64_t bytes) noexcept {
  if (pages != nullptr) munmap(pages, WholePages(bytes));
}

}  // namespace skein
