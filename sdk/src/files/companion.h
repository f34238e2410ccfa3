// Files that change a model, tuned states and adapters, in words. Describing them reads names and
// shapes only.
#ifndef SKEIN_FILES_COMPANION_H_
#define SKEIN_FILES_COMPANION_H_

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "files/checkpoint/checkpoint.h"
#include "skein/plugin.h"

namespace skein {

// The description of a file that accompanies a model.
struct Companion {
  std::string text;  // a few lines
  std::string json;  // one object
};

// nullopt: the checkpoint is neither. `path` is for the description, where its control characters are escaped.
std::optional<Companion> DescribeCompanion(const Checkpoint& checkpoint, const std::string& path);

// Reads all tensors of a file: compares the checksums of its container, and checks that every value is finite. The
// codes of Checkpoint::Look and CheckFinite; messages begin with `path`.
absl::Status VerifyCompanion(const skein_host& host, const Checkpoint& checkpoint, const std::string& path);

}  // namespace skein

#endif  // SKEIN_FILES_COMPANION_H_
