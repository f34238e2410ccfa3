// The work of a step among its threads. A step is a row of phases, each cut into chunks. Every thread of the step goes
// through all phases in order, and does chunks that nobody has begun: first those of its own share, then those that
// other shares have left. A phase is over when its chunks are done, by whomever, and nobody waits for a thread that has
// no chunk. So a thread may come late: it passes over the phases that are over. It may also leave between two chunks,
// and come again. A thread that loses its processor in the middle of a chunk holds up the others. Hence a thread
// offers its processor to others between two chunks before the system would take it away.
//
// A chunk is the same whoever does it, so results do not depend on the number of threads.
#ifndef SKEIN_BACKENDS_ONEDNN_PHASES_H_
#define SKEIN_BACKENDS_ONEDNN_PHASES_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace skein::onednn {

// How far a step is. Shared by its threads.
class Progress {
 public:
  // For steps of up to `num_threads` threads.
  explicit Progress(uint32_t num_threads) : begun_(num_threads) {}

  // Before a step, while no thread is in it.
  void Restart() {
    done_.store(0, std::memory_order_relaxed);
    for (Begun& begun : begun_) begun.word.store(0, std::memory_order_relaxed);
  }

  // All writes of a phase that is over are seen.
  bool IsOver(uint32_t phase, uint32_t num_chunks) const {
    const uint64_t word = done_.load(std::memory_order_acquire);
    return PhaseOf(word) > phase || word == Word(phase, num_chunks);
  }

  // Begins a chunk of the share of `owner`, which has chunks [begin, end): the owner from the front, others from the
  // back. Nothing: there is none left. The phases before are over. A share has fewer than 2^16 chunks.
  std::optional<uint32_t> Begin(uint32_t phase, uint32_t owner, uint32_t begin, uint32_t end, bool from_front) {
    std::atomic<uint64_t>& shared = begun_[owner].word;
    uint64_t word = shared.load(std::memory_order_relaxed);
    for (;;) {
      if (PhaseOf(word) > phase) return std::nullopt;
      const uint32_t begun = PhaseOf(word) == phase ? static_cast<uint32_t>(word) : 0;
      const uint32_t front = begun >> 16, back = begun & 0xFFFF;
      if (front + back >= end - begin) return std::nullopt;
      const uint64_t next = Word(phase, from_front ? begun + (1u << 16) : begun + 1);
      if (!shared.compare_exchange_weak(word, next, std::memory_order_relaxed)) continue;
      return from_front ? begin + front : end - 1 - back;
    }
  }

  // `num_chunks` that Begin gave are done.
  void Finish(uint32_t phase, uint32_t num_chunks) {
    uint64_t word = done_.load(std::memory_order_relaxed);
    uint64_t next;
    do {
      next = Word(phase, num_chunks) + (PhaseOf(word) == phase ? static_cast<uint32_t>(word) : 0);
    } while (!done_.compare_exchange_weak(word, next, std::memory_order_acq_rel, std::memory_order_relaxed));
  }

 private:
  // A phase and the counts of its chunks. A word of an earlier phase says that no chunk of this one is counted yet, so
  // nobody has to prepare a phase for the others.
  static uint64_t Word(uint32_t phase, uint32_t counts) { return uint64_t{phase} << 32 | counts; }
  static uint32_t PhaseOf(uint64_t word) { return static_cast<uint32_t>(word >> 32); }

  struct alignas(64) Begun {
    std::atomic<uint64_t> word = 0;  // from the front << 16 | from the back
  };

  alignas(64) std::atomic<uint64_t> done_ = 0;
  std::vector<Begun> begun_;  // by share
};

// How long a thread has had its processor. Its own; it shares no cache line with another thread's.
class alignas(64) Turn {
 public:
  using Clock = std::chrono::steady_clock;

  // Linux takes a processor away after 1.4 to 4 ms if another thread wants it, depending on the number of processors
  // and on its clock. A thread that goes earlier gets less of a processor that it shares.
  static constexpr std::chrono::microseconds kLength{1500};

