#include "tests/conformance/test_host.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace skein::conformance {
namespace {

constexpr uint64_t kHugePage = uint64_t{2} << 20;

}  // namespace

TestHost::TestHost(uint32_t num_threads, Team team)
    : num_threads_(num_threads),
      team_(team),
      table_{.struct_size = sizeof(skein_host),
             .reserved = 0,
             .context = this,
             .concurrency = Concurrency,
             .parallel_for = ParallelFor,
             .parallel_region = ParallelRegion,
             .alloc = Alloc,
             .free = Free,
             .log = Log,
             .parallel_team = team == Team::kInRegion ? nullptr : ParallelTeam} {}

uint32_t TestHost::Concurrency(void* context) { return static_cast<TestHost*>(context)->num_threads_; }

void TestHost::ParallelFor(void* context, uint64_t num_items, void (*fn)(void*, uint64_t), void* argument) {
  struct Work {
    uint64_t num_items;
    void (*fn)(void*, uint64_t);
    void* argument;
    std::atomic<uint64_t> next = 0;
  } work{num_items, fn, argument};
  const auto take_items = [](void* shared, uint32_t, uint32_t) {
    Work& own = *static_cast<Work*>(shared);
    for (uint64_t item = own.next++; item < own.num_items; item = own.next++) own.fn(own.argument, item);
  };
  ParallelRegion(context, static_cast<TestHost*>(context)->num_threads_, take_items, &work);
}

void TestHost::ParallelRegion(void* context, uint32_t wanted, void (*fn)(void*, uint32_t, uint32_t), void* argument) {
  const uint32_t count = std::clamp(wanted, 1u, static_cast<TestHost*>(context)->num_threads_);
  std::vector<std::thread> others;
  for (uint32_t i = 1; i < count; ++i) others.emplace_back(fn, argument, i, count);
  fn(argument, 0, count);
  for (std::thread& other : others) other.join();
}

void TestHost::ParallelTeam(void* context, uint32_t wanted, void (*fn)(void*, uint32_t, uint32_t), void* argument) {
  const TestHost& host = *static_cast<TestHost*>(context);
  const uint32_t count = std::clamp(wanted, 1u, host.num_threads_);
  const uint32_t num_others = host.team_ == Team::kNever ? 0 : count - 1;
  std::atomic<uint32_t> num_here = 0;
  std::atomic<bool> is_over = false;
  const auto help = [&](uint32_t index) {
    std::minstd_rand random(index);
    do {
      if (host.team_ == Team::kLate) std::this_thread::sleep_for(std::chrono::microseconds(random() % 300));
      ++num_here;
      fn(argument, index, count);
    } while (!is_over);
  };
  std::vector<std::thread> others;
  for (uint32_t i = 1; i <= num_others; ++i) others.emplace_back(help, i);
  while (host.team_ == Team::kTogether && num_here < num_others) std::this_thread::yield();
  fn(argument, 0, count);
  is_over = true;
  for (std::thread& other : others) other.join();
}

void* TestHost::Alloc(void* context, uint64_t bytes, uint64_t alignment) {
  TestHost& host = *static_cast<TestHost*>(context);
  if (host.num_allocations_++ >= host.first_failing_allocation_) return nullptr;
  if (bytes > kLargestBlock) return nullptr;
  void* memory = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) return nullptr;
  // As libskein does: large blocks on huge pages.
  if (bytes >= kHugePage) madvise(memory, bytes, MADV_HUGEPAGE);
  std::memset(memory, 0xFF, bytes);  // NaN: a backend must not take new memory for zeros
  ++host.num_live_blocks_;
  return memory;
}

void TestHost::Free(void* context, void* memory) {
  if (memory == nullptr) return;
  --static_cast<TestHost*>(context)->num_live_blocks_;
  std::free(memory);
}

void TestHost::Log(void*, uint32_t, const char*, uint64_t) {}

}  // namespace skein::conformance
