// What can be done with a model file without loading it on a device.
#ifndef SKEIN_RUNTIME_MODEL_TOOLS_H_
#define SKEIN_RUNTIME_MODEL_TOOLS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file.h"
#include "model/model_file.h"
#include "runtime/options.h"
#include "runtime/runtime.h"

namespace skein {

// Opens a model file with what the options `lora` and `state` of `options`, of kind MODEL or CONVERT, add: adapters
// merged, and a tuned state as the initial one. The codes of ParseAdapters and of OpenModelFile (files/open.h).
absl::StatusOr<std::unique_ptr<ModelFile>> OpenModelFile(Runtime& runtime, const std::string& path,
                                                         const Options& options, FileAccess access);

// skein_model_convert. `options` (kind SKEIN_OPTIONS_CONVERT) may be nullptr.
absl::Status ConvertModel(Runtime& runtime, const std::string& in_path, const std::string& out_path,
                          const Options* options);

// skein_model_describe. Also says what a file is that holds no model but a tuned state or an adapter. `options` (kind
// SKEIN_OPTIONS_DESCRIBE) may be nullptr.
absl::StatusOr<std::string> DescribeModel(Runtime& runtime, const std::string& path, const Options* options);

}  // namespace skein

#endif  // SKEIN_RUNTIME_MODEL_TOOLS_H_
