// From a file to a model on its devices.
#ifndef SKEIN_ENGINE_LOAD_MODEL_H_
#define SKEIN_ENGINE_LOAD_MODEL_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "engine/model.h"
#include "runtime/options.h"
#include "runtime/runtime.h"

namespace skein {

// skein_model_load. `options` is of kind MODEL.
absl::StatusOr<std::shared_ptr<Model>> LoadModel(std::shared_ptr<Runtime> runtime, const std::string& path,
                                                 const Options& options);

}  // namespace skein

#endif  // SKEIN_ENGINE_LOAD_MODEL_H_
