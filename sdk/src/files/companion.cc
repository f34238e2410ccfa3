#include "files/companion.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/utf8.h"
#include "files/adapter/adapter.h"
#include "files/checkpoint/checkpoint_part.h"
#include "files/facts.h"
#include "files/tuned_state.h"
#include "model/elements.h"

namespace skein {
namespace {

// Empty: the tensors are neither a tuned state nor an adapter.
Facts Contents(absl::Span<const CheckpointTensor> tensors) {
  if (const auto shape = FindTunedState(tensors); shape.ok()) {
    return {{"kind", "tuned state"},
            {"num_layers", shape->num_layers},
            {"num_heads", shape->num_heads},
            {"head_size", shape->head_size}};
  }
  const AdapterContents contents = CountAdapterTensors(tensors);
  if (contents.num_products + contents.num_initial + contents.num_blocks == 0) return {};
  return {{"kind", "adapter"},
          {"num_low_rank_products", contents.num_products},
          {"max_rank", contents.max_rank},
          {"num_initial_products", contents.num_initial},
          {"num_disha_tensors", contents.num_blocks},
          {"num_replaced_tensors", contents.num_others}};
}

}  // namespace

std::optional<Companion> DescribeCompanion(const Checkpoint& checkpoint, const std::string& path) {
  Facts contents = Contents(checkpoint.tensors());
  if (contents.empty()) return std::nullopt;
  Facts facts = {{"format", checkpoint.format()}};
  for (Fact& fact : contents) facts.push_back(std::move(fact));
  Companion companion;
  companion.text = absl::StrCat(EscapeText(path), "\n");
  for (const Fact& fact : facts) {
    absl::StrAppend(&companion.text, "  ", fact.name, ": ", ValueAsText(fact.value), "\n");
  }
  facts.insert(facts.begin(), {"path", path});
  companion.json = FactsAsJson(facts);
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
