// Which generation of RWKV a checkpoint holds, told from its names and shapes.
#ifndef SKEIN_MODEL_NAMING_GENERATION_H_
#define SKEIN_MODEL_NAMING_GENERATION_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "model/naming/naming.h"

namespace skein {

// The tensors of a checkpoint by name.
using NameIndex = absl::flat_hash_map<std::string, const NamedShape*>;

// OK: RWKV-7 in names of one of the schemes. UNIMPLEMENTED: another generation or variant, or a scheme that this
// version does not read; names it. INVALID_ARGUMENT: nothing that is known.
absl::Status CheckGeneration(const NameIndex& names);

}  // namespace skein

#endif  // SKEIN_MODEL_NAMING_GENERATION_H_
