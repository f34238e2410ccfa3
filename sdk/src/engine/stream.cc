#include "engine/stream.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/engine.h"
#include "engine/model.h"
#include "engine/request.h"
#include "state/snapshot.h"

namespace skein {

absl::StatusOr<std::shared_ptr<Stream>> Stream::Create(std::shared_ptr<Model> model, StreamState at) {
  SKEIN_RETURN_IF_ERROR(model->AddStream());
  return std::shared_ptr<Stream>(new Stream(std::move(model), std::move(at)));
}

Stream::Stream(std::shared_ptr<Model> model, StreamState at) : model_(std::move(model)), at_(std::move(at)) {}

Stream::~Stream() { model_->RemoveStream(); }

StreamState Stream::Committed() const {
  const MutexLock lock(mutex_);
  return at_;
}

absl::StatusOr<std::shared_ptr<Stream>> Stream::Fork() const { return Create(model_, Committed()); }

absl::Status Stream::Reset() {
  SKEIN_RETURN_IF_ERROR(BeginWrite().status());
  Commit(StreamState());
  EndWrite();
  return absl::OkStatus();
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
  if (snapshot.fingerprint != fingerprint || snapshot.generation != model_->config().generation) {
    return absl::FailedPreconditionError(absl::StrCat("snapshot: of a model with source weights ", snapshot.fingerprint,
                                                      " (RWKV-", snapshot.generation, "); this model's are ",
                                                      fingerprint, " (RWKV-", model_->config().generation, ")"));
  }
  if (!snapshot.pending.empty() && snapshot.pending[0] >= model_->config().vocab_size) {
    return absl::DataLossError(absl::StrCat("snapshot: pending token ", snapshot.pending[0], "; the vocabulary has ",
                                            model_->config().vocab_size));
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
