// A loaded model: its file, its tokenizer, and the engine that runs its streams.
#ifndef SKEIN_ENGINE_MODEL_H_
#define SKEIN_ENGINE_MODEL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "model/model_file.h"
#include "runtime/metrics.h"
#include "runtime/options.h"
#include "runtime/runtime.h"
#include "state/state_pool.h"
#include "tokenizer/tokenizer.h"

namespace skein {

class Engine;

// Threads: any. Immutable but for its streams.
class Model {
 public:
  static absl::StatusOr<std::shared_ptr<Model>> Load(std::shared_ptr<Runtime> runtime, const std::string& path,
                                                     const Options* options);
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  const ModelConfig& config() const { return file_->config(); }
  const ModelMetadata& metadata() const { return file_->metadata(); }
  const ModelFile& file() const { return *file_; }
  const std::string& placement() const { return placement_; }
  const std::string& type() const { return type_; }
  // nullptr if the model has none.
  const std::shared_ptr<const Tokenizer>& tokenizer() const { return tokenizer_; }
  // The end of text: as the file says, else 0 where that id has no text of its own.
  std::optional<uint32_t> end_token() const { return end_token_; }
  Engine& engine() { return *engine_; }
  Metrics& metrics() { return runtime_->metrics(); }
  absl::StatusOr<std::string> Fingerprint() const { return file_->Fingerprint(); }

  // Where streams start: empty for the initial state of the architecture, else a slot with the state that the file or
  // the option `state` gives.
  const StateRef& initial_state() const { return initial_state_; }

  // The state in a file of `time_state` tensors, in canonical layout. The codes of ReadTunedState
  // (files/tuned_state.h).
  absl::StatusOr<std::vector<float>> ReadTunedState(const std::string& path) const;

  // Counts the streams that are alive. RESOURCE_EXHAUSTED: there are max_streams.
  absl::Status AddStream();
  void RemoveStream();

 private:
  Model(std::shared_ptr<Runtime> runtime, std::shared_ptr<ModelFile> file);

  const std::shared_ptr<Runtime> runtime_;
  const std::shared_ptr<ModelFile> file_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::optional<uint32_t> end_token_;
  std::shared_ptr<Engine> engine_;
  StateRef initial_state_;
  std::string placement_;
  std::string type_;
  uint32_t max_streams_ = 0;
  std::atomic<uint32_t> num_streams_{0};
};

}  // namespace skein

#endif  // SKEIN_ENGINE_MODEL_H_
