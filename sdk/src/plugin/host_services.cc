#include "plugin/host_services.h"

#include <sys/mman.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "base/fp_environment.h"
#include "skein/runtime.h"
#include "system/cpu_quota.h"

#if defined(__SANITIZE_THREAD__)
#define SKEIN_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SKEIN_TSAN 1
#endif
#endif
#if defined(SKEIN_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

namespace skein {
namespace {

// oneTBB runs its tasks after everything before the fork, and before everything after the join. The thread sanitizer
// cannot see that order, because the distribution's library is not instrumented. These marks tell it.
class ForkJoinMark {
 public:
#if defined(SKEIN_TSAN)
  void Release() { __tsan_release(this); }
  void Acquire() { __tsan_acquire(this); }
#else
  void Release() {}
  void Acquire() {}
#endif

 private:
  [[maybe_unused]] char place_ = 0;
};

void CpuPause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// The calling thread's slot in its arena.
uint32_t CurrentSlot() { return static_cast<uint32_t>(tbb::this_task_arena::current_thread_index()); }

// The threads that take part in a region, by their slot in the arena. After the seal no thread can join. A thread's
// index is its rank among the slots. A worker that comes back to the arena takes the slot that it had, so from region
// to region a thread gets the same share of the work, and finds the weights of that share in its own caches and on its
// own socket.
class Arrivals {
 public:
  struct Place {
    uint32_t index, count;
  };

  static constexpr uint32_t kMostSlots = 1024;

  // False: too late.
  bool Arrive(uint32_t slot) {
    uint32_t count = state_.load(std::memory_order_relaxed);
    while ((count & kSealed) == 0) {
      if (!state_.compare_exchange_weak(count, count + 1, std::memory_order_acq_rel)) continue;
      slots_[slot / 64].fetch_or(uint64_t{1} << slot % 64, std::memory_order_acq_rel);
      return true;
    }
    return false;
  }
  void Seal() { state_.fetch_or(kSealed, std::memory_order_acq_rel); }
  uint32_t count() const { return state_.load(std::memory_order_acquire) & ~kSealed; }
  // Waits for the seal, which comes within kArrivalTime.
  Place WaitForPlace(uint32_t slot) const {
    while ((state_.load(std::memory_order_acquire) & kSealed) == 0) CpuPause();
    const Place place = {0, count()};
    while (NumSlotsBelow(kMostSlots) < place.count) CpuPause();  // a thread is counted before its slot is set
    return {NumSlotsBelow(slot), place.count};
  }

 private:
  static constexpr uint32_t kSealed = 1u << 31;

  uint32_t NumSlotsBelow(uint32_t slot) const {
    uint32_t num_slots = 0;
    for (uint32_t word = 0; word * 64 < slot; ++word) {
      uint64_t bits = slots_[word].load(std::memory_order_acquire);
      if (slot - word * 64 < 64) bits &= (uint64_t{1} << slot % 64) - 1;
      num_slots += static_cast<uint32_t>(std::popcount(bits));
    }
    return num_slots;
  }

  std::atomic<uint32_t> state_{0};
  std::atomic<uint64_t> slots_[kMostSlots / 64] = {};
};

constexpr std::chrono::microseconds kArrivalTime(50);

// The threads of a skein_host.parallel_team. It belongs to its caller and to all tasks that were made for it. A task
// that no thread begins in time finds the team closed, and nobody waits for it.
class Team {
 public:
  using Function = void (*)(void* argument, uint32_t index, uint32_t count);

  Team(Function fn, void* argument, uint32_t count) : fn_(fn), argument_(argument), count_(count) { mark_.Release(); }

  // The caller's part, on a thread that has this slot in the arena. Returns when all have returned.
  void Lead(uint32_t slot) {
    fn_(argument_, TakeIndex(slot), count_);
    state_.fetch_or(kClosed, std::memory_order_acq_rel);
    for (uint32_t spin = 0; state_.load(std::memory_order_acquire) != kClosed; ++spin) {
      if (spin < kMostSpins) {
        CpuPause();
      } else {
        std::this_thread::yield();
      }
    }
  }

  // The part of another thread. At most `count` - 1 calls.
  void Help(uint32_t slot) {
    mark_.Acquire();
    if (!Enter()) return;
    const uint32_t index = TakeIndex(slot);
    do {
      fn_(argument_, index, count_);
      state_.fetch_sub(1, std::memory_order_release);
      std::this_thread::yield();
    } while (Enter());
  }

 private:
  static constexpr uint32_t kClosed = 1u << 31;  // the rest of the state is the number of others inside
  static constexpr uint32_t kMostSpins = 1000;   // about 50 us

  bool Enter() {
    uint32_t state = state_.load(std::memory_order_relaxed);
    while ((state & kClosed) == 0) {
      if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acq_rel)) return true;
    }
    return false;
  }

  // The slot as an index, if that is free. A worker that comes back to the arena takes the slot that it had, so from
  // team to team a thread has the same index, and finds the weights of its share in its own caches.
  uint32_t TakeIndex(uint32_t slot) {
    uint32_t index = slot % count_;
    while ((taken_[index / 64].fetch_or(uint64_t{1} << index % 64, std::memory_order_relaxed) >> index % 64 & 1) != 0) {
      index = (index + 1) % count_;
    }
    return index;
  }

