// The names of tensors in layers: "blocks.12.att.key.weight".
#ifndef SKEIN_FILES_NAMING_LAYER_NAME_H_
#define SKEIN_FILES_NAMING_LAYER_NAME_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "files/naming/scheme.h"
#include "numbers/roles.h"

namespace skein {

// Splits a name into the scheme's `layers` ("blocks."), the layer's number and the rest. False: it is not the name of a
// tensor in a layer, or no model has so high a layer.
bool SplitLayerName(absl::string_view layers, absl::string_view name, uint32_t* layer, absl::string_view* rest);

// The full name of a role's tensor in `layer`; of a role without layers, `name` itself.
std::string StoredName(const NamingScheme& scheme, const RoleName& name, uint32_t layer);

}  // namespace skein

#endif  // SKEIN_FILES_NAMING_LAYER_NAME_H_
