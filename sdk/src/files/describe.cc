#include "files/describe.h"

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/utf8.h"
#include "files/facts.h"
#include "model/model_name.h"
#include "model/tensor.h"
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

// Those that the model has.
Facts Ranks(const ModelConfig& config) {
  Facts ranks;
  const auto add = [&ranks](const char* name, uint32_t rank) {
    if (rank != 0) ranks.push_back({name, rank});
  };
  add("mix", config.rank_mix);
  add("decay", config.rank_decay);
  add("iclr", config.rank_iclr);
  add("value", config.rank_value);
  add("gate", config.rank_gate);
  return ranks;
}

Facts Weights(const ModelFile& model) {
  Facts weights;
  for (const auto& [name, use] : DtypeUses(model)) {
    weights.push_back(
        {name,
         Facts{
             {"num_tensors", use.num_tensors}, {"num_parameters", use.num_parameters}, {"size_bytes", use.size_bytes}},
         "weights",
         absl::StrCat(name, ": ", use.num_tensors, " tensors, ", use.num_parameters, " parameters, ", use.size_bytes,
                      " bytes")});
  }
  return weights;
}

// Those that the file names.
Facts Sampling(const SamplingDefaults& sampling) {
  Facts facts;
  const auto add = [&facts](const char* name, const auto& value) {
    if (value) facts.push_back({name, *value, "sampling", absl::StrCat(name, " ", *value)});
  };
  add("temperature", sampling.temperature);
  add("top_k", sampling.top_k);
  add("top_p", sampling.top_p);
  add("min_p", sampling.min_p);
  add("presence_penalty", sampling.presence_penalty);
  add("frequency_penalty", sampling.frequency_penalty);
  add("penalty_decay", sampling.penalty_decay);
  return facts;
}

template <typename Numbers>
std::vector<FactValue> List(const Numbers& numbers) {
  return std::vector<FactValue>(numbers.begin(), numbers.end());
}

// "a value (by the clue)".
std::string Decided(absl::string_view value, absl::string_view clue) {
  return clue.empty() ? std::string(value) : absl::StrCat(value, " (by the ", clue, ")");
}

// A checkpoint may have a whole program for a template; its beginning tells it from others.
std::string TemplateText(const std::string& chat_template) {
  constexpr size_t kMaxShown = 60;
  std::string shown = EscapeText(chat_template.substr(0, kMaxShown));
  if (chat_template.size() <= kMaxShown) return shown;
  return absl::StrCat(shown, "... (", chat_template.size(), " bytes)");
}

void AddDimensions(const ModelFile& model, Facts* facts) {
  const ModelConfig& config = model.config();
  facts->push_back({"generation", config.generation});
  facts->push_back({"variant", config.variant});
  facts->push_back({"version", config.VersionName(), "generation"});
  facts->push_back({"num_parameters", NumParameters(model), "parameters"});
  facts->push_back({"num_layers", config.num_layers, "layers"});
  facts->push_back({"d_model", config.d_model, "d_model"});
  facts->push_back({"d_att", config.d_att, "d_att"});
  facts->push_back({"d_ffn", config.d_ffn, "d_ffn"});
  facts->push_back({"vocab_size", config.vocab_size, "vocabulary", absl::StrCat(config.vocab_size, " tokens")});
  if (config.num_heads != 0) {
    facts->push_back(
        {"num_heads", config.num_heads, "heads", absl::StrCat(config.num_heads, " of size ", config.head_size)});
    facts->push_back({"head_size", config.head_size});
  }
  facts->push_back({"ranks", Ranks(config), "ranks"});
  facts->push_back({"norm_epsilon", config.norm_epsilon, "norm epsilon", absl::StrCat(config.norm_epsilon)});
  if (config.generation != 4) {
    facts->push_back(
        {"group_norm_epsilon", config.group_norm_epsilon, "group epsilon", absl::StrCat(config.group_norm_epsilon)});
  }
}

void AddStorage(const ModelFile& model, Facts* facts) {
  const uint64_t state_bytes = StateFloats(model.config()) * sizeof(float);
  facts->push_back({"state_bytes_per_stream", state_bytes, "state", absl::StrCat(state_bytes, " bytes per stream")});
  const bool is_tuned = !model.initial_state().empty();
  facts->push_back({"has_initial_state", is_tuned, "initial state", is_tuned ? "tuned, in the file" : ""});
  facts->push_back({"weights", Weights(model)});
  const uint64_t num_panels = NumPanelTensors(model);
  facts->push_back(
      {"num_panel_tensors", num_panels, "layout",
       num_panels == 0 ? "" : absl::StrCat("panels in ", num_panels, " matrices, rows in the other tensors")});
}

