#include "files/describe.h"

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/utf8.h"
#include "model/tensor.h"
#include "nlohmann/json.hpp"
#include "numbers/roles.h"
#include "numbers/state_layout.h"

namespace skein {
namespace {

struct DtypeUse {
  uint64_t num_tensors = 0;
  uint64_t num_parameters = 0;
  uint64_t size_bytes = 0;
};

uint64_t Elements(const TensorSpec& spec) {
  uint64_t num_elements = 0;
  NumElements(spec.shape, &num_elements);  // fits: the tensor is there
  return num_elements;
}

// By name of the stored type.
std::map<std::string, DtypeUse> DtypeUses(const ModelFile& model) {
  std::map<std::string, DtypeUse> uses;
  for (const TensorSpec& spec : model.tensors()) {
    DtypeUse& use = uses[DtypeName(spec.stored_dtype)];
    ++use.num_tensors;
    use.num_parameters += Elements(spec);
    use.size_bytes += spec.size_bytes;
  }
  return uses;
}

// Of a package, which knows it; other files would have to be read whole.
std::string KnownFingerprint(const ModelFile& model) {
  if (model.metadata().source_format != "package") return "";
  return model.Fingerprint().value_or("");
}

uint64_t NumPanelTensors(const ModelFile& model) {
  const absl::Span<const TensorSpec> tensors = model.tensors();
  return static_cast<uint64_t>(std::count_if(
      tensors.begin(), tensors.end(), [](const TensorSpec& spec) { return spec.layout == SKEIN_LAYOUT_PANELS; }));
}

struct NamedNumber {
  const char* name;
  std::optional<double> value;
};

std::vector<NamedNumber> SamplingNumbers(const SamplingDefaults& sampling) {
  std::optional<double> top_k;
  if (sampling.top_k) top_k = *sampling.top_k;
  return {{"temperature", sampling.temperature},
          {"top_k", top_k},
          {"top_p", sampling.top_p},
          {"min_p", sampling.min_p},
          {"presence_penalty", sampling.presence_penalty},
          {"frequency_penalty", sampling.frequency_penalty},
          {"penalty_decay", sampling.penalty_decay}};
}

struct NamedSize {
  const char* name;
  uint32_t value;
};

// Those that the model has.
std::vector<NamedSize> Ranks(const ModelConfig& config) {
  std::vector<NamedSize> ranks;
  for (const NamedSize& rank :
       {NamedSize{"mix", config.rank_mix}, NamedSize{"decay", config.rank_decay}, NamedSize{"iclr", config.rank_iclr},
        NamedSize{"value", config.rank_value}, NamedSize{"gate", config.rank_gate}}) {
    if (rank.value != 0) ranks.push_back(rank);
  }
  return ranks;
}

// The text with blanks behind it, `width` bytes at least. absl::StrFormat could do it, but ends the process when memory
// runs out.
std::string Padded(absl::string_view text, size_t width) {
  std::string padded(text);
  if (padded.size() < width) padded.resize(width, ' ');
  return padded;
}

void AppendLine(std::string* text, const char* label, const std::string& value) {
  if (!value.empty()) absl::StrAppend(text, "  ", Padded(label, 16), " ", value, "\n");
}

// A checkpoint may have a whole program for a template; its beginning tells it from others.
std::string ChatTemplateText(const std::string& chat_template) {
  constexpr size_t kMaxShown = 60;
  std::string shown = EscapeText(chat_template.substr(0, kMaxShown));
  if (chat_template.size() <= kMaxShown) return shown;
  return absl::StrCat(shown, "... (", chat_template.size(), " bytes)");
}

}  // namespace

uint64_t NumParameters(const ModelFile& model) {
  uint64_t num_parameters = 0;
  for (const TensorSpec& spec : model.tensors()) num_parameters += Elements(spec);
  return num_parameters;
}

std::string DescribeText(const ModelFile& model) {
  const ModelConfig& config = model.config();
  const ModelMetadata& metadata = model.metadata();
  std::string text = absl::StrCat(EscapeText(model.path()), "\n");
  AppendLine(&text, "format", EscapeText(metadata.source_format));
  AppendLine(&text, "name", EscapeText(metadata.name));
  AppendLine(&text, "generation", config.VersionName());
  AppendLine(&text, "parameters", absl::StrCat(NumParameters(model)));
  AppendLine(&text, "layers", absl::StrCat(config.num_layers));
  AppendLine(&text, "d_model", absl::StrCat(config.d_model));
  AppendLine(&text, "d_att", absl::StrCat(config.d_att));
  AppendLine(&text, "d_ffn", absl::StrCat(config.d_ffn));
  if (config.num_heads != 0) {
    AppendLine(&text, "heads", absl::StrCat(config.num_heads, " of size ", config.head_size));
  }
  AppendLine(&text, "ranks", absl::StrJoin(Ranks(config), ", ", [](std::string* out, const NamedSize& rank) {
    absl::StrAppend(out, rank.name, " ", rank.value);
  }));
  AppendLine(&text, "epsilons",
             config.generation == 4
                 ? absl::StrCat("norm ", config.norm_epsilon)
                 : absl::StrCat("norm ", config.norm_epsilon, ", group norm ", config.group_norm_epsilon));
  AppendLine(&text, "vocabulary", absl::StrCat(config.vocab_size, " tokens"));
  AppendLine(&text, "state", absl::StrCat(StateFloats(config) * sizeof(float), " bytes per stream"));
  if (!model.initial_state().empty()) AppendLine(&text, "initial state", "tuned, in the file");
  for (const auto& [name, use] : DtypeUses(model)) {
    AppendLine(&text, "weights",
               absl::StrCat(name, ": ", use.num_tensors, " tensors, ", use.num_parameters, " parameters, ",
                            use.size_bytes, " bytes"));
  }
  if (const uint64_t num_panels = NumPanelTensors(model); num_panels > 0) {
    AppendLine(&text, "layout", absl::StrCat("panels in ", num_panels, " matrices, rows in the other tensors"));
  }
  if (!metadata.tokenizer_kind.empty()) {
    AppendLine(
        &text, "tokenizer",
        absl::StrCat(EscapeText(metadata.tokenizer_kind), ", vocabulary of ", model.vocabulary().size(), " bytes"));
  }
  AppendLine(&text, "chat template", ChatTemplateText(metadata.chat_template));
  if (metadata.end_token.has_value()) AppendLine(&text, "end token", absl::StrCat(*metadata.end_token));
  AppendLine(&text, "stop tokens", absl::StrJoin(metadata.stop_tokens, ", "));
  for (const NamedNumber& number : SamplingNumbers(metadata.sampling)) {
    if (number.value) AppendLine(&text, "sampling", absl::StrCat(number.name, " ", *number.value));
  }
  AppendLine(&text, "example prompt", EscapeText(metadata.example_prompt));
  AppendLine(&text, "licence", EscapeText(metadata.licence));
  AppendLine(&text, "provenance", EscapeText(metadata.provenance));
  AppendLine(&text, "fingerprint", KnownFingerprint(model));
  absl::StrAppend(&text, "\n");
  for (const TensorSpec& spec : model.tensors()) {
    const std::string name = TensorName(spec.role, spec.layer);
    const char* layout = spec.layout == SKEIN_LAYOUT_PANELS ? "  in panels" : "";
    const std::string source = spec.source_name == name ? "" : absl::StrCat("  ", EscapeText(spec.source_name));
    absl::StrAppend(&text, "  ", Padded(name, 40), " ", Padded(DtypeName(spec.stored_dtype), 9), " ",
                    Padded(ShapeText(spec.shape), 16), layout, source, "\n");
  }
  return text;
}

std::string DescribeJson(const ModelFile& model) {
  const ModelConfig& config = model.config();
  const ModelMetadata& metadata = model.metadata();
  nlohmann::ordered_json json;
  json["path"] = model.path();
  json["format"] = metadata.source_format;
  json["name"] = metadata.name;
  json["generation"] = config.generation;
  json["variant"] = config.variant;
  json["version"] = config.VersionName();
  json["num_parameters"] = NumParameters(model);
  json["num_layers"] = config.num_layers;
  json["d_model"] = config.d_model;
  json["d_att"] = config.d_att;
  json["d_ffn"] = config.d_ffn;
  json["vocab_size"] = config.vocab_size;
  if (config.num_heads != 0) {
    json["num_heads"] = config.num_heads;
    json["head_size"] = config.head_size;
  }
  json["ranks"] = nlohmann::ordered_json::object();
  for (const NamedSize& rank : Ranks(config)) json["ranks"][rank.name] = rank.value;
  json["norm_epsilon"] = config.norm_epsilon;
  if (config.generation != 4) json["group_norm_epsilon"] = config.group_norm_epsilon;
  json["state_bytes_per_stream"] = StateFloats(config) * sizeof(float);
  json["has_initial_state"] = !model.initial_state().empty();
  json["weights"] = nlohmann::ordered_json::object();
  for (const auto& [name, use] : DtypeUses(model)) {
    json["weights"][name] = {
        {"num_tensors", use.num_tensors}, {"num_parameters", use.num_parameters}, {"size_bytes", use.size_bytes}};
  }
  json["tokenizer"] = nullptr;
  if (!metadata.tokenizer_kind.empty()) {
    json["tokenizer"] = {{"kind", metadata.tokenizer_kind}, {"vocabulary_bytes", model.vocabulary().size()}};
  }
  json["chat_template"] = metadata.chat_template;
  if (metadata.end_token.has_value()) json["end_token"] = *metadata.end_token;
  json["stop_tokens"] = metadata.stop_tokens;
  json["default_sampling"] = nlohmann::ordered_json::object();
  for (const NamedNumber& number : SamplingNumbers(metadata.sampling)) {
    if (number.value) json["default_sampling"][number.name] = *number.value;
  }
  json["example_prompt"] = metadata.example_prompt;
  json["licence"] = metadata.licence;
  json["provenance"] = metadata.provenance;
  const std::string fingerprint = KnownFingerprint(model);
  json["source_fingerprint"] =
      fingerprint.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(fingerprint);
  json["tensors"] = nlohmann::ordered_json::array();
  for (const TensorSpec& spec : model.tensors()) {
    json["tensors"].push_back({{"name", TensorName(spec.role, spec.layer)},
                               {"role", spec.role},
                               {"layer", spec.layer},
                               {"dtype", DtypeName(spec.stored_dtype)},
                               {"layout", LayoutName(spec.layout)},
                               {"shape", spec.shape},
                               {"size_bytes", spec.size_bytes},
                               {"source_name", spec.source_name}});
  }
  // Paths and a checkpoint's names may be any bytes.
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace skein
