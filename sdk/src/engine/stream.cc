#include "engine/stream.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/engine.h"
#include "engine/model.h"
#include "numbers/state_layout.h"
#include "skein/runtime.h"
#include "state/snapshot.h"

namespace skein {
namespace {

// A snapshot at `at`, still without fingerprint and state.
Snapshot Describe(const StreamState& at) {
  Snapshot snapshot;
  snapshot.position = at.position;
  if (at.pending.has_value()) snapshot.pending.push_back(*at.pending);
  if (at.sampler != nullptr) snapshot.sampler = *at.sampler;
  return snapshot;
}

void WarnOfLength(const Model& model) noexcept {
  Guarded([&] {
    model.runtime()->log().Add(
        SKEIN_LOG_WARNING, absl::StrCat("stream: passes ", *model.trained_length(),
                                        " tokens, the length of "
                                        "the longest text that the model was trained with; its answers may get worse"));
    return absl::OkStatus();
  }).IgnoreError();  // without memory there is no line
}

std::optional<uint32_t> PendingToken(const Snapshot& snapshot) {
  return snapshot.pending.empty() ? std::nullopt : std::optional(snapshot.pending[0]);
}

}  // namespace

absl::StatusOr<std::shared_ptr<Stream>> Stream::Create(std::shared_ptr<Model> model, const std::string& state_path,
                                                       const std::string& tenant) {
  SKEIN_RETURN_IF_ERROR(CheckTenantName(tenant));
  StreamState start;
  start.state = model->initial_state();
  if (!state_path.empty()) {
    SKEIN_ASSIGN_OR_RETURN(const std::vector<float> values, model->ReadStateFile(state_path));
    SKEIN_ASSIGN_OR_RETURN(start.state, model->engine()->ImportState(values));
  }
  std::shared_ptr<Tenant> party = model->engine()->tenants().Get(tenant);
  start.history = History(model->checkpoints(), 0);
  const StateRef initial_state = start.state;
  return Add(std::move(model), std::move(party), initial_state, std::move(start));
}

absl::StatusOr<std::shared_ptr<Stream>> Stream::Add(std::shared_ptr<Model> model, std::shared_ptr<Tenant> tenant,
                                                    StateRef initial_state, StreamState at) {
  SKEIN_ASSIGN_OR_RETURN(StreamSeat seat, StreamSeat::Take(std::move(model)));
  return std::shared_ptr<Stream>(
      new Stream(std::move(seat), std::move(tenant), std::move(initial_state), std::move(at)));
}

Stream::Stream(StreamSeat seat, std::shared_ptr<Tenant> tenant, StateRef initial_state, StreamState at)
    : seat_(std::move(seat)),
      tenant_(std::move(tenant)),
      initial_state_(std::move(initial_state)),
      at_(std::move(at)) {}

StreamState Stream::Committed() const {
  const MutexLock lock(mutex_);
  return at_;
}

absl::StatusOr<std::shared_ptr<Stream>> Stream::Fork() const {
  return Add(model(), tenant_, initial_state_, Committed());
}

absl::Status Stream::Reset() {
  SKEIN_ASSIGN_OR_RETURN(WriteRight right, BeginWrite());
  StreamState at;
  at.state = initial_state_;
  at.history = History(model()->checkpoints(), 0);
  right.Commit(std::move(at));
  return absl::OkStatus();
}

uint64_t Stream::SnapshotBytes(const StreamState& at) const {
  return skein::SnapshotBytes(model()->config(), Describe(at));
}

absl::Status Stream::ExportState(absl::Span<float> values) const { return ExportState(Committed().state, values); }

absl::Status Stream::ExportState(const StateRef& state, absl::Span<float> values) const {
  if (!state.empty()) return model()->engine()->ExportState(state, values);
  WriteFreshState(model()->config(), model()->config().num_layers, values.data());
  return absl::OkStatus();
}

absl::Status Stream::Snapshot(const StreamState& at, absl::Span<uint8_t> bytes) const {
  skein::Snapshot snapshot = Describe(at);
  SKEIN_ASSIGN_OR_RETURN(snapshot.fingerprint, model()->Fingerprint());
  snapshot.state.resize(StateFloats(model()->config()));
  SKEIN_RETURN_IF_ERROR(ExportState(at.state, absl::MakeSpan(snapshot.state)));
  WriteSnapshot(model()->config(), snapshot, bytes);
  return absl::OkStatus();
}

absl::Status Stream::Restore(absl::Span<const uint8_t> bytes) {
  SKEIN_ASSIGN_OR_RETURN(skein::Snapshot snapshot, ReadSnapshot(model()->config(), bytes));
  SKEIN_ASSIGN_OR_RETURN(const std::string fingerprint, model()->Fingerprint());
  if (snapshot.fingerprint != fingerprint) {
    return absl::FailedPreconditionError(absl::StrCat("snapshot: of a model with source weights ", snapshot.fingerprint,
                                                      "; this model's are ", fingerprint));
  }
  SKEIN_ASSIGN_OR_RETURN(WriteRight right, BeginWrite());
  SKEIN_ASSIGN_OR_RETURN(const StateRef state, model()->engine()->ImportState(snapshot.state));
  const auto sampler = std::make_shared<const SamplerState>(std::move(snapshot.sampler));
  // The tokens that the snapshot has read are not known, so that the way back ends here.
  History history(model()->checkpoints(), snapshot.position, sampler);
  history.Keep(state, CheckpointKind::kTurn, 0);
  right.Commit({state, snapshot.position, PendingToken(snapshot), sampler, std::move(history)});
  return absl::OkStatus();
}

absl::StatusOr<WriteRight> Stream::BeginWrite() {
  const MutexLock lock(mutex_);
  if (has_writer_) {
    return absl::FailedPreconditionError("stream: a request or an eval runs on it; expected an idle stream");
  }
  has_writer_ = true;
  return WriteRight(shared_from_this());
}

void Stream::Commit(StreamState at) noexcept {
  const uint64_t position = at.position;
  {
    const MutexLock lock(mutex_);
    std::swap(at_, at);
  }
  if (PassesTrainedLength(at.position, position)) WarnOfLength(*model());
  // The old place is released outside the lock, because it may hold the last reference to a slot.
}

bool Stream::PassesTrainedLength(uint64_t before, uint64_t after) const {
  const std::optional<uint32_t> length = model()->trained_length();
  return length.has_value() && before <= *length && after > *length;
}

void Stream::EndWrite() noexcept {
  const MutexLock lock(mutex_);
  has_writer_ = false;
  writer_.reset();
}

void Stream::SetWriter(std::weak_ptr<Writer> writer) noexcept {
  const MutexLock lock(mutex_);
  writer_ = std::move(writer);
}

void Stream::CancelWriter() {
  std::shared_ptr<Writer> writer;
  {
    const MutexLock lock(mutex_);
    writer = writer_.lock();
  }
  if (writer != nullptr) writer->Cancel();
}

void WriteRight::Commit(StreamState at) noexcept { stream_->Commit(std::move(at)); }

void WriteRight::Release() noexcept {
  const std::shared_ptr<Stream> stream = std::move(stream_);
  stream_ = nullptr;
  if (stream != nullptr) stream->EndWrite();
}

}  // namespace skein
