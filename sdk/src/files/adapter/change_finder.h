// Finds the tensors of a model that an adapter changes, and how.
#ifndef SKEIN_FILES_ADAPTER_CHANGE_FINDER_H_
#define SKEIN_FILES_ADAPTER_CHANGE_FINDER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "files/adapter/adapter_settings.h"
#include "files/checkpoint/checkpoint.h"
#include "model/adapted_weights.h"
#include "model/config.h"
#include "model/weight_source.h"

namespace skein {

// The changes of one adapter, and what a reader of the log wants to know of them.
struct AdapterChanges {
  std::vector<std::optional<TensorChange>> tensors;  // parallel to the tensors of the model; not all are empty
  uint64_t num_tensors = 0;                          // that are changed
  bool has_initial_products = false;                 // PiSSA's, which is not scaled
  // Of the low-rank products.
  uint64_t num_products = 0;
  double min_scale = 0;
  double max_scale = 0;
  std::string scale_text;      // of the first: "lora_alpha 8 / r 4 in adapter_config.json"; "" if nothing says a scale
  uint64_t unscaled_rank = 0;  // of the first product whose scale nothing says; 0: there is none
};

// `path` is that of the adapter, `scale` the one that the caller gives, which counts in place of the one in `settings`.
// `specs` are the tensors of the model of `config`.
//
// INVALID_ARGUMENT: a tensor of the adapter means nothing to the model, has another shape or rank, is there twice or
// lacks its partner; or none changes anything. Names the tensors and says what was expected.
absl::StatusOr<AdapterChanges> FindChanges(const std::string& path, std::shared_ptr<const Checkpoint> adapter,
                                           std::optional<double> scale, const std::optional<AdapterSettings>& settings,
                                           const ModelConfig& config, absl::Span<const TensorSpec> specs);

}  // namespace skein

#endif  // SKEIN_FILES_ADAPTER_CHANGE_FINDER_H_
