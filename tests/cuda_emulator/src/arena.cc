#include "arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace skein::emulator {
namespace {

constexpr size_t kAlignment = 256;     // as cudaMalloc
constexpr size_t kRedZoneBytes = 512;  // on each side
constexpr size_t kSpread = 4;          // addresses for each byte of memory
constexpr size_t kMargin = 1 << 20;    // around a device's addresses: what misses them by little hits nothing else
constexpr int kPoison = 0xFF;          // NaN in every type of floating point
// A large allocation that is never touched costs the host nothing: what is not filled reads as zeros.
constexpr size_t kMaxFilledBytes = size_t{256} << 20;

size_t RoundUp(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

#if defined(__SANITIZE_ADDRESS__)
void Forbid(uintptr_t address, size_t num_bytes) {
  __asan_poison_memory_region(reinterpret_cast<void*>(address), num_bytes);
}
void Allow(uintptr_t address, size_t num_bytes) {
  __asan_unpoison_memory_region(reinterpret_cast<void*>(address), num_bytes);
}
#else
void Forbid(uintptr_t, size_t) {}
void Allow(uintptr_t, size_t) {}
#endif

}  // namespace

Arena::Arena(int num_devices, size_t memory_bytes)
    : memory_bytes_(memory_bytes),
      device_bytes_(RoundUp(memory_bytes * kSpread + 2 * kMargin, size_t{2} << 20)),
      total_bytes_(device_bytes_ * num_devices),
      used_bytes_(num_devices),
      next_(num_devices) {
  if (total_bytes_ == 0) return;
  void* base = mmap(nullptr, total_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) {
    std::fprintf(stderr, "cuda emulator: cannot reserve %zu bytes of addresses\n", total_bytes_);
    std::abort();
  }
  base_ = reinterpret_cast<uintptr_t>(base);
  for (int device = 0; device < num_devices; ++device) next_[device] = base_ + device * device_bytes_ + kMargin;
}

Arena::~Arena() {
  if (total_bytes_ == 0) return;
  while (!allocations_.empty()) Free(reinterpret_cast<void*>(allocations_.begin()->first));
  munmap(reinterpret_cast<void*>(base_), total_bytes_);
}

bool Arena::IsFree(uintptr_t begin, size_t num_bytes) const {
  const auto above = allocations_.upper_bound(begin);
  if (above != allocations_.end() && above->first < begin + num_bytes + kRedZoneBytes) return false;
  if (above == allocations_.begin()) return true;
  const Allocation& below = std::prev(above)->second;
  return below.address + below.num_bytes + kRedZoneBytes <= begin;
}

// The first free place from the last one on, around the device's range. 0: none.
uintptr_t Arena::FindPlace(int device, size_t num_bytes) const {
  const uintptr_t begin = base_ + device * device_bytes_ + kMargin;
  const uintptr_t end = base_ + (device + 1) * device_bytes_ - kMargin;
  uintptr_t place = next_[device];
  for (size_t tries = 0; tries < 2 * allocations_.size() + 3; ++tries) {
    place = RoundUp(place + kRedZoneBytes, kAlignment);
    if (place + num_bytes + kRedZoneBytes > end) {
      place = begin;
      continue;
    }
    if (IsFree(place, num_bytes)) return place;
    const auto above = allocations_.lower_bound(place + 1);
    const bool blocked_above = above != allocations_.end() && above->first < place + num_bytes + kRedZoneBytes;
    const Allocation& blocking = blocked_above ? above->second : std::prev(above)->second;
    place = blocking.address + blocking.num_bytes;
  }
  return 0;
}

void* Arena::Allocate(int device, size_t num_bytes) {
  const size_t counted = RoundUp(std::max<size_t>(num_bytes, 1), kAlignment);
  if (counted > memory_bytes_ || used_bytes_[device] > memory_bytes_ - counted) return nullptr;
  const uintptr_t address = FindPlace(device, num_bytes);
  if (address == 0) return nullptr;
  allocations_[address] = {address, num_bytes, device, ++num_made_};
  used_bytes_[device] += counted;
  next_[device] = address + num_bytes;
  Allow(address, num_bytes);
  std::memset(reinterpret_cast<void*>(address), kPoison, std::min(num_bytes, kMaxFilledBytes));
  Forbid(address - kRedZoneBytes, kRedZoneBytes);
  const uintptr_t end = RoundUp(address + num_bytes, 8);  // the sanitizer's grain
  Forbid(end, kRedZoneBytes / 2);
  return reinterpret_cast<void*>(address);
}

bool Arena::Free(void* pointer) {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  const auto entry = allocations_.find(address);
  if (entry == allocations_.end()) return false;
  const Allocation freed = entry->second;
  allocations_.erase(entry);
  used_bytes_[freed.device] -= RoundUp(std::max<size_t>(freed.num_bytes, 1), kAlignment);
  // Whole pages go back to the host; what shares a page with a neighbour is overwritten.
  constexpr uintptr_t kPage = 4096;
  const uintptr_t first_page = RoundUp(address, kPage);
  const uintptr_t last_page = (address + freed.num_bytes) / kPage * kPage;
  if (last_page > first_page) {
    madvise(reinterpret_cast<void*>(first_page), last_page - first_page, MADV_DONTNEED);
    std::memset(pointer, kPoison, first_page - address);
  } else {
    std::memset(pointer, kPoison, freed.num_bytes);
  }
  Forbid(address, freed.num_bytes / 8 * 8);
  return true;
}

const Allocation* Arena::Below(uintptr_t address) const {
  const auto above = allocations_.upper_bound(address);
  return above == allocations_.begin() ? nullptr : &std::prev(above)->second;
}

const Allocation* Arena::Find(uintptr_t address) const {
  const Allocation* below = Below(address);
  return below != nullptr && below->Contains(address, 1) ? below : nullptr;
}

}  // namespace skein::emulator
