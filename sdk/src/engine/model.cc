#include "engine/model.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "files/state_file.h"

namespace skein {
namespace {

// A stream becomes free when its host releases it, which nothing here can foresee.
constexpr uint32_t kRetryAfterMs = 100;

}  // namespace

Model::Model(ModelParts parts) : parts_(std::move(parts)) { ++metrics().models; }

Model::~Model() { --metrics().models; }

absl::Status Model::CheckTokenizer(absl::string_view what) const {
  if (parts_.tokenizer != nullptr) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(what, " needs a tokenizer, and the model has none: ", parts_.tokenizer_absence));
}

absl::StatusOr<std::vector<float>> Model::ReadStateFile(const std::string& path) const {
  Runtime& runtime = *parts_.runtime;
  return skein::ReadStateFile(runtime.plugins().formats(), runtime.host(), path, config());
}

absl::Status Model::AddStream() {
  uint32_t count = num_streams_.load(std::memory_order_relaxed);
  do {
    if (count >= parts_.max_streams) {
      return WithRetryAfter(absl::ResourceExhaustedError(
                                absl::StrCat("stream: the model has ", count, ", which is its option max_streams")),
                            kRetryAfterMs);
    }
  } while (!num_streams_.compare_exchange_weak(count, count + 1));
  ++metrics().streams;
  parts_.engine->OnStreamAdded(count + 1);
  return absl::OkStatus();
}

void Model::RemoveStream() {
  const uint32_t num_left = --num_streams_;
  --metrics().streams;
  parts_.engine->OnStreamRemoved(num_left);
}

absl::StatusOr<StreamSeat> StreamSeat::Take(std::shared_ptr<Model> model) {
  SKEIN_RETURN_IF_ERROR(model->AddStream());
  return StreamSeat(std::move(model));
}

StreamSeat::~StreamSeat() {
  if (model_ != nullptr) model_->RemoveStream();
}

}  // namespace skein
