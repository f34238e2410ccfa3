#include "files/describe.h"

#include <algorithm>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "base/utf8.h"
#include "model/tensor.h"
#include "nlohmann/json.hpp"
#include "numbers/roles.h"
#include "numbers/state_layout.h"

namespace skein {
namespace {

using Json = nlohmann::ordered_json;

uint64_t Elements(const TensorSpec& spec) {
  uint64_t num_elements = 0;
  NumElements(spec.shape, &num_elements);  // fits: the tensor is there
  return num_elements;
}

// --- the facts: one JSON object, which both descriptions render ---

Json RankFacts(const ModelConfig& config) {
  Json ranks = {{"mix", config.rank_mix},
                {"decay", config.rank_decay},
                {"iclr", config.rank_iclr},
                {"value", config.rank_value},
                {"gate", config.rank_gate}};
  // A rank of 0 is one that the model does not have.
  Json present = Json::object();
  for (const auto& [name, rank] : ranks.items()) {
    if (rank != 0) present[name] = rank;
  }
  return present;
}

void AddDimensions(const ModelConfig& config, Json* facts) {
  Json& json = *facts;
  json["num_layers"] = config.num_layers;
  json["d_model"] = config.d_model;
  json["d_att"] = config.d_att;
  json["d_ffn"] = config.d_ffn;
  json["vocab_size"] = config.vocab_size;
  if (config.num_heads != 0) {
    json["num_heads"] = config.num_heads;
    json["head_size"] = config.head_size;
  }
  json["ranks"] = RankFacts(config);
  json["norm_epsilon"] = config.norm_epsilon;
  if (config.generation != 4) json["group_norm_epsilon"] = config.group_norm_epsilon;
  json["state_bytes_per_stream"] = StateFloats(config) * sizeof(float);
}

// By the name of the stored type.
Json WeightFacts(const ModelFile& model) {
  struct Use {
    uint64_t num_tensors = 0;
    uint64_t num_parameters = 0;
    uint64_t size_bytes = 0;
  };
  std::map<std::string, Use> uses;
  for (const TensorSpec& spec : model.tensors()) {
    Use& use = uses[DtypeName(spec.stored_dtype)];
    ++use.num_tensors;
    use.num_parameters += Elements(spec);
    use.size_bytes += spec.size_bytes;
  }
  Json weights = Json::object();
  for (const auto& [name, use] : uses) {
    weights[name] = {
        {"num_tensors", use.num_tensors}, {"num_parameters", use.num_parameters}, {"size_bytes", use.size_bytes}};
  }
  return weights;
}

Json TokenizerFacts(const ModelFile& model) {
  if (model.metadata().tokenizer_kind.empty()) return nullptr;
  return {{"kind", model.metadata().tokenizer_kind}, {"vocabulary_bytes", model.vocabulary().size()}};
}

Json SamplingFacts(const SamplingDefaults& sampling) {
  Json json = Json::object();
  const auto add = [&](const char* name, const auto& number) {
    if (number) json[name] = static_cast<double>(*number);
  };
  add("temperature", sampling.temperature);
  add("top_k", sampling.top_k);
  add("top_p", sampling.top_p);
  add("min_p", sampling.min_p);
  add("presence_penalty", sampling.presence_penalty);
  add("frequency_penalty", sampling.frequency_penalty);
  add("penalty_decay", sampling.penalty_decay);
  return json;
}

// A package knows its fingerprint. For other files all weights would have to be read.
Json FingerprintFact(const ModelFile& model) {
  if (model.metadata().source_format != "package") return nullptr;
  const absl::StatusOr<std::string> fingerprint = model.Fingerprint();
  return fingerprint.ok() ? Json(*fingerprint) : Json(nullptr);
}

Json TensorFacts(const ModelFile& model) {
  Json tensors = Json::array();
  for (const TensorSpec& spec : model.tensors()) {
    tensors.push_back({{"name", TensorName(spec.role, spec.layer)},
                       {"role", spec.role},
                       {"layer", spec.layer},
                       {"dtype", DtypeName(spec.stored_dtype)},
                       {"layout", LayoutName(spec.layout)},
                       {"shape", spec.shape},
                       {"size_bytes", spec.size_bytes},
                       {"source_name", spec.source_name}});
  }
  return tensors;
}

Json Facts(const ModelFile& model) {
  const ModelMetadata& metadata = model.metadata();
  Json json = Json::object();  // a null that fails to become an object would crash when it is destroyed
  json["path"] = model.path();
  json["format"] = metadata.source_format;
  json["name"] = metadata.name;
  json["generation"] = model.config().generation;
  json["variant"] = model.config().variant;
  json["version"] = model.config().VersionName();
  json["num_parameters"] = NumParameters(model);
  AddDimensions(model.config(), &json);
  json["has_initial_state"] = !model.initial_state().empty();
  json["weights"] = WeightFacts(model);
  json["tokenizer"] = TokenizerFacts(model);
  json["chat_template"] = metadata.chat_template;
  if (metadata.end_token.has_value()) json["end_token"] = *metadata.end_token;
  json["stop_tokens"] = metadata.stop_tokens;
  json["default_sampling"] = SamplingFacts(metadata.sampling);
  json["example_prompt"] = metadata.example_prompt;
  json["licence"] = metadata.licence;
  json["provenance"] = metadata.provenance;
  json["source_fingerprint"] = FingerprintFact(model);
  json["tensors"] = TensorFacts(model);
  return json;
}

// --- the facts as text ---

// The text with blanks behind it, `width` bytes at least. absl::StrFormat could do it, but ends the process when memory
// runs out.
std::string Padded(absl::string_view text, size_t width) {
  std::string padded(text);
  if (padded.size() < width) padded.resize(width, ' ');
  return padded;
}

// A number in full; a text with its control characters escaped; "" for a fact that is not there.
std::string Text(const Json& facts, const char* key) {
  const auto found = facts.find(key);
  if (found == facts.end() || found->is_null()) return "";
  return found->is_string() ? EscapeText(found->get<std::string>()) : found->dump();
}

std::string EpsilonText(const Json& facts) {
  std::string text = absl::StrCat("norm ", facts["norm_epsilon"].get<float>());
  if (facts.contains("group_norm_epsilon")) {
    absl::StrAppend(&text, ", group norm ", facts["group_norm_epsilon"].get<float>());
  }
  return text;
}

std::string PanelsText(const Json& tensors) {
  const auto num_panels =
      std::count_if(tensors.begin(), tensors.end(), [](const Json& tensor) { return tensor["layout"] == "panels"; });
  return num_panels == 0 ? "" : absl::StrCat("panels in ", num_panels, " matrices, rows in the other tensors");
}

// A checkpoint may have a whole program for a template; its beginning tells it from others.
std::string ChatTemplateText(const std::string& chat_template) {
  constexpr size_t kMaxShown = 60;
  std::string shown = EscapeText(chat_template.substr(0, kMaxShown));
  if (chat_template.size() <= kMaxShown) return shown;
  return absl::StrCat(shown, "... (", chat_template.size(), " bytes)");
}

// "mix 2, decay 3".
std::string PairsText(const Json& numbers) {
  std::string text;
  for (const auto& [name, number] : numbers.items()) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", name, " ", number.dump());
  }
  return text;
}

// Lines of a label and a value.
class Lines {
 public:
  // Leaves out a value of "".
  void Add(const char* label, const std::string& value) {
    if (!value.empty()) absl::StrAppend(&text_, "  ", Padded(label, 16), " ", value, "\n");
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void AddSizes(const Json& facts, Lines* lines) {
  lines->Add("generation", Text(facts, "version"));
  lines->Add("parameters", Text(facts, "num_parameters"));
  lines->Add("layers", Text(facts, "num_layers"));
  lines->Add("d_model", Text(facts, "d_model"));
  lines->Add("d_att", Text(facts, "d_att"));
  lines->Add("d_ffn", Text(facts, "d_ffn"));
  if (facts.contains("num_heads")) {
    lines->Add("heads", absl::StrCat(Text(facts, "num_heads"), " of size ", Text(facts, "head_size")));
  }
  lines->Add("ranks", PairsText(facts["ranks"]));
  lines->Add("epsilons", EpsilonText(facts));
  lines->Add("vocabulary", absl::StrCat(Text(facts, "vocab_size"), " tokens"));
  lines->Add("state", absl::StrCat(Text(facts, "state_bytes_per_stream"), " bytes per stream"));
  if (facts["has_initial_state"].get<bool>()) lines->Add("initial state", "tuned, in the file");
}

void AddWeights(const Json& facts, Lines* lines) {
  for (const auto& [dtype, use] : facts["weights"].items()) {
    lines->Add("weights", absl::StrCat(dtype, ": ", Text(use, "num_tensors"), " tensors, ", Text(use, "num_parameters"),
                                       " parameters, ", Text(use, "size_bytes"), " bytes"));
  }
  lines->Add("layout", PanelsText(facts["tensors"]));
}

void AddMetadata(const Json& facts, Lines* lines) {
  if (const Json& tokenizer = facts["tokenizer"]; !tokenizer.is_null()) {
    lines->Add("tokenizer", absl::StrCat(Text(tokenizer, "kind"), ", vocabulary of ",
                                         Text(tokenizer, "vocabulary_bytes"), " bytes"));
  }
  lines->Add("chat template", ChatTemplateText(facts["chat_template"].get<std::string>()));
  lines->Add("end token", Text(facts, "end_token"));
  lines->Add("stop tokens", absl::StrJoin(facts["stop_tokens"].get<std::vector<uint32_t>>(), ", "));
  for (const auto& [name, number] : facts["default_sampling"].items()) {
    lines->Add("sampling", absl::StrCat(name, " ", number.get<double>()));
  }
  lines->Add("example prompt", Text(facts, "example_prompt"));
  lines->Add("licence", Text(facts, "licence"));
  lines->Add("provenance", Text(facts, "provenance"));
  lines->Add("fingerprint", Text(facts, "source_fingerprint"));
}

std::string TensorLine(const Json& tensor) {
  const std::string name = Text(tensor, "name");
  const std::string source = Text(tensor, "source_name");
  const std::string shape = ShapeText(tensor["shape"].get<std::vector<uint64_t>>());
  return absl::StrCat("  ", Padded(name, 40), " ", Padded(Text(tensor, "dtype"), 9), " ", Padded(shape, 16),
                      tensor["layout"] == "panels" ? "  in panels" : "",
                      source == name ? "" : absl::StrCat("  ", source), "\n");
}

}  // namespace

uint64_t NumParameters(const ModelFile& model) {
  uint64_t num_parameters = 0;
  for (const TensorSpec& spec : model.tensors()) num_parameters += Elements(spec);
  return num_parameters;
}

std::string DescribeText(const ModelFile& model) {
  const Json facts = Facts(model);
  Lines lines;
  lines.Add("format", Text(facts, "format"));
  lines.Add("name", Text(facts, "name"));
  AddSizes(facts, &lines);
  AddWeights(facts, &lines);
  AddMetadata(facts, &lines);
  std::string text = absl::StrCat(Text(facts, "path"), "\n", lines.text(), "\n");
  for (const Json& tensor : facts["tensors"]) text += TensorLine(tensor);
  return text;
}

std::string DescribeJson(const ModelFile& model) {
  // Paths and a checkpoint's names may be any bytes.
  return Facts(model).dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace skein
