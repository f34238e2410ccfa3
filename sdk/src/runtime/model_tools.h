// Work on model files that are not loaded on a device.
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

// The options `lora` and `state`, which a model takes when it is loaded or converted.
struct ChangeOptions {
  std::string lora;
  std::string state;
};

// Opens a model file with adapters merged, and with a tuned state as the initial one. The codes of ParseAdapters and of
// OpenModelFile (files/open.h).
absl::StatusOr<std::unique_ptr<ModelFile>> OpenModelFile(Runtime& runtime, const std::string& path, FileAccess access,
                                                         const ChangeOptions& options);

// skein_model_convert. `options` is of kind CONVERT.
absl::Status ConvertModel(Runtime& runtime, const std::string& in_path, const std::string& out_path,
                          const Options& options);

// skein_model_describe. Also describes a file that holds a tuned state or an adapter in place of a model. `options` is
// of kind DESCRIBE.
absl::StatusOr<std::string> DescribeModel(Runtime& runtime, const std::string& path, const Options& options);

}  // namespace skein

#endif  // SKEIN_RUNTIME_MODEL_TOOLS_H_
