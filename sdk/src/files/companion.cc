#include "files/companion.h"

#include "absl/strings/str_cat.h"
#include "base/utf8.h"
#include "files/adapter/adapter.h"
#include "files/tuned_state.h"
#include "nlohmann/json.hpp"

namespace skein {
namespace {

using Json = nlohmann::ordered_json;

// Null: the tensors are neither a tuned state nor an adapter.
Json DescribeTensors(absl::Span<const CheckpointTensor> tensors) {
  if (const auto shape = FindTunedState(tensors); shape.ok()) {
    return {{"kind", "tuned state"},
            {"num_layers", shape->num_layers},
            {"num_heads", shape->num_heads},
            {"head_size", shape->head_size}};
  }
  const AdapterContents contents = CountAdapterTensors(tensors);
  if (contents.num_products + contents.num_initial + contents.num_blocks == 0) return nullptr;
  return {{"kind", "adapter"},
          {"num_low_rank_products", contents.num_products},
          {"max_rank", contents.max_rank},
          {"num_initial_products", contents.num_initial},
          {"num_disha_tensors", contents.num_blocks},
          {"num_replaced_tensors", contents.num_others}};
}

}  // namespace

std::optional<Companion> DescribeCompanion(const Checkpoint& checkpoint, const std::string& path) {
  Json json = {{"path", path}, {"format", checkpoint.format()}};
  const Json contents = DescribeTensors(checkpoint.tensors());
  if (contents.is_null()) return std::nullopt;
  json.update(contents);
  Companion companion;
  companion.text = absl::StrCat(EscapeText(path), "\n");
  for (const auto& [key, value] : json.items()) {
    if (key == "path") continue;
    absl::StrAppend(&companion.text, "  ", key, ": ", value.is_string() ? value.get<std::string>() : value.dump(),
                    "\n");
  }
  // Paths may be any bytes.
  companion.json = json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  return companion;
}

}  // namespace skein
