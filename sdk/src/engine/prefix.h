// A prefix object: a place of a stream with a name, that any number of streams start from. All of them read one state.
#ifndef SKEIN_ENGINE_PREFIX_H_
#define SKEIN_ENGINE_PREFIX_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/model.h"
#include "engine/stream.h"
#include "engine/stream_snapshot.h"
#include "engine/stream_state.h"

namespace skein {

// Immutable. Threads: any.
class Prefix {
 public:
  // The last committed place of `stream`. INVALID_ARGUMENT: a text is too long, or no UTF-8.
  static absl::StatusOr<std::shared_ptr<Prefix>> Create(const Stream& stream, PrefixLabel label);
  // From a file of Save, or any other snapshot, which then has no label. The codes of LoadSnapshot.
  static absl::StatusOr<std::shared_ptr<Prefix>> Load(std::shared_ptr<Model> model, const std::string& path);

  Prefix(std::shared_ptr<Model> model, StreamState place, PrefixLabel label);

  const std::shared_ptr<Model>& model() const { return model_; }
  const PrefixLabel& label() const { return label_; }
  uint64_t position() const { return place_.position; }
  // The size of the file that Save writes without the past.
  uint64_t file_bytes() const { return PlannedSnapshot(*model_, place_, SnapshotPast::kNone, label_).num_bytes(); }

  // The codes of SaveSnapshot.
  absl::Status Save(const std::string& path, const SaveOptions& options) const;

  // A stream that starts here, and costs no copy of the state. It shares states of the prefix cache with those of the
  // same `salt` that start here. The codes of Stream::StartAt.
  absl::StatusOr<std::shared_ptr<Stream>> Start(const std::string& tenant, const std::string& salt = "") const;

 private:
  const std::shared_ptr<Model> model_;
  const StreamState place_;
  const PrefixLabel label_;
  const uint64_t number_;  // no other place of the model has it
};

}  // namespace skein

#endif  // SKEIN_ENGINE_PREFIX_H_
