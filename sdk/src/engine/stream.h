// A stream: one sequence of tokens, and where its state is.
#ifndef SKEIN_ENGINE_STREAM_H_
#define SKEIN_ENGINE_STREAM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "engine/model.h"
#include "engine/stream_state.h"
#include "engine/writer.h"
#include "state/state_pool.h"

namespace skein {

class Stream;

// The one right to write to a stream. Let go by Release or when it is destroyed.
class WriteRight {
 public:
  WriteRight() = default;
  WriteRight(WriteRight&& other) noexcept = default;
  WriteRight& operator=(WriteRight&& other) noexcept {
    std::swap(stream_, other.stream_);
    return *this;
  }
  ~WriteRight() { Release(); }

  // The stream; nullptr once the right was let go.
  const std::shared_ptr<Stream>& stream() const { return stream_; }

  // Moves the stream on.
  void Commit(StreamState at) noexcept;

  // Lets go of the right and of the stream.
  void Release() noexcept;

 private:
  friend class Stream;
  explicit WriteRight(std::shared_ptr<Stream> stream) : stream_(std::move(stream)) {}

  std::shared_ptr<Stream> stream_;
};

// Threads: any. One writer at a time; see skein/stream.h.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  // A stream at its initial state: the tuned one in the file `state_path`, or the model's if that is "".
  // RESOURCE_EXHAUSTED: the model has as many streams as it may. And the codes of ReadTunedState. With a file it may
  // wait for one step.
  static absl::StatusOr<std::shared_ptr<Stream>> Create(std::shared_ptr<Model> model, const std::string& state_path);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  const std::shared_ptr<Model>& model() const { return seat_.model(); }

  // The last committed place.
  StreamState Committed() const;
  absl::StatusOr<std::shared_ptr<Stream>> Fork() const;
  // May wait for one step if the stream has an initial state of its own.
  absl::Status Reset();

  // The bytes of a snapshot at `at`, a place that Committed gave; the snapshot is written from the same place, so that
  // a request that moves the stream on does not change the size.
  uint64_t SnapshotBytes(const StreamState& at) const;

  // All may wait for one step.
  absl::Status Snapshot(const StreamState& at, absl::Span<uint8_t> bytes) const;
  absl::Status Restore(absl::Span<const uint8_t> bytes);
  absl::Status ExportState(absl::Span<float> values) const;

  // Makes the caller the one writer. FAILED_PRECONDITION: there is one.
  absl::StatusOr<WriteRight> BeginWrite();

  // Names the writer, which is cancelled with the stream. By the holder of the right.
  void SetWriter(std::weak_ptr<Writer> writer) noexcept;
  // Asks the writer to end, if there is one with a name.
  void CancelWriter();

 private:
  friend class WriteRight;

  // The values of a tuned initial state, shared with the forks. Kept on the host, so that a stream that has moved on
  // holds no slot for it. nullptr: the stream starts where the model says.
  using InitialState = std::shared_ptr<const std::vector<float>>;

  static absl::StatusOr<std::shared_ptr<Stream>> Add(std::shared_ptr<Model> model, InitialState initial_state,
                                                     StreamState at);
  Stream(StreamSeat seat, InitialState initial_state, StreamState at);
  absl::StatusOr<StateRef> StartingPoint() const;
  absl::Status ExportState(const StateRef& state, absl::Span<float> values) const;
  void Commit(StreamState at) noexcept;
  void EndWrite() noexcept;

  const StreamSeat seat_;
  const InitialState initial_state_;
  mutable Mutex mutex_;
  StreamState at_ ABSL_GUARDED_BY(mutex_);
  bool has_writer_ ABSL_GUARDED_BY(mutex_) = false;
  std::weak_ptr<Writer> writer_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace skein

#endif  // SKEIN_ENGINE_STREAM_H_