  const Function fn_;
  void* const argument_;
  const uint32_t count_;
  std::atomic<uint32_t> state_{0};
  std::atomic<uint64_t> taken_[Arrivals::kMostSlots / 64] = {};
  ForkJoinMark mark_;
};

// oneTBB counts the cores once in a process. If memory runs out during that count, every later use of oneTBB spins for
// ever. So oneTBB is made to count while this library is loaded.
[[maybe_unused]] const size_t tbb_is_ready =
    tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism);

// The threads that can work at a time. oneTBB has as many as there were processors in the affinity when it counted
// them, unless the host has set another number (tbb::global_control). If an arena asks for more workers, oneTBB does
// not start them, and says so on the host's stderr.
uint32_t NumThreads(uint32_t wanted) {
  const size_t most = tbb::global_control::active_value(tbb::global_control::max_allowed_parallelism);
  const size_t threads = std::min<size_t>(wanted == 0 ? NumUsableProcessors() : wanted, most);
  return static_cast<uint32_t>(std::clamp<size_t>(threads, 1, Arrivals::kMostSlots));
}

// Whether this process has had an arena. Process-wide because oneTBB's threads are.
std::atomic<bool> had_arena{false};

constexpr uint64_t kHugePageBytes = uint64_t{2} << 20;

// Memory for skein_host.alloc. Weights are streamed from end to end for every token, and with pages of 4 KiB a core
// loses up to a third of its bandwidth to looking up addresses. So large blocks ask for huge pages, which the system
// may grant.
void* Allocate(uint64_t bytes, uint64_t alignment) {
  if (alignment == 0 || (alignment & (alignment - 1)) != 0 || bytes > UINT64_MAX - alignment) return nullptr;
  // aligned_alloc wants whole multiples of the alignment.
  const uint64_t size = (std::max<uint64_t>(bytes, 1) + alignment - 1) & ~(alignment - 1);
  void* memory = std::aligned_alloc(alignment, size);
  if (memory != nullptr && alignment >= kHugePageBytes) {
    madvise(memory, size, MADV_HUGEPAGE);  // advice: if there are no huge pages, it fails and nothing is lost
  }
  return memory;
}

// A plugin may log a text of several lines, a table for example. Each becomes a line of the log. A text that is longer
// than any is a mistake in its size, and is not read further.
void AddLines(const HostServices::LogFunction& log, uint32_t severity, const char* text, uint64_t text_bytes) {
  constexpr uint64_t kMaxBytes = 64 << 10;
  const absl::string_view lines(text, text == nullptr ? 0 : std::min(text_bytes, kMaxBytes));
  for (const absl::string_view line : absl::StrSplit(absl::StripTrailingAsciiWhitespace(lines), '\n')) {
    log(std::min<uint32_t>(severity, SKEIN_LOG_ERROR), line);
  }
}

}  // namespace

// oneTBB allocates a little for every parallel piece of work, and cannot always start the threads that it asks for.
// Where it fails, fewer threads do the work, down to the calling one alone: the C callers know no failure.
class HostServices::Arena {
 public:
  // Threads of the engines may enter in the places that workers do not take.
  explicit Arena(uint32_t wanted)
      : num_threads_(NumThreads(wanted)),
        num_slots_(std::clamp(wanted, num_threads_, Arrivals::kMostSlots)),
        arena_(static_cast<int>(num_slots_), num_slots_ - num_threads_ + 1) {
    // The arena's threads get the floating-point environment of the thread that makes the arena.
    const DefaultFpEnvironment environment;
    had_arena.store(true, std::memory_order_relaxed);
    arena_.initialize();
  }

  uint32_t num_threads() const { return num_threads_; }

  template <typename Work>
  void Execute(const Work& work) {
    ForkJoinMark mark;
    mark.Release();
    bool started = false;
    try {
      arena_.execute([&] {
        mark.Acquire();
        started = true;
        work();
        mark.Release();
      });
      mark.Acquire();
    } catch (...) {
      if (started) throw;
    }
    if (!started) work();
  }

  template <typename Work>
  void ParallelFor(uint64_t num_items, const Work& work) {
    if (num_items == 0) return;
    if (num_items == 1 || num_threads() == 1) {
      for (uint64_t i = 0; i < num_items; ++i) work(i);
      return;
    }
    Execute([&] {
      // A part of the range says how many items to do, not which ones. So the rest is known when oneTBB fails.
      std::atomic<uint64_t> num_claimed{0};
      std::atomic<bool> work_threw{false};
      const auto run = [&](uint64_t count) {
        const uint64_t begin = num_claimed.fetch_add(count, std::memory_order_relaxed);
        try {
          for (uint64_t i = begin; i != begin + count; ++i) work(i);
        } catch (...) {
          work_threw = true;
          throw;
        }
      };
      ForkJoinMark mark;
      mark.Release();
      try {
        tbb::parallel_for(tbb::blocked_range<uint64_t>(0, num_items, 1),
                          [&](const tbb::blocked_range<uint64_t>& range) {
                            mark.Acquire();
                            run(range.size());
                            mark.Release();
                          });
      } catch (...) {
        if (work_threw) throw;
      }
      mark.Acquire();
      run(num_items - num_claimed);
    });
  }

