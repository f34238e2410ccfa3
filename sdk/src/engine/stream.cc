#include "engine/stream.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/checksum.h"
#include "base/status.h"
#include "engine/engine.h"
#include "engine/model.h"
#include "skein/runtime.h"

namespace skein {
namespace {

void WarnOfLength(const Model& model) noexcept {
  Guarded([&] {
    model.runtime()->log().Add(
        SKEIN_LOG_WARNING, absl::StrCat("stream: passes ", *model.trained_length(),
                                        " tokens, the length of "
                                        "the longest text that the model was trained with; its answers may get worse"));
    return absl::OkStatus();
  }).IgnoreError();  // without memory there is no line
}

}  // namespace

absl::StatusOr<std::shared_ptr<Stream>> Stream::Create(std::shared_ptr<Model> model, const std::string& state_path,
                                                       const std::string& tenant, const std::string& salt) {
  SKEIN_RETURN_IF_ERROR(CheckTenantName(tenant));
  StreamState start;
  start.state = model->initial_state();
  std::string initial_state_hash;
  if (!state_path.empty()) {
    SKEIN_ASSIGN_OR_RETURN(const std::vector<float> values, model->ReadStateFile(state_path));
    SKEIN_ASSIGN_OR_RETURN(start.state, model->engine()->ImportState(values));
    initial_state_hash = ChecksumHex128(values.data(), values.size() * sizeof(float));
  }
  auto scope = std::make_shared<const PrefixScope>(PrefixScope{absl::StrCat(initial_state_hash, ":", salt)});
  return Begin(std::move(model), std::move(start), tenant, std::move(scope));
}

absl::StatusOr<std::shared_ptr<Stream>> Stream::StartAt(std::shared_ptr<Model> model, StreamState place,
                                                        uint64_t place_number, const std::string& tenant,
                                                        const std::string& salt) {
  // No hash of an initial state begins like this.
  auto scope = std::make_shared<const PrefixScope>(
      PrefixScope{absl::StrCat("#", place_number, ":", salt), /*outlives_process=*/false});
  return Begin(std::move(model), std::move(place), tenant, std::move(scope));
}

absl::StatusOr<std::shared_ptr<Stream>> Stream::Begin(std::shared_ptr<Model> model, StreamState place,
                                                      const std::string& tenant,
                                                      std::shared_ptr<const PrefixScope> prefix_scope) {
  SKEIN_RETURN_IF_ERROR(CheckTenantName(tenant));
  place.is_start = true;
  std::shared_ptr<Tenant> party = model->engine()->tenants().Get(tenant);
  if (!place.history.is_recorded()) place.history = History(model->checkpoints(), place.position, place.state);
  StreamState origin = place;
  return Add(std::move(model), {std::move(party), std::move(origin), std::move(prefix_scope)}, std::move(place));
}

absl::StatusOr<std::shared_ptr<Stream>> Stream::Add(std::shared_ptr<Model> model, Beginning beginning, StreamState at) {
  SKEIN_ASSIGN_OR_RETURN(StreamSeat seat, StreamSeat::Take(std::move(model)));
  return std::shared_ptr<Stream>(new Stream(std::move(seat), std::move(beginning), std::move(at)));
}

Stream::Stream(StreamSeat seat, Beginning beginning, StreamState at)
    : seat_(std::move(seat)),
      tenant_(std::move(beginning.tenant)),
      origin_(std::move(beginning.origin)),
      prefix_scope_(std::move(beginning.prefix_scope)),
      at_(std::move(at)) {}

StreamState Stream::Committed() const {
  const MutexLock lock(mutex_);
  return at_;
}

absl::StatusOr<std::shared_ptr<Stream>> Stream::Fork() const {
  return Add(model(), {tenant_, origin_, prefix_scope_}, Committed());
}

absl::Status Stream::Reset() {
  SKEIN_ASSIGN_OR_RETURN(WriteRight right, BeginWrite());
  StreamState at = origin_;
  right.Commit(std::move(at));
  return absl::OkStatus();
}

absl::Status Stream::ExportState(absl::Span<float> values) const {
  return skein::ExportState(*model(), Committed(), values);
}

absl::Status Stream::Restore(absl::Span<const uint8_t> bytes) {
  return Restore([&] { return RestoreSnapshot(*model(), bytes); });
}

absl::Status Stream::Load(const std::string& path) {
  return Restore([&] { return LoadSnapshot(*model(), path); });
}

absl::Status Stream::Restore(absl::FunctionRef<absl::StatusOr<RestoredSnapshot>()> read) {
  SKEIN_ASSIGN_OR_RETURN(WriteRight right, BeginWrite());
  SKEIN_ASSIGN_OR_RETURN(RestoredSnapshot restored, read());
  right.Commit(std::move(restored.at));
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
