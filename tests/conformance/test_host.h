// A host for plugins under test: threads of its own instead of an arena, memory that is counted and can be made to run
// out.
#ifndef SKEIN_TESTS_CONFORMANCE_TEST_HOST_H_
#define SKEIN_TESTS_CONFORMANCE_TEST_HOST_H_

#include <atomic>
#include <cstdint>

#include "skein/plugin.h"

namespace skein::conformance {

class TestHost {
 public:
  static constexpr uint64_t kNever = ~uint64_t{0};
  // Larger requests fail, as on a small machine.
  static constexpr uint64_t kLargestBlock = uint64_t{4} << 30;

  // When the threads of a team come that are not its caller. kTogether: before the caller. kLate: after random times,
  // and so again when they have returned. kNever: the caller is alone. kInRegion: there are no teams, as on an older
  // host.
  enum class Team { kTogether, kLate, kNever, kInRegion };

  // `num_threads`: what concurrency() says, and parallel_region and parallel_team give.
  explicit TestHost(uint32_t num_threads = 1, Team team = Team::kTogether);

  TestHost(const TestHost&) = delete;
  TestHost& operator=(const TestHost&) = delete;

  const skein_host* table() const { return &table_; }

  // The allocation with this number, counted from now, and every later one fail.
  void FailAllocationsFrom(uint64_t number) {
    num_allocations_ = 0;
    first_failing_allocation_ = number;
  }
  uint64_t num_allocations() const { return num_allocations_; }
  // Blocks allocated and not freed.
  int64_t num_live_blocks() const { return num_live_blocks_; }

 private:
  static uint32_t Concurrency(void* context);
  static void ParallelFor(void* context, uint64_t num_items, void (*fn)(void*, uint64_t), void* argument);
  static void ParallelRegion(void* context, uint32_t wanted, void (*fn)(void*, uint32_t, uint32_t), void* argument);
  static void ParallelTeam(void* context, uint32_t wanted, void (*fn)(void*, uint32_t, uint32_t), void* argument);
  static void* Alloc(void* context, uint64_t bytes, uint64_t alignment);
  static void Free(void* context, void* memory);
  static void Log(void* context, uint32_t severity, const char* text, uint64_t text_bytes);

  const uint32_t num_threads_;
  const Team team_;
  skein_host table_;
  std::atomic<uint64_t> num_allocations_ = 0;
  std::atomic<uint64_t> first_failing_allocation_ = kNever;
  std::atomic<int64_t> num_live_blocks_ = 0;
};

}  // namespace skein::conformance

#endif  // SKEIN_TESTS_CONFORMANCE_TEST_HOST_H_
