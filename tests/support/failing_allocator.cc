#include "tests/support/failing_allocator.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

// glibc's own, under a name that nobody replaces but the sanitizers.
extern "C" void* __libc_memalign(size_t alignment, size_t size);  // NOLINT(bugprone-reserved-identifier)

namespace skein::test {
namespace {

// All of it without constructors: operator new runs before them.
std::atomic<bool> armed{false};
std::atomic<AllocatingThreads> counted_threads{AllocatingThreads::kAll};
std::atomic<uint64_t> first_failure{0};
std::atomic<uint64_t> num_failures{0};
std::atomic<uint64_t> num_counted{0};
std::atomic<bool> any_failed{false};
thread_local bool made_the_fault = false;

bool CountsThisThread() {
  switch (counted_threads.load(std::memory_order_relaxed)) {
    case AllocatingThreads::kThis:
      return made_the_fault;
    case AllocatingThreads::kOthers:
      return !made_the_fault;
    default:
      return true;
  }
}

bool ThisOneFails() {
  if (!armed.load(std::memory_order_acquire) || !CountsThisThread()) return false;
  const uint64_t index = num_counted.fetch_add(1, std::memory_order_relaxed);
  const uint64_t first = first_failure.load(std::memory_order_relaxed);
  if (index < first || index - first >= num_failures.load(std::memory_order_relaxed)) return false;
  any_failed.store(true, std::memory_order_relaxed);
  return true;
}

void* Allocate(size_t bytes) noexcept { return ThisOneFails() ? nullptr : std::malloc(bytes == 0 ? 1 : bytes); }

void* AllocateAligned(size_t bytes, size_t alignment) noexcept {
  return ThisOneFails() ? nullptr : __libc_memalign(alignment, bytes == 0 ? 1 : bytes);
}

void* OrThrow(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

AllocationFault::AllocationFault(uint64_t first, AllocatingThreads threads, uint64_t length) {
  counted_threads = threads;
  first_failure = first;
  num_failures = first == kForever ? 0 : length;
  num_counted = 0;
  any_failed = false;
  made_the_fault = true;
  armed.store(true, std::memory_order_release);
}

void AllocationFault::Disarm() {
  armed.store(false, std::memory_order_release);
  made_the_fault = false;
}

uint64_t AllocationFault::count() const { return num_counted.load(std::memory_order_relaxed); }
bool AllocationFault::failed() const { return any_failed.load(std::memory_order_relaxed); }

uint64_t WalkAllocations(AllocatingThreads threads, const std::function<void()>& attempt,
                         const std::function<void(uint64_t index, bool failed)>& check, uint64_t length) {
  for (uint64_t index = 0;; ++index) {
    AllocationFault fault(index, threads, length);
    attempt();
    fault.Disarm();
    check(index, fault.failed());
    if (!fault.failed()) return index;
  }
}

}  // namespace skein::test

using skein::test::Allocate;
using skein::test::AllocateAligned;
using skein::test::OrThrow;

void* operator new(size_t bytes) { return OrThrow(Allocate(bytes)); }
void* operator new[](size_t bytes) { return OrThrow(Allocate(bytes)); }
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return Allocate(bytes); }
void* operator new[](size_t bytes, const std::nothrow_t&) noexcept { return Allocate(bytes); }
void* operator new(size_t bytes, std::align_val_t alignment) {
  return OrThrow(AllocateAligned(bytes, static_cast<size_t>(alignment)));
}
void* operator new[](size_t bytes, std::align_val_t alignment) {
  return OrThrow(AllocateAligned(bytes, static_cast<size_t>(alignment)));
}
void* operator new(size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return AllocateAligned(bytes, static_cast<size_t>(alignment));
}
void* operator new[](size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return AllocateAligned(bytes, static_cast<size_t>(alignment));
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t, const std::nothrow_t&) noexcept { std::free(memory); }

// Memory for weights and states comes from here (skein_host.alloc).
extern "C" __attribute__((visibility("default"))) void* aligned_alloc(size_t alignment, size_t bytes) noexcept {
  return AllocateAligned(bytes, alignment);
}
