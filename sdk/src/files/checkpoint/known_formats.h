// The formats that this process reads, as its plugins name them.
#ifndef SKEIN_FILES_CHECKPOINT_KNOWN_FORMATS_H_
#define SKEIN_FILES_CHECKPOINT_KNOWN_FORMATS_H_

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "plugin/registry.h"
#include "skein/plugin.h"

namespace skein {

// ".skein", and the extensions that the plugins name, each once.
std::vector<std::string> ModelExtensions(absl::Span<const Plugin<skein_format_table>> formats);

// For messages: "a .skein package, gguf (.gguf) or pth (.pth .pt)".
std::string KnownFormatsText(absl::Span<const Plugin<skein_format_table>> formats);

}  // namespace skein

#endif  // SKEIN_FILES_CHECKPOINT_KNOWN_FORMATS_H_
