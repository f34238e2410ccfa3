// A stream: one sequence of tokens, and where its state is.
#ifndef SKEIN_ENGINE_STREAM_H_
#define SKEIN_ENGINE_STREAM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "state/state_pool.h"

namespace skein {

class Model;
class Request;

// A place in a sequence. Copying it shares the state.
struct StreamState {
  StateRef state;                 // empty: the initial state of the architecture
  uint64_t position = 0;          // tokens that are in the state
  std::vector<uint32_t> pending;  // sampled and not in the state yet; at most one
  uint64_t sample_index = 0;      // of the request that ran last
};

// Threads: any. One writer at a time; see skein/stream.h.
class Stream {
 public:
  // A stream at its initial state: the tuned one in the file `state_path`, or the model's if that is "".
  // RESOURCE_EXHAUSTED: the model has as many streams as it may. And the codes of ReadTunedState. With a file it may
  // wait for one step.
  static absl::StatusOr<std::shared_ptr<Stream>> Create(std::shared_ptr<Model> model, const std::string& state_path);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  const std::shared_ptr<Model>& model() const { return model_; }

  // The last committed place.
  StreamState Committed() const;
  absl::StatusOr<std::shared_ptr<Stream>> Fork() const;
  // May wait for one step if the stream has an initial state of its own.
  absl::Status Reset();

  // All may wait for one step.
  uint64_t SnapshotBytes() const;
  absl::Status Snapshot(absl::Span<uint8_t> bytes) const;
  absl::Status Restore(absl::Span<const uint8_t> bytes);
  absl::Status ExportState(absl::Span<float> state) const;

  // Makes the caller the one writer and gives where the stream stands. FAILED_PRECONDITION: there is one.
  absl::StatusOr<StreamState> BeginWrite();
  // By the writer: moves the stream on.
  void Commit(StreamState at);
  void EndWrite();

  // The request that runs on the stream, to be cancelled with it.
  void SetRequest(std::weak_ptr<Request> request);
  void CancelRequest();

 private:
  // The values of a tuned initial state, shared with the forks. Kept on the host, so that a stream that has moved on
  // holds no slot for it. nullptr: the stream starts where the model says.
  using InitialState = std::shared_ptr<const std::vector<float>>;

  static absl::StatusOr<std::shared_ptr<Stream>> Add(std::shared_ptr<Model> model, InitialState initial_state,
                                                     StreamState at);
  Stream(std::shared_ptr<Model> model, InitialState initial_state, StreamState at);
  absl::StatusOr<StateRef> StartingPoint() const;

  const std::shared_ptr<Model> model_;
  const InitialState initial_state_;
  mutable Mutex mutex_;
  StreamState at_ ABSL_GUARDED_BY(mutex_);
  bool has_writer_ ABSL_GUARDED_BY(mutex_) = false;
  std::weak_ptr<Request> request_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace skein

#endif  // SKEIN_ENGINE_STREAM_H_
