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
  StateRef state;                 // empty: the initial state
  uint64_t position = 0;          // tokens that are in the state
  std::vector<uint32_t> pending;  // sampled and not in the state yet; at most one
  uint64_t sample_index = 0;      // of the request that ran last
};

// Threads: any. One writer at a time; see skein/stream.h.
class Stream {
 public:
  // RESOURCE_EXHAUSTED: the model has as many streams as it may.
  static absl::StatusOr<std::shared_ptr<Stream>> Create(std::shared_ptr<Model> model, StreamState at = {});
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  const std::shared_ptr<Model>& model() const { return model_; }

  // The last committed place.
  StreamState Committed() const;
  absl::StatusOr<std::shared_ptr<Stream>> Fork() const;
  absl::Status Reset();

  // Both may wait for one step.
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
  Stream(std::shared_ptr<Model> model, StreamState at);

  const std::shared_ptr<Model> model_;
  mutable Mutex mutex_;
  StreamState at_ ABSL_GUARDED_BY(mutex_);
  bool has_writer_ ABSL_GUARDED_BY(mutex_) = false;
  std::weak_ptr<Request> request_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace skein

#endif  // SKEIN_ENGINE_STREAM_H_
