#include "files/companion.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/utf8.h"
#include "files/adapter.h"
#include "files/checkpoint/checkpoint_part.h"
#include "files/tuned_state.h"
#include "model/elements.h"
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

absl::Status VerifyCompanion(const skein_host& host, const Checkpoint& checkpoint, const std::string& path) {
  for (size_t i = 0; i < checkpoint.tensors().size(); ++i) {
    const CheckpointTensor& tensor = checkpoint.tensors()[i];
    uint64_t num_elements = 0;
    NumElements(tensor.shape, &num_elements);  // fits: the tensor is there
    if (num_elements == 0) continue;
    std::vector<uint8_t> scratch;
    const auto view = ViewPart(checkpoint, i, {Stored::kReshaped, 0, 1}, {num_elements}, scratch);
    if (!view.ok()) return Annotate(view.status(), path);
    SKEIN_RETURN_IF_ERROR(Annotate(CheckFinite(host, *view, tensor.name), path));
  }
  return absl::OkStatus();
}

}  // namespace skein
