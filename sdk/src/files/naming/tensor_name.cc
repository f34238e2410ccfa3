#include "files/naming/tensor_name.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "files/naming/layer_name.h"
#include "numbers/roles.h"

namespace skein {
namespace {

constexpr absl::string_view kFrontWrappers[] = {"base_model", "model", "module", "rwkv"};
constexpr absl::string_view kInnerWrappers[] = {"_forward_module", "_orig_mod", "_fsdp_wrapped_module",
                                                "_checkpoint_wrapped_module"};

template <size_t N>
bool IsOneOf(absl::string_view text, const absl::string_view (&known)[N]) {
  return std::find(std::begin(known), std::end(known), text) != std::end(known);
}

// The schemes of the files that people train on. The names of rwkv.cpp and web-rwkv are those of the author; they only
// lie otherwise, in files that no trainer reads. The first scheme that has a name counts. Where two have it, the
// tensor lies in the same way in both.
constexpr const NamingScheme& (*kSchemes[])() = {BlinkDlScheme, HuggingFaceScheme, HuggingFace7Scheme, FlaScheme,
                                                 GgufScheme};

// A scheme's own prefix is the same word as a wrapper, so it is taken off the scheme's names too.
absl::string_view WithoutOwnPrefix(absl::string_view name) {
  if (!absl::ConsumePrefix(&name, "model.")) absl::ConsumePrefix(&name, "rwkv.");
  return name;
}

// A name without wrappers, seen by one scheme.
struct SplitName {
  absl::string_view whole;
  bool in_layer = false;
  uint32_t layer = 0;
  absl::string_view rest = {};  // behind the layer's number
};

SplitName Split(const NamingScheme& scheme, absl::string_view bare) {
  SplitName split = {bare};
  split.in_layer = SplitLayerName(WithoutOwnPrefix(scheme.layers), bare, &split.layer, &split.rest);
  return split;
}

bool IsName(const RoleName& row, const RoleInfo& role, const SplitName& name) {
  return role.per_layer ? name.in_layer && name.rest == row.name : name.whole == WithoutOwnPrefix(row.name);
}

}  // namespace

std::string StripWrappers(absl::string_view name) {
  std::vector<absl::string_view> kept;
  for (const absl::string_view component : absl::StrSplit(name, '.')) {
    if (IsOneOf(component, kInnerWrappers) || (kept.empty() && IsOneOf(component, kFrontWrappers))) continue;
    kept.push_back(component);
  }
  return absl::StrJoin(kept, ".");
}

std::vector<NamedPart> FindTensor(absl::string_view name, const ModelConfig& config) {
  const std::string bare = StripWrappers(name);
  const VersionSet version = VersionOf(config);
  std::vector<NamedPart> parts;
  for (const auto& scheme_of : kSchemes) {
    const NamingScheme& scheme = scheme_of();
    if ((scheme.versions & version) == 0) continue;
    const SplitName split = Split(scheme, bare);
    for (const RoleName& row : scheme.roles) {
      const RoleInfo* role = FindRole(row.role, config);
      if (role == nullptr || (row.versions & version) == 0 || !IsName(row, *role, split)) continue;
      if (role->per_layer && (split.layer < role->first_layer || split.layer >= config.num_layers)) continue;
      parts.push_back({&scheme, row.role, role->per_layer ? split.layer : 0, row.part});
    }
    if (!parts.empty()) break;
  }
  return parts;
}

bool IsUnusedTensor(absl::string_view name, const ModelConfig& config) {
  const std::string bare = StripWrappers(name);
  return std::any_of(std::begin(kSchemes), std::end(kSchemes), [&](const auto& scheme_of) {
    const SplitName split = Split(scheme_of(), bare);
    return std::any_of(scheme_of().roles.begin(), scheme_of().roles.end(), [&](const RoleName& row) {
      const RoleInfo* role = FindRole(row.role, config);
      return role != nullptr && IsName(row, *role, split) && role->per_layer && split.layer < role->first_layer;
    });
  });
}

bool ParseStateName(absl::string_view name, uint32_t* layer) {
  const std::string bare = StripWrappers(name);
  return std::any_of(std::begin(kSchemes), std::end(kSchemes), [&](const auto& scheme_of) {
    if (scheme_of().state == nullptr) return false;
    const SplitName split = Split(scheme_of(), bare);
    *layer = split.layer;
    return split.in_layer && split.rest == scheme_of().state;
  });
}

}  // namespace skein
