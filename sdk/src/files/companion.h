// Files that change a model and are none: tuned states and adapters, in words. Reads names and shapes only.
#ifndef SKEIN_FILES_COMPANION_H_
#define SKEIN_FILES_COMPANION_H_

#include <optional>
#include <string>

#include "files/checkpoint/checkpoint.h"

namespace skein {

// What the companions of a model hold.
struct Companion {
  std::string text;  // a few lines
  std::string json;  // one object
};

// nullopt: the checkpoint is neither. `path` is for the descriptions; its control characters are escaped.
std::optional<Companion> DescribeCompanion(const Checkpoint& checkpoint, const std::string& path);

}  // namespace skein

#endif  // SKEIN_FILES_COMPANION_H_
