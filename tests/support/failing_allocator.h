// Makes one allocation of the process fail, so that a test can walk through every place where memory may run out.
//
// A program that links skein_failing_allocator has its own operator new and aligned_alloc. Shared libraries call those
// of the program, so that libskein, the plugins and the libraries below are all reached. malloc is left alone: C code
// that calls it, oneDNN for one, sees no failure.
#ifndef SKEIN_TESTS_SUPPORT_FAILING_ALLOCATOR_H_
#define SKEIN_TESTS_SUPPORT_FAILING_ALLOCATOR_H_

#include <cstdint>
#include <functional>

namespace skein::test {

// The threads whose allocations are counted and may fail.
enum class AllocatingThreads {
  kAll,
  kThis,    // the thread that made the fault
  kOthers,  // all but that thread
};

// While it is armed, allocations are counted from 0, and those in [first, first + length) fail: operator new throws
// std::bad_alloc, nothrow new and aligned_alloc give nullptr. One fault lives at a time.
//
// A test's own code allocates as well, EXPECT_EQ for one. Disarm before it runs, or let it run on a thread that is not
// counted.
class AllocationFault {
 public:
  static constexpr uint64_t kForever = UINT64_MAX;

  // `first` kForever: counts, and nothing fails.
  explicit AllocationFault(uint64_t first, AllocatingThreads threads = AllocatingThreads::kAll, uint64_t length = 1);
  ~AllocationFault() { Disarm(); }
  AllocationFault(const AllocationFault&) = delete;
  AllocationFault& operator=(const AllocationFault&) = delete;

  // From here on allocations work and are not counted.
  void Disarm();

  // The number of allocations that were counted, and whether one of them failed.
  uint64_t count() const;
  bool failed() const;
};

// Calls `attempt` again and again, with the first allocation in it failing, then the second, and so on, until an
// attempt comes through without a failure. After each attempt it calls `check`, with working allocations, with the
// index of the allocation and whether it was reached. Gives the number of allocations that failed.
uint64_t WalkAllocations(AllocatingThreads threads, const std::function<void()>& attempt,
                         const std::function<void(uint64_t index, bool failed)>& check, uint64_t length = 1);

}  // namespace skein::test

#endif  // SKEIN_TESTS_SUPPORT_FAILING_ALLOCATOR_H_
