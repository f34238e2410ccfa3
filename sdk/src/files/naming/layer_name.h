// Names of tensors of layers: "blocks.12.att.key.weight".
#ifndef SKEIN_FILES_NAMING_LAYER_NAME_H_
#define SKEIN_FILES_NAMING_LAYER_NAME_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "files/naming/scheme.h"
#include "numbers/roles.h"

namespace skein {

// Splits a name behind the scheme's `layers` ("blocks.") and the layer's number; false if it is none of a layer, or the
// number is beyond what any model has.
bool SplitLayerName(absl::string_view layers, absl::string_view name, uint32_t* layer, absl::string_view* rest);

// The name in a file of what `name` calls in `layer`.
std::string StoredName(const NamingScheme& scheme, const RoleName& name, uint32_t layer);

}  // namespace skein

#endif  // SKEIN_FILES_NAMING_LAYER_NAME_H_
