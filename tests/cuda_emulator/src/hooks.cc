// The functions that -fsanitize=thread calls for each access of memory, in the place of the sanitizer's own library.
#include "hooks.h"

#include <cstddef>
#include <cstdint>

#include "executor.h"

namespace skein::emulator {
namespace {

thread_local bool is_in_kernel = false;

inline void Report(const void* address, size_t num_bytes, Access access) {
  if (!is_in_kernel || running_thread == nullptr || !running_executor->detector().is_on()) return;
  running_executor->detector().OnAccess(reinterpret_cast<uintptr_t>(address), num_bytes, access);
}

}  // namespace

KernelScope::KernelScope() { is_in_kernel = true; }
KernelScope::~KernelScope() { is_in_kernel = false; }

void AtomicAccess(const void* address, size_t num_bytes) { Report(address, num_bytes, Access::kAtomic); }

}  // namespace skein::emulator

#define SKEIN_HOOK extern "C" __attribute__((visibility("hidden")))
#define SKEIN_ACCESS_HOOKS(bytes)                                                                \
  SKEIN_HOOK void __tsan_read##bytes(void* address) {                                            \
    skein::emulator::Report(address, bytes, skein::emulator::Access::kRead);                     \
  }                                                                                              \
  SKEIN_HOOK void __tsan_write##bytes(void* address) {                                           \
    skein::emulator::Report(address, bytes, skein::emulator::Access::kWrite);                    \
  }                                                                                              \
  SKEIN_HOOK void __tsan_unaligned_read##bytes(void* address) { __tsan_read##bytes(address); }   \
  SKEIN_HOOK void __tsan_unaligned_write##bytes(void* address) { __tsan_write##bytes(address); } \
  SKEIN_HOOK void __tsan_volatile_read##bytes(void* address) { __tsan_read##bytes(address); }    \
  SKEIN_HOOK void __tsan_volatile_write##bytes(void* address) { __tsan_write##bytes(address); }
SKEIN_ACCESS_HOOKS(1)
SKEIN_ACCESS_HOOKS(2)
SKEIN_ACCESS_HOOKS(4)
SKEIN_ACCESS_HOOKS(8)
SKEIN_ACCESS_HOOKS(16)

SKEIN_HOOK void __tsan_read_range(void* address, size_t num_bytes) {
  skein::emulator::Report(address, num_bytes, skein::emulator::Access::kRead);
}
SKEIN_HOOK void __tsan_write_range(void* address, size_t num_bytes) {
  skein::emulator::Report(address, num_bytes, skein::emulator::Access::kWrite);
}
SKEIN_HOOK void __tsan_init() { skein::emulator::Detector::SetInstrumented(); }
SKEIN_HOOK void __tsan_func_entry(void*) {}
SKEIN_HOOK void __tsan_func_exit() {}
SKEIN_HOOK void __tsan_vptr_update(void**, void*) {}
SKEIN_HOOK void __tsan_vptr_read(void**) {}

// Atomics of host code that shares a source with kernels. The order that is asked for is not looked at: the strongest
// serves for all.
#define SKEIN_ATOMIC_HOOKS(bits, type)                                                                                \
  SKEIN_HOOK type __tsan_atomic##bits##_load(const volatile type* address, int) {                                     \
    return __atomic_load_n(address, __ATOMIC_SEQ_CST);                                                                \
  }                                                                                                                   \
  SKEIN_HOOK void __tsan_atomic##bits##_store(volatile type* address, type value, int) {                              \
    __atomic_store_n(address, value, __ATOMIC_SEQ_CST);                                                               \
  }                                                                                                                   \
  SKEIN_HOOK type __tsan_atomic##bits##_exchange(volatile type* address, type value, int) {                           \
    return __atomic_exchange_n(address, value, __ATOMIC_SEQ_CST);                                                     \
  }                                                                                                                   \
  SKEIN_HOOK type __tsan_atomic##bits##_fetch_add(volatile type* address, type value, int) {                          \
    return __atomic_fetch_add(address, value, __ATOMIC_SEQ_CST);                                                      \
  }                                                                                                                   \
  SKEIN_HOOK type __tsan_atomic##bits##_fetch_sub(volatile type* address, type value, int) {                          \
    return __atomic_fetch_sub(address, value, __ATOMIC_SEQ_CST);                                                      \
  }                                                                                                                   \
  SKEIN_HOOK type __tsan_atomic##bits##_fetch_and(volatile type* address, type value, int) {                          \
    return __atomic_fetch_and(address, value, __ATOMIC_SEQ_CST);                                                      \
  }                                                                                                                   \
  SKEIN_HOOK type __tsan_atomic##bits##_fetch_or(volatile type* address, type value, int) {                           \
    return __atomic_fetch_or(address, value, __ATOMIC_SEQ_CST);                                                       \
  }                                                                                                                   \
  SKEIN_HOOK int __tsan_atomic##bits##_compare_exchange_strong(volatile type* address, type* expected, type value,    \
                                                               int, int) {                                            \
    return __atomic_compare_exchange_n(address, expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);          \
  }                                                                                                                   \
  SKEIN_HOOK int __tsan_atomic##bits##_compare_exchange_weak(volatile type* address, type* expected, type value, int, \
                                                             int) {                                                   \
    return __atomic_compare_exchange_n(address, expected, value, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);           \
  }
SKEIN_ATOMIC_HOOKS(8, uint8_t)
SKEIN_ATOMIC_HOOKS(16, uint16_t)
SKEIN_ATOMIC_HOOKS(32, uint32_t)
SKEIN_ATOMIC_HOOKS(64, uint64_t)
SKEIN_HOOK void __tsan_atomic_thread_fence(int) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
SKEIN_HOOK void __tsan_atomic_signal_fence(int) {}
