// Streams: work that a thread of its own does in order, a little late; and what others wait for.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_STREAM_H_
#define SKEIN_TESTS_CUDA_EMULATOR_STREAM_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "cuda_emulator/types.h"
#include "detector.h"
#include "random.h"

namespace skein::emulator {

class Runtime;
class Graph;

// A point in a stream. Threads: any.
class Completion {
 public:
  void Complete(const Clock& clock);
  void Wait();
  bool IsDone() const;
  // Once it is done.
  const Clock& clock() const { return clock_; }
  std::chrono::steady_clock::time_point time() const { return time_; }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  Clock clock_;
  std::chrono::steady_clock::time_point time_;
};

// Runs on the stream's thread.
using Work = std::function<void(Stream& stream)>;

// Threads: any, but for what is said to be of the stream's own thread.
class Stream {
 public:
  // `blocking`: ordered with the device's default stream.
  Stream(Runtime& runtime, int device, bool blocking, uint32_t number);
  // Ends the work that is left.
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // `known`: what the host has seen to be done.
  void Enqueue(Work work, Clock known);
  // A completion at the end of what is enqueued now.
  std::shared_ptr<Completion> Mark();
  bool IsIdle() const;

  int device() const { return device_; }
  bool blocking() const { return blocking_; }
  Runtime& runtime() { return runtime_; }

  // Of the stream's own thread: the place of its next operation, and what it knows.
  OperationOrder BeginOperation(bool dependent);
  void EndOperation();
  void Know(const Clock& clock) { Merge(known_, clock); }
  const Clock& known() const { return known_; }

  // The graph that takes the work meanwhile; NULL: none. Set by the host that captures.
  std::shared_ptr<Graph> capture;
  bool began_capture = false;

 private:
  struct Item {
    Work work;
    Clock known;
  };
  void RunWork();
  void Pause();

  Runtime& runtime_;
  const int device_;
  const bool blocking_;
  const uint32_t number_;

  // Of the stream's own thread.
  Random random_;
  Clock known_;
  uint64_t sequence_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;
  bool is_working_ = false;
  bool ends_ = false;
  std::thread thread_;  // last: it uses all of the above
};

// Its latest recording. Guarded by the runtime's mutex of handles.
class Event {
 public:
  Event(int of_device, bool is_timed) : device(of_device), timed(is_timed) {}
  const int device;
  const bool timed;
  std::shared_ptr<Completion> completion;  // NULL: not recorded
  std::shared_ptr<Graph> capture;          // it was recorded while this was captured
};

// Work that was captured, in the order of the calls, which is one that its edges allow.
class Graph {
 public:
  std::vector<Work> work;
  int device = 0;
  std::vector<Stream*> streams;  // that take part, while it is captured; the first began it
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::thread::id thread;  // that began it
  bool is_invalid = false;
};

class GraphExec {
 public:
  explicit GraphExec(const Graph& graph)
      : work(std::make_shared<const std::vector<Work>>(graph.work)), device(graph.device) {}
  const std::shared_ptr<const std::vector<Work>> work;
  const int device;
};

}  // namespace skein::emulator

#endif  // SKEIN_TESTS_CUDA_EMULATOR_STREAM_H_
