#include "files/naming/adapter_name.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace skein {
namespace {

using Components = std::vector<absl::string_view>;

struct PartName {
  absl::string_view component;
  AdapterPart part;
};

constexpr PartName kParts[] = {
    {"lora_A", AdapterPart::kDown},
    {"lora_a", AdapterPart::kDown},
    {"lora_B", AdapterPart::kUp},
    {"lora_b", AdapterPart::kUp},
    {"lora_embedding_A", AdapterPart::kEmbeddingDown},
    {"lora_embedding_B", AdapterPart::kEmbeddingUp},
    {"init_lora_A", AdapterPart::kInitialDown},
    {"init_lora_B", AdapterPart::kInitialUp},
    {"lora_magnitude_vector", AdapterPart::kMagnitude},
    {"disha", AdapterPart::kInputBlocks},
    {"bone", AdapterPart::kInputBlocks},
    {"miss_block", AdapterPart::kOutputBlocks},
    {"bone_block", AdapterPart::kOutputBlocks},
};

constexpr absl::string_view kWeight = "weight";
// The name of an adapter that is not given one.
constexpr absl::string_view kDefaultAdapter = "default";

std::string Join(const Components& components) { return absl::StrJoin(components, "."); }

// Takes the component `word` out, and the default adapter's name behind it. False: there is none.
bool TakeOut(absl::string_view word, Components* components) {
  const auto found = std::find(components->begin(), components->end(), word);
  if (found == components->end()) return false;
  const auto next = components->erase(found);
  if (next != components->end() && *next == kDefaultAdapter) components->erase(next);
  return true;
}

AdapterName Replacement(Components components) {
  AdapterName name;
  if (TakeOut("original_module", &components)) name.part = AdapterPart::kOriginal;
  TakeOut("modules_to_save", &components);
  TakeOut("base_layer", &components);
  name.stem = Join(components);
  return name;
}

}  // namespace

AdapterName SplitAdapterName(absl::string_view name) {
  const Components components = absl::StrSplit(name, '.');
  for (const PartName& row : kParts) {
    const auto found = std::find(components.begin(), components.end(), row.component);
    if (found == components.end()) continue;
    // Behind it may stand an adapter's name, then "weight". Anything else, such as a bias, is no part that is known.
    Components behind(found + 1, components.end());
    if (!behind.empty() && behind.back() == kWeight) behind.pop_back();
    if (behind.size() > 1 || (!behind.empty() && behind.front() == "bias")) break;
    return {row.part, Join(Components(components.begin(), found)), behind.empty() ? "" : std::string(behind.front())};
  }
  return Replacement(components);
}

bool IsAdapterPart(AdapterPart part) { return part != AdapterPart::kReplacement && part != AdapterPart::kOriginal; }

}  // namespace skein