  explicit Turn(Clock::duration length = kLength) : length_(length) {}

  void Restart() { began_ = seen_ = Clock::now(); }

  // To be asked between chunks. True: it is time to let others have the processor.
  bool IsOver() {
    const Clock::time_point now = Clock::now();
    if (now - seen_ > kAbsence) began_ = now;
    seen_ = now;
    return now - began_ >= length_;
  }

 private:
  // Between two chunks only a thread that lost its processor, or was in no step, takes so long.
  static constexpr std::chrono::microseconds kAbsence{1000};

  const Clock::duration length_;
  Clock::time_point began_, seen_;
};

// One thread's way through the phases of a step.
class PhaseWalk {
 public:
  // Where a thread goes when others shall have its processor: out of the step, to come again, or nowhere.
  enum class Rest { kOutside, kInside };

  // Thread `index` of up to `count`.
  PhaseWalk(Progress& progress, Turn& turn, uint32_t index, uint32_t count, Rest rest)
      : progress_(progress), turn_(turn), index_(index), count_(count), rest_(rest) {}

  uint32_t count() const { return count_; }
  // The first chunk of this thread's share.
  uint32_t FirstChunk(uint32_t num_chunks) const { return ShareBegin(num_chunks, index_); }

  // The next phase: calls body(chunk) for chunks that are this thread's to do, and returns when the phase is over.
  // After the thread has left the step it calls nothing more. A thread that has to wait calls `meanwhile` again and
  // again, as long as `meanwhile` says that it had work to do.
  template <typename Body, typename Meanwhile>
  void Run(uint32_t num_chunks, const Body& body, const Meanwhile& meanwhile) {
    ++phase_;
    if (count_ == 1) {
      for (uint32_t chunk = 0; chunk < num_chunks; ++chunk) body(chunk);
      return;
    }
    if (has_left_ || num_chunks == 0 || progress_.IsOver(phase_, num_chunks)) return;
    for (uint32_t i = 0; i < count_ && !has_left_; ++i) RunShare((index_ + i) % count_, num_chunks, body);
    if (!has_left_) Wait(num_chunks, meanwhile);
  }

 private:
  static constexpr uint32_t kMostSpins = 1000;  // about 50 us

  uint32_t ShareBegin(uint32_t num_chunks, uint32_t owner) const {
    return static_cast<uint32_t>(uint64_t{num_chunks} * owner / count_);
  }

  template <typename Body>
  void RunShare(uint32_t owner, uint32_t num_chunks, const Body& body) {
    const uint32_t begin = ShareBegin(num_chunks, owner), end = ShareBegin(num_chunks, owner + 1);
    uint32_t num_done = 0;
    while (const auto chunk = progress_.Begin(phase_, owner, begin, end, owner == index_)) {
      body(*chunk);
      ++num_done;
      if (!turn_.IsOver()) continue;
      progress_.Finish(phase_, std::exchange(num_done, 0));
      TakeRest();
      if (has_left_) return;
    }
    if (num_done != 0) progress_.Finish(phase_, num_done);
  }

  template <typename Meanwhile>
  void Wait(uint32_t num_chunks, const Meanwhile& meanwhile) {
    const auto has_to_wait = [&] { return !progress_.IsOver(phase_, num_chunks); };
    while (has_to_wait() && meanwhile()) {
    }
    for (uint32_t spin = 0; has_to_wait() && !has_left_; ++spin) {
      if (spin < kMostSpins) {
        Pause();
      } else {  // another thread must have lost its processor: leave it ours
        TakeRest();
      }
    }
  }

  void TakeRest() {
    if (rest_ == Rest::kOutside) {
      has_left_ = true;
    } else {
      std::this_thread::yield();
    }
    turn_.Restart();
  }

  static void Pause() {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  Progress& progress_;
  Turn& turn_;
  const uint32_t index_;
  const uint32_t count_;
  const Rest rest_;
  uint32_t phase_ = 0;
  bool has_left_ = false;
};

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_PHASES_H_