Fact Tokenizer(const ModelFile& model, const DescribedVocabulary& vocabulary) {
  if (vocabulary.kind.empty()) return {"tokenizer", FactValue()};
  Facts facts = {{"kind", vocabulary.kind}, {"origin", vocabulary.origin}, {"path", vocabulary.where}};
  std::string text = EscapeText(vocabulary.kind);
  if (vocabulary.origin == "model") {
    facts.push_back({"vocabulary_bytes", uint64_t{model.vocabulary().size()}});
    if (!model.vocabulary().empty()) absl::StrAppend(&text, ", vocabulary of ", model.vocabulary().size(), " bytes");
  } else if (vocabulary.origin == "beside") {
    absl::StrAppend(&text, ", vocabulary in ", EscapeText(vocabulary.where));
  } else {
    absl::StrAppend(&text, ", vocabulary in the box, by the number of rows");
  }
  return {"tokenizer", std::move(facts), "tokenizer", std::move(text)};
}

Fact Chat(const DescribedTemplate& chat) {
  return {"chat", Facts{{"template", chat.name}, {"decided_by", chat.decided_by}}, "chat template",
          Decided(chat.name, chat.decided_by)};
}

void AddText(const ModelFile& model, const Decisions& decisions, Facts* facts) {
  const ModelMetadata& metadata = model.metadata();
  const std::vector<std::string>& notes = decisions.vocabulary.notes;
  facts->push_back(Tokenizer(model, decisions.vocabulary));
  facts->push_back({"tokenizer_notes", List(notes), "note", EscapeText(absl::StrJoin(notes, "; "))});
  facts->push_back(Chat(decisions.chat));
  const bool is_name = metadata.chat_template == decisions.chat.name;
  facts->push_back(
      {"chat_template", metadata.chat_template, "template text", is_name ? "" : TemplateText(metadata.chat_template)});
  if (metadata.end_token) facts->push_back({"end_token", *metadata.end_token, "end token"});
  facts->push_back({"stop_tokens", List(metadata.stop_tokens), "stop tokens"});
  if (metadata.trained_length) facts->push_back({"trained_length", *metadata.trained_length, "trained length"});
  facts->push_back({"default_sampling", Sampling(metadata.sampling)});
  facts->push_back({"example_prompt", metadata.example_prompt, "example prompt"});
}

void AddOrigin(const ModelFile& model, Facts* facts) {
  const ModelMetadata& metadata = model.metadata();
  facts->push_back({"licence", metadata.licence, "licence"});
  facts->push_back({"provenance", metadata.provenance, "provenance"});
  const std::string fingerprint = KnownFingerprint(model);
  facts->push_back({"source_fingerprint", fingerprint.empty() ? FactValue() : FactValue(fingerprint), "fingerprint"});
}

Facts ModelFacts(const ModelFile& model, const Decisions& decisions) {
  const ModelMetadata& metadata = model.metadata();
  const std::string source(NameSourceText(metadata));
  Facts facts = {{"path", model.path()},
                 {"format", metadata.source_format, "format"},
                 {"name", metadata.name, "name", Decided(EscapeText(metadata.name), source)},
                 {"name_decided_by", source}};
  AddDimensions(model, &facts);
  AddStorage(model, &facts);
  AddText(model, decisions, &facts);
  AddOrigin(model, &facts);
  return facts;
}

Facts TensorFacts(const TensorSpec& spec) {
  return {{"name", TensorName(spec.role, spec.layer)},
          {"role", uint64_t{spec.role}},
          {"layer", uint64_t{spec.layer}},
          {"dtype", DtypeName(spec.stored_dtype)},
          {"layout", LayoutName(spec.layout)},
          {"shape", List(spec.shape)},
          {"size_bytes", spec.size_bytes},
          {"source_name", spec.source_name}};
}

std::string TensorLine(const TensorSpec& spec) {
  const std::string name = TensorName(spec.role, spec.layer);
  const char* layout = spec.layout == SKEIN_LAYOUT_PANELS ? "  in panels" : "";
  const std::string source = spec.source_name == name ? "" : absl::StrCat("  ", EscapeText(spec.source_name));
  const std::string line = absl::StrCat("  ", Padded(name, 40), " ", Padded(DtypeName(spec.stored_dtype), 9), " ",
                                        Padded(ShapeText(spec.shape), 16), layout, source);
  return absl::StrCat(absl::StripTrailingAsciiWhitespace(line), "\n");
}

}  // namespace

uint64_t NumParameters(const ModelFile& model) {
  uint64_t num_parameters = 0;
  for (const TensorSpec& spec : model.tensors()) num_parameters += Elements(spec);
  return num_parameters;
}

std::string DescribeText(const ModelFile& model, const Decisions& decisions) {
  std::string text = absl::StrCat(FactsAsText(model.path(), ModelFacts(model, decisions)), "\n");
  for (const TensorSpec& spec : model.tensors()) text.append(TensorLine(spec));
  return text;
}

std::string DescribeJson(const ModelFile& model, const Decisions& decisions) {
  Facts facts = ModelFacts(model, decisions);
  std::vector<FactValue> tensors;
  for (const TensorSpec& spec : model.tensors()) tensors.emplace_back(TensorFacts(spec));
  facts.push_back({"tensors", std::move(tensors)});
  return FactsAsJson(facts);
}

}  // namespace skein
