#include "files/companion.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/utf8.h"
#include "files/adapter/adapter.h"
#include "files/adapter/adapter_settings.h"
#include "files/checkpoint/checkpoint_part.h"
#include "files/facts.h"
#include "files/running_state.h"
#include "files/tuned_state.h"
#include "model/elements.h"

namespace skein {
namespace {

// The scale that an adapter's settings say, or why they cannot be used.
std::string ScaleText(const Checkpoint& checkpoint, const AdapterContents& contents) {
  const auto settings = ReadAdapterSettings(checkpoint);
  if (!settings.ok()) return std::string(settings.status().message());
  if (!settings->has_value() || !(*settings)->has_scale()) return "none in the file, none beside it";
  const std::string where = (*settings)->alphas.empty() ? "" : ", others by alpha_pattern";
  return absl::StrCat((*settings)->ScaleOf("", contents.max_rank), " (", (*settings)->ScaleText("", contents.max_rank),
                      where, ")");
}

Facts AdapterFacts(const Checkpoint& checkpoint, const AdapterContents& contents) {
  Facts facts = {{"kind", "adapter"},
                 {"num_low_rank_products", contents.num_products},
                 {"max_rank", contents.max_rank},
                 {"num_dora_magnitudes", contents.num_magnitudes},
                 {"num_initial_products", contents.num_initial},
                 {"num_disha_tensors", contents.num_blocks},
                 {"num_replaced_tensors", contents.num_others}};
  if (contents.num_products > 0) facts.push_back({"scale", ScaleText(checkpoint, contents)});
  return facts;
}

Facts RunningStateFacts(const RunningStateShape& shape) {
  Facts facts = {
      {"kind", "running state of the rwkv package"}, {"num_layers", shape.num_layers}, {"d_model", shape.d_model}};
  if (shape.num_heads == 0) return facts;
  facts.push_back({"num_heads", shape.num_heads});
  facts.push_back({"head_size", shape.head_size});
  return facts;
}

// Empty: the tensors are neither a state nor an adapter.
Facts Contents(const Checkpoint& checkpoint) {
  const absl::Span<const CheckpointTensor> tensors = checkpoint.tensors();
  if (const auto shape = FindRunningState(tensors)) return RunningStateFacts(*shape);
  if (const auto shape = FindTunedState(tensors); shape.ok()) {
    return {{"kind", "tuned state"},
            {"num_layers", shape->num_layers},
            {"num_heads", shape->num_heads},
            {"head_size", shape->head_size}};
  }
  const AdapterContents contents = CountAdapterTensors(tensors);
  if (contents.num_products + contents.num_initial + contents.num_blocks == 0) return {};
  return AdapterFacts(checkpoint, contents);
}

}  // namespace

std::optional<Companion> DescribeCompanion(const Checkpoint& checkpoint, const std::string& path) {
  Facts contents = Contents(checkpoint);
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
