// A stream: one sequence of tokens, and a reference to its state.
#ifndef SKEIN_ENGINE_STREAM_H_
#define SKEIN_ENGINE_STREAM_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "engine/model.h"
#include "engine/prefix_scope.h"
#include "engine/stream_snapshot.h"
#include "engine/stream_state.h"
#include "engine/writer.h"
#include "scheduler/tenant.h"
#include "state/state_pool.h"

namespace skein {

class Stream;

// The one right to write to a stream. Release and the destructor give it back.
class WriteRight {
 public:
  WriteRight() = default;
  WriteRight(WriteRight&& other) noexcept = default;
  WriteRight& operator=(WriteRight&& other) noexcept {
    std::swap(stream_, other.stream_);
    return *this;
  }
  ~WriteRight() { Release(); }

  // The stream; nullptr once the right was given back.
  const std::shared_ptr<Stream>& stream() const { return stream_; }

  // Moves the stream on.
  void Commit(StreamState at) noexcept;

  // Gives the right back, and drops the reference to the stream.
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
  // RESOURCE_EXHAUSTED: the model has max_streams already. With a file also the codes of ReadStateFile, and those of
  // Engine::ImportState. INVALID_ARGUMENT: `tenant` is too long. `salt`: of the prefix cache; streams share its states
  // with those of the same salt alone.
  static absl::StatusOr<std::shared_ptr<Stream>> Create(std::shared_ptr<Model> model, const std::string& state_path,
                                                        const std::string& tenant = "", const std::string& salt = "");
  // A stream at `place`, which is shared with all streams that start there, and to which it goes back with Reset.
  // `place_number`: of PrefixCache::NewPlaceNumber, the same for all that start there.
  static absl::StatusOr<std::shared_ptr<Stream>> StartAt(std::shared_ptr<Model> model, StreamState place,
                                                         uint64_t place_number, const std::string& tenant,
                                                         const std::string& salt);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  const std::shared_ptr<Model>& model() const { return seat_.model(); }
  // The party that the stream and its forks belong to.
  const std::shared_ptr<Tenant>& tenant() const { return tenant_; }

  // The salt, and the place where the stream started.
  const PrefixScope& prefix_scope() const { return *prefix_scope_; }
  // Whether `at` is that place, with nothing read since then.
  bool IsStart(const StreamState& at) const {
    return at.is_start && at.position == origin_.position && at.pending == origin_.pending;
  }

  // The last committed place.
  StreamState Committed() const;
  absl::StatusOr<std::shared_ptr<Stream>> Fork() const;
  absl::Status Reset();

  // These three may wait for one step; see Engine. The codes of RestoreSnapshot and LoadSnapshot (stream_snapshot.h).
  absl::Status Restore(absl::Span<const uint8_t> bytes);
  absl::Status Load(const std::string& path);
  absl::Status ExportState(absl::Span<float> values) const;

  // Makes the caller the one writer. FAILED_PRECONDITION: there is a writer already.
  absl::StatusOr<WriteRight> BeginWrite();

  // Names the writer, which is cancelled when the stream is released. Only the holder of the right calls it.
  void SetWriter(std::weak_ptr<Writer> writer) noexcept;
  // Asks the writer to end, if it was named.
  void CancelWriter();

 private:
  friend class WriteRight;

  // The common part of a stream and its forks.
  struct Beginning {
    std::shared_ptr<Tenant> tenant;
    StreamState origin;
    std::shared_ptr<const PrefixScope> prefix_scope;
  };

  static absl::StatusOr<std::shared_ptr<Stream>> Begin(std::shared_ptr<Model> model, StreamState place,
                                                       const std::string& tenant,
                                                       std::shared_ptr<const PrefixScope> prefix_scope);
  static absl::StatusOr<std::shared_ptr<Stream>> Add(std::shared_ptr<Model> model, Beginning beginning, StreamState at);
  Stream(StreamSeat seat, Beginning beginning, StreamState at);
  absl::Status Restore(absl::FunctionRef<absl::StatusOr<RestoredSnapshot>()> read);
  void Commit(StreamState at) noexcept;
  // Whether a stream that goes from one position to another leaves the length that the model was trained with.
  bool PassesTrainedLength(uint64_t before, uint64_t after) const;
  void EndWrite() noexcept;

  const StreamSeat seat_;
  const std::shared_ptr<Tenant> tenant_;
  // Where Reset takes it: the model's initial state, the tuned one in a file, or the place of a prefix object. Forks
  // have the same.
  const StreamState origin_;
  const std::shared_ptr<const PrefixScope> prefix_scope_;
  mutable Mutex mutex_;
  StreamState at_ ABSL_GUARDED_BY(mutex_);
  bool has_writer_ ABSL_GUARDED_BY(mutex_) = false;
  std::weak_ptr<Writer> writer_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace skein

#endif  // SKEIN_ENGINE_STREAM_H_
