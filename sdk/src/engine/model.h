// A loaded model: its file, its tokenizer, and the engine that runs its streams. load_model.h loads it.
#ifndef SKEIN_ENGINE_MODEL_H_
#define SKEIN_ENGINE_MODEL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "engine/engine.h"
#include "engine/fingerprint_ahead.h"
#include "model/model_file.h"
#include "runtime/metrics.h"
#include "runtime/runtime.h"
#include "sampling/scratch_pool.h"
#include "state/checkpoint_store.h"
#include "state/state_pool.h"
#include "tokenizer/tokenizer.h"

namespace skein {

// The parts of a loaded model.
struct ModelParts {
  std::shared_ptr<Runtime> runtime;
  std::shared_ptr<const ModelFile> file;
  std::shared_ptr<const Tokenizer> tokenizer;  // nullptr if the model has none
  std::string tokenizer_absence;               // why it has none, and what to do
  std::optional<uint32_t> end_token;           // the end of text
  std::optional<uint32_t> trained_length;      // tokens of the longest text in training
  std::shared_ptr<Engine> engine;
  StateRef initial_state;        // the state that streams start from; empty: the initial state of the architecture
  std::string placement;         // as skein_model_info.device
  std::string type;              // as skein_model_info.type
  uint64_t weights_bytes = 0;    // as given to the devices
  uint64_t embedding_bytes = 0;  // the embedding's part of weights_bytes
  uint32_t max_streams = 0;
  uint32_t head_features = 0;                           // SKEIN_FEATURE_*, of the device that has the head
  std::unique_ptr<FingerprintAhead> fingerprint_ahead;  // nullptr: nothing is computed
};

// Threads: any. Immutable but for the number of its streams, and working memory.
class Model {
 public:
  explicit Model(ModelParts parts);
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const ModelConfig& config() const { return parts_.file->config(); }
  const ModelMetadata& metadata() const { return parts_.file->metadata(); }
  const ModelFile& file() const { return *parts_.file; }
  const std::string& placement() const { return parts_.placement; }
  const std::string& type() const { return parts_.type; }
  uint64_t weights_bytes() const { return parts_.weights_bytes; }
  uint64_t embedding_bytes() const { return parts_.embedding_bytes; }
  const std::shared_ptr<const Tokenizer>& tokenizer() const { return parts_.tokenizer; }
  const std::string& tokenizer_absence() const { return parts_.tokenizer_absence; }
  // OK if there is a tokenizer, else FAILED_PRECONDITION that says why not. `what` is what needs it.
  absl::Status CheckTokenizer(absl::string_view what) const;
  std::optional<uint32_t> end_token() const { return parts_.end_token; }
  std::optional<uint32_t> trained_length() const { return parts_.trained_length; }
  uint32_t max_streams() const { return parts_.max_streams; }
  uint32_t head_features() const { return parts_.head_features; }
  uint32_t num_streams() const { return num_streams_.load(std::memory_order_relaxed); }
  const StateRef& initial_state() const { return parts_.initial_state; }
  const std::shared_ptr<CheckpointStore>& checkpoints() const { return parts_.engine->checkpoints(); }
  const std::shared_ptr<Engine>& engine() const { return parts_.engine; }
  ScratchPool& sampling_scratch() const { return sampling_scratch_; }
  const std::shared_ptr<Runtime>& runtime() const { return parts_.runtime; }
  Metrics& metrics() const { return parts_.runtime->metrics(); }
  absl::StatusOr<std::string> Fingerprint() const { return parts_.file->Fingerprint(); }

  // The state in a file that streams can start from, in canonical layout. The codes of ReadStateFile (state_file.h).
  absl::StatusOr<std::vector<float>> ReadStateFile(const std::string& path) const;

 private:
  friend class StreamSeat;
  absl::Status AddStream();
  void RemoveStream();

  const ModelParts parts_;
  mutable ScratchPool sampling_scratch_;
  std::atomic<uint32_t> num_streams_{0};
};

// One of the max_streams places of a model, and a reference to the model. A stream holds it.
class StreamSeat {
 public:
  // RESOURCE_EXHAUSTED: there are max_streams.
  static absl::StatusOr<StreamSeat> Take(std::shared_ptr<Model> model);
  StreamSeat(StreamSeat&& other) noexcept = default;
  StreamSeat& operator=(StreamSeat&&) = delete;
  ~StreamSeat();

  const std::shared_ptr<Model>& model() const { return model_; }

 private:
  explicit StreamSeat(std::shared_ptr<Model> model) : model_(std::move(model)) {}
  std::shared_ptr<Model> model_;
};

}  // namespace skein

#endif  // SKEIN_ENGINE_MODEL_H_