  void ParallelRegion(uint32_t wanted, void (*fn)(void*, uint32_t, uint32_t), void* argument) {
    wanted = std::clamp<uint32_t>(wanted, 1, num_threads());
    if (wanted == 1) {
      fn(argument, 0, 1);
      return;
    }
    Execute([&] {
      Arrivals arrivals;
      ForkJoinMark mark;
      const auto participate = [&arrivals, fn, argument](uint32_t slot) {
        const Arrivals::Place place = arrivals.WaitForPlace(slot);
        fn(argument, place.index, place.count);
      };
      mark.Release();
      const uint32_t own_slot = CurrentSlot();
      arrivals.Arrive(own_slot);
      const auto join = [&arrivals, &mark, &participate] {
        const uint32_t slot = CurrentSlot();
        if (!arrivals.Arrive(slot)) return;  // the region runs without this thread
        mark.Acquire();
        participate(slot);
        mark.Release();
      };
      tbb::task_group others;
      try {
        for (uint32_t i = 1; i < wanted; ++i) others.run(join);
      } catch (...) {
        // No more than the threads that were asked so far.
      }
      const auto deadline = std::chrono::steady_clock::now() + kArrivalTime;
      while (arrivals.count() < wanted && std::chrono::steady_clock::now() < deadline) CpuPause();
      arrivals.Seal();
      participate(own_slot);
      others.wait();
      mark.Acquire();
    });
  }

  void ParallelTeam(uint32_t wanted, Team::Function fn, void* argument) {
    wanted = std::clamp<uint32_t>(wanted, 1, num_threads());
    if (wanted == 1) {
      fn(argument, 0, 1);
      return;
    }
    Execute([&] {
      std::shared_ptr<Team> team;
      try {
        team = std::make_shared<Team>(fn, argument, wanted);
        for (uint32_t i = 1; i < wanted; ++i) Enqueue(team);
      } catch (...) {
        // No more than the threads that were asked so far.
      }
      if (team != nullptr) {
        team->Lead(CurrentSlot());
      } else {
        fn(argument, 0, wanted);
      }
    });
  }

 private:
  // Has another thread of the arena help, when one is free. The task is nobody's: a thread that waits inside the arena
  // for work of its own does not take it up, and the team does not wait for it.
  void Enqueue(const std::shared_ptr<Team>& team) {
    arena_.enqueue([team] { team->Help(CurrentSlot()); });
  }

  const uint32_t num_threads_;
  const uint32_t num_slots_;
  tbb::task_arena arena_;
};

HostServices::HostServices(uint32_t num_threads, LogFunction log)
    : arena_(std::make_unique<Arena>(num_threads)), log_(std::move(log)), host_() {
  host_.struct_size = sizeof(host_);
  host_.context = this;
  host_.concurrency = [](void* context) { return static_cast<HostServices*>(context)->num_threads(); };
  host_.parallel_for = [](void* context, uint64_t num_items, void (*fn)(void*, uint64_t), void* argument) {
    static_cast<HostServices*>(context)->arena_->ParallelFor(num_items, [=](uint64_t i) { fn(argument, i); });
  };
  host_.parallel_region = [](void* context, uint32_t wanted, void (*fn)(void*, uint32_t, uint32_t), void* argument) {
    static_cast<HostServices*>(context)->arena_->ParallelRegion(wanted, fn, argument);
  };
  host_.parallel_team = [](void* context, uint32_t wanted, Team::Function fn, void* argument) {
    static_cast<HostServices*>(context)->arena_->ParallelTeam(wanted, fn, argument);
  };
  host_.alloc = [](void*, uint64_t bytes, uint64_t alignment) { return Allocate(bytes, alignment); };
  host_.free = [](void*, void* memory) { std::free(memory); };
  host_.log = [](void* context, uint32_t severity, const char* text, uint64_t text_bytes) {
    // C code calls this, and nothing may be thrown through the plugin. A line that cannot be kept is lost.
    try {
      AddLines(static_cast<HostServices*>(context)->log_, severity, text, text_bytes);
    } catch (...) {
    }
  };
}

HostServices::~HostServices() = default;

uint32_t HostServices::num_threads() const { return arena_->num_threads(); }

void HostServices::Execute(const std::function<void()>& work) {
  arena_->Execute([&work] {
    const DefaultFpEnvironment environment;
    work();
  });
}

void HostServices::ParallelFor(uint64_t num_items, const std::function<void(uint64_t)>& work) {
  arena_->ParallelFor(num_items, work);
}

void EndIdleThreads() noexcept {
  if (!had_arena.exchange(false)) return;
  try {
    tbb::task_scheduler_handle handle{tbb::attach{}};
    tbb::finalize(handle, std::nothrow);  // false: another thread of the host's has used oneTBB
  } catch (...) {                         // the child will have fewer threads
  }
}

}  // namespace skein
