// A .skein package as a source of weights.
#ifndef SKEIN_FILES_PACKAGE_PACKAGE_WEIGHTS_H_
#define SKEIN_FILES_PACKAGE_PACKAGE_WEIGHTS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "base/file.h"
#include "model/model_contents.h"
#include "skein/plugin.h"

namespace skein {

// The model in a package. `host` must outlive the result. The codes of Package::Open and Package::ReadInitialState.
absl::StatusOr<ModelContents> OpenPackage(const skein_host& host, std::unique_ptr<File> file);

}  // namespace skein

#endif  // SKEIN_FILES_PACKAGE_PACKAGE_WEIGHTS_H_
