#include "engine/stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/engine.h"
#include "engine/model.h"
#include "serving/request.h"
#include "state/snapshot.h"

namespace skein {

absl::StatusOr<std::shared_ptr<Stream>> Stream::Create(std::shared_ptr<Model> model, const std::string& state_path) {
  InitialState initial_state;
  if (!state_path.empty()) {
    SKEIN_ASSIGN_OR_RETURN(std::vector<float> values, model->ReadTunedState(state_path));
    initial_state = std::make_shared<const std::vector<float>>(std::move(values));
  }
  SKEIN_ASSIGN_OR_RETURN(std::shared_ptr<Stream> stream,
                         Add(std::move(model), std::move(initial_state), StreamState()));
  SKEIN_RETURN_IF_ERROR(stream->Reset());
  return stream;
}

absl::StatusOr<std::shared_ptr<Stream>> Stream::Add(std::shared_ptr<Model> model, InitialState initial_state,
                                                    StreamState at) {
  SKEIN_RETURN_IF_ERROR(model->AddStream());
  return std::shared_ptr<Stream>(new Stream(std::move(model), std::move(initial_state), std::move(at)));
}

Stream::Stream(std::shared_ptr<Model> model, InitialState initial_state, StreamState at)
    : model_(std::move(model)), initial_state_(std::move(initial_state)), at_(std::move(at)) {}

Stream::~Stream() { model_->RemoveStream(); }

StreamState Stream::Committed() const {
  const MutexLock lock(mutex_);
  return at_;
}

absl::StatusOr<std::shared_ptr<Stream>> Stream::Fork() const { return Add(model_, initial_state_, Committed()); }

absl::StatusOr<StateRef> Stream::StartingPoint() const {
  if (initial_state_ == nullptr) return model_->initial_state();
  return model_->engine().ImportState(*initial_state_);
}

absl::Status Stream::Reset() {
  SKEIN_RETURN_IF_ERROR(BeginWrite().status());
  absl::StatusOr<StateRef> state = StartingPoint();
  if (state.ok()) {
    StreamState at;
    at.state = *state;
    Commit(std::move(at));
  }
  EndWrite();
  return state.status();
}

uint64_t Stream::SnapshotBytes() const { return skein::SnapshotBytes(model_->config().StateFloats()); }

absl::Status Stream::ExportState(absl::Span<float> state) const {
  return model_->engine().ExportState(Committed().state, state);
}

absl::Status Stream::Snapshot(absl::Span<uint8_t> bytes) const {
  const StreamState at = Committed();
  skein::Snapshot snapshot;
  SKEIN_ASSIGN_OR_RETURN(snapshot.fingerprint, model_->Fingerprint());
  snapshot.generation = model_->config().generation;
  snapshot.variant = model_->config().variant;
  snapshot.position = at.position;
  snapshot.sample_index = at.sample_index;
  snapshot.pending = at.pending;
  snapshot.state.resize(model_->config().StateFloats());
  SKEIN_RETURN_IF_ERROR(model_->engine().ExportState(at.state, absl::MakeSpan(snapshot.state)));
  WriteSnapshot(snapshot, bytes);
  return absl::OkStatus();
}

absl::Status Stream::Restore(absl::Span<const uint8_t> bytes) {
  SKEIN_ASSIGN_OR_RETURN(skein::Snapshot snapshot, ReadSnapshot(bytes, model_->config().StateFloats()));
  SKEIN_ASSIGN_OR_RETURN(const std::string fingerprint, model_->Fingerprint());
  const ModelConfig& config = model_->config();
  if (snapshot.fingerprint != fingerprint || snapshot.generation != config.generation ||
      snapshot.variant != config.variant) {
    ModelConfig source;
    source.generation = snapshot.generation;
    source.variant = snapshot.variant;
    return absl::FailedPreconditionError(absl::StrCat("snapshot: of a model with source weights ", snapshot.fingerprint,
                                                      " (", source.VersionName(), "); this model's are ", fingerprint,
                                                      " (", config.VersionName(), ")"));
  }
  if (!snapshot.pending.empty() && snapshot.pending[0] >= config.vocab_size) {
    return absl::DataLossError(
        absl::StrCat("snapshot: pending token ", snapshot.pending[0], "; the vocabulary has ", config.vocab_size));
  }
  SKEIN_RETURN_IF_ERROR(BeginWrite().status());
  const absl::StatusOr<StateRef> state = model_->engine().ImportState(snapshot.state);
  if (state.ok()) Commit({*state, snapshot.position, std::move(snapshot.pending), snapshot.sample_index});
  EndWrite();
  return state.status();
}

absl::StatusOr<StreamState> Stream::BeginWrite() {
  const MutexLock lock(mutex_);
  if (has_writer_) {
    return absl::FailedPreconditionError("stream: a request or an eval runs on it; expected an idle stream");
  }
  has_writer_ = true;
  return at_;
}

void Stream::Commit(StreamState at) {
  // The old place is let go outside the lock: it may hold the last reference to a slot.
  const MutexLock lock(mutex_);
  std::swap(at_, at);
}

void Stream::EndWrite() {
  const MutexLock lock(mutex_);
  has_writer_ = false;
  request_.reset();
}

void Stream::SetRequest(std::weak_ptr<Request> request) {
  const MutexLock lock(mutex_);
  request_ = std::move(request);
}

void Stream::CancelRequest() {
  std::shared_ptr<Request> request;
  {
    const MutexLock lock(mutex_);
    request = request_.lock();
  }
  if (request != nullptr) request->Cancel();
}

}  // namespace skein
