// What can be done with a model file without loading it on a device.
#ifndef SKEIN_ENGINE_MODEL_TOOLS_H_
#define SKEIN_ENGINE_MODEL_TOOLS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/options.h"
#include "engine/runtime.h"

namespace skein {

// skein_model_convert. `options` (kind SKEIN_OPTIONS_CONVERT) may be nullptr.
absl::Status ConvertModel(Runtime& runtime, const std::string& in_path, const std::string& out_path,
                          const Options* options);

// skein_model_describe. `options` (kind SKEIN_OPTIONS_DESCRIBE) may be nullptr.
absl::StatusOr<std::string> DescribeModel(Runtime& runtime, const std::string& path, const Options* options);

}  // namespace skein

#endif  // SKEIN_ENGINE_MODEL_TOOLS_H_
