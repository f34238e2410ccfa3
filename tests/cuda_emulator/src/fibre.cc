#include "fibre.h"

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__)
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#include "context_switch.h"

namespace skein::emulator {
namespace {

constexpr size_t kGuardBytes = 4096;
constexpr size_t kStacksPerChunk = 64;
constexpr size_t kChunkBytes = kStacksPerChunk * kFibreStackBytes;
// A process may have 65,530 mappings, and a guarded stack takes two.
constexpr size_t kMostGuardedChunks = 256;

#if defined(__SANITIZE_ADDRESS__)
void BeforeSwitch(Continuation& from, const Continuation& to) {
  __sanitizer_start_switch_fiber(&from.fake_stack, to.stack_bottom, to.stack_bytes);
}
void AfterSwitch(Continuation& here) { __sanitizer_finish_switch_fiber(here.fake_stack, nullptr, nullptr); }
void ForgetStack(void* bottom, size_t num_bytes) { __asan_unpoison_memory_region(bottom, num_bytes); }
Continuation HostThreadBounds() {
  Continuation thread;
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return thread;
  pthread_attr_getstack(&attributes, &thread.stack_bottom, &thread.stack_bytes);
  pthread_attr_destroy(&attributes);
  return thread;
}
#else
void BeforeSwitch(Continuation&, const Continuation&) {}
void AfterSwitch(Continuation&) {}
void ForgetStack(void*, size_t) {}
Continuation HostThreadBounds() { return {}; }
#endif

// The function that a fresh fibre runs first.
struct Beginning {
  void (*entry)(void*);
  void* argument;
};

extern "C" void SkeinEmulatorBegin(void* pointer) {
  const Beginning beginning = *static_cast<Beginning*>(pointer);
  Continuation here;
  AfterSwitch(here);
  beginning.entry(beginning.argument);
  std::abort();  // a fibre does not return
}

}  // namespace

void SwitchTo(Continuation& from, Continuation& to) {
  BeforeSwitch(from, to);
  skein_emulator_switch(&from.stack_pointer, to.stack_pointer);
  AfterSwitch(from);
}

Continuation ThisHostThread() {
  static thread_local const Continuation bounds = HostThreadBounds();
  return bounds;
}

FibreStacks::~FibreStacks() {
  for (const Chunk& chunk : chunks_) munmap(chunk.base, kChunkBytes);
}

unsigned char* FibreStacks::Bottom(size_t index) {
  while (chunks_.size() <= index / kStacksPerChunk) {
    void* base = mmap(nullptr, kChunkBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
      std::fprintf(stderr, "cuda emulator: no memory for the stacks of a kernel's threads\n");
      std::abort();
    }
    auto* bytes = static_cast<unsigned char*>(base);
    const size_t num_guarded = chunks_.size() < kMostGuardedChunks ? kStacksPerChunk : 0;
    for (size_t i = 0; i < num_guarded; ++i) mprotect(bytes + i * kFibreStackBytes, kGuardBytes, PROT_NONE);
    chunks_.push_back({bytes});
  }
  return chunks_[index / kStacksPerChunk].base + index % kStacksPerChunk * kFibreStackBytes;
}

Continuation FibreStacks::Start(size_t index, void (*entry)(void* argument), void* argument) {
  unsigned char* bottom = Bottom(index) + kGuardBytes;
  const size_t num_bytes = kFibreStackBytes - kGuardBytes;
  ForgetStack(bottom, num_bytes);
  // The stacks are a power of two apart: their tops must not all fall into the same few sets of the caches.
  unsigned char* top = bottom + num_bytes - index % 128 * 192;
  auto* beginning = reinterpret_cast<Beginning*>(top - 64);
  *beginning = {entry, argument};
  Continuation continuation;
  continuation.stack_bottom = bottom;
  continuation.stack_bytes = num_bytes;
  continuation.stack_pointer =
      skein_emulator_prepare(reinterpret_cast<void*>(top - 128), SkeinEmulatorBegin, beginning);
  return continuation;
}

bool FibreStacks::Contains(uintptr_t address) const {
  for (const Chunk& chunk : chunks_) {
    const auto base = reinterpret_cast<uintptr_t>(chunk.base);
    if (address >= base && address < base + kChunkBytes) return true;
  }
  return false;
}

}  // namespace skein::emulator
