#include "files/naming/layer_name.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace skein {
namespace {

constexpr size_t kMaxDigits = 7;
constexpr uint32_t kMaxLayerIndex = 1 << 20;  // far above the limit of ModelConfig; keeps 1 + index in range

}  // namespace

bool SplitLayerName(absl::string_view layers, absl::string_view name, uint32_t* layer, absl::string_view* rest) {
  if (!absl::ConsumePrefix(&name, layers)) return false;
  const size_t dot = name.find('.');
  if (dot == absl::string_view::npos || dot == 0 || dot > kMaxDigits) return false;
  const absl::string_view digits = name.substr(0, dot);
  if (!std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; })) return false;
  if (!absl::SimpleAtoi(digits, layer) || *layer > kMaxLayerIndex) return false;
  *rest = name.substr(dot + 1);
  return true;
}

std::string StoredName(const NamingScheme& scheme, const RoleName& name, uint32_t layer) {
  return FindRole(name.role)->per_layer ? absl::StrCat(scheme.layers, layer, ".", name.name) : name.name;
}

}  // namespace skein
