#include "files/naming/tensor_name.h"

#include "files/naming/layer_name.h"
#include "files/naming/scheme.h"
#include "numbers/roles.h"

namespace skein {

std::vector<AuthorPart> FindAuthorTensor(absl::string_view name, const ModelConfig& config) {
  const NamingScheme& scheme = BlinkDlScheme();
  const VersionSet version = VersionOf(config);
  uint32_t layer = 0;
  absl::string_view rest;
  const bool in_layer = SplitLayerName(scheme.layers, name, &layer, &rest) && layer < config.num_layers;
  std::vector<AuthorPart> parts;
  for (const RoleName& row : scheme.roles) {
    const RoleInfo* role = FindRole(row.role, config);
    if (role == nullptr || (row.versions & version) == 0) continue;
    const bool is_it = role->per_layer ? in_layer && rest == row.name && layer >= role->first_layer : name == row.name;
    if (is_it) parts.push_back({row.role, role->per_layer ? layer : 0, row.part});
  }
  return parts;
}

bool ParseAuthorStateName(absl::string_view name, uint32_t* layer) {
  absl::string_view rest;
  return SplitLayerName(BlinkDlScheme().layers, name, layer, &rest) && rest == BlinkDlScheme().state;
}

}  // namespace skein
