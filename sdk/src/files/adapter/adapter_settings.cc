#include "files/adapter/adapter_settings.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"
#include "base/utf8.h"
#include "files/adapter/adapter_file.h"
#include "nlohmann/json.hpp"

namespace skein {
namespace {

using Json = nlohmann::ordered_json;  // the first pattern that fits counts, so the order is kept

constexpr size_t kMaxConfigBytes = 4 << 20;  // patterns may name every module
constexpr size_t kMaxShownBytes = 64;
constexpr uint64_t kMaxAlpha = 1000000;
constexpr uint64_t kMaxRank = 1000000;

constexpr const char* kLora = "LORA";
constexpr const char* kReadKinds[] = {kLora, "MISS", "BONE"};
constexpr const char* kWhatIsRead =
    "LoRA (also rank-stabilised, and DoRA), MiSS and Bone of PEFT, and LoRA, PiSSA, DiSHA and Bone of RWKV-PEFT";

// Keys that, unless they are empty, make something of LoRA that is not merged as LoRA is.
struct Variant {
  const char* key;
  const char* name;
};

constexpr Variant kVariants[] = {
    {"use_qalora", "QA-LoRA"},
    {"alora_invocation_tokens", "activated LoRA, which starts to act at certain tokens"},
    {"layer_replication", "LoRA on layers that are repeated"},
    {"use_bdlora", "BD-LoRA"},
    {"arrow_config", "Arrow, a choice among several LoRAs"},
    {"kasa_config", "KaSA"},
    {"trainable_token_indices", "single rows of an embedding"},
    {"target_parameters", "LoRA on parameters that are no modules"},
    {"lora_bias", "LoRA with a bias, which no matrix of the model has"},
};

// Starts of training that leave the model's own weights as they are. The others change them, and the file does not say
// how; unless the product was converted when it was saved, and the start is then called "true".
constexpr const char* kPlainStarts[] = {"gaussian", "eva", "orthogonal", "mica"};

bool IsEmpty(const Json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  return value.is_null() || value == false || value == 0 || (value.is_structured() && value.empty());
}

// A value for messages.
std::string Shown(const Json& value) {
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);  // ASCII
  if (text.size() > kMaxShownBytes) text = absl::StrCat(text.substr(0, kMaxShownBytes), "...");
  return text;
}

// The name that patterns describe: that of the module inside PEFT's own wrapper.
std::string ModuleName(absl::string_view stem) {
  constexpr absl::string_view kPeftWrapper = "base_model.model.";
  const size_t at = stem.find(kPeftWrapper);
  return std::string(at == absl::string_view::npos ? stem : stem.substr(at + kPeftWrapper.size()));
}

// Reads one adapter_config.json. Messages leave out the path. These keys need no reading: `bias` and `modules_to_save`
// say which tensors are in the file, and `fan_in_fan_out` is about layers that RWKV has none of; PEFT itself ignores it
// for all others.
class ConfigReader {
 public:
  explicit ConfigReader(const Json& json) : json_(json) {}

  absl::StatusOr<AdapterSettings> Read() const {
    AdapterSettings settings;
    settings.source = kAdapterConfigName;
    SKEIN_ASSIGN_OR_RETURN(settings.kind, ReadKind());
    if (settings.kind != kLora) {
      if (At("r").is_null()) return settings;
      SKEIN_ASSIGN_OR_RETURN(settings.rank, ReadRank("r", At("r")));
      return settings;
    }
    SKEIN_RETURN_IF_ERROR(RefuseVariants());
    SKEIN_RETURN_IF_ERROR(RefuseChangedStart());
    SKEIN_ASSIGN_OR_RETURN(settings.rank, ReadRank("r", At("r")));
    SKEIN_ASSIGN_OR_RETURN(settings.alpha, ReadNumber("lora_alpha", At("lora_alpha"), kMaxAlpha));
    SKEIN_ASSIGN_OR_RETURN(settings.is_rank_stabilised, ReadFlag("use_rslora"));
    SKEIN_ASSIGN_OR_RETURN(settings.has_magnitudes, ReadFlag("use_dora"));
    SKEIN_ASSIGN_OR_RETURN(settings.ranks, ReadPatterns("rank_pattern", kMaxRank));
    SKEIN_ASSIGN_OR_RETURN(settings.alphas, ReadPatterns("alpha_pattern", kMaxAlpha));
    return settings;
  }

 private:
  // Null where there is no such key.
  const Json& At(const char* key) const {
    static const Json none;
    const auto found = json_.find(key);
    return found == json_.end() ? none : *found;
  }

  static absl::Status Unexpected(const std::string& key, const std::string& expected, const Json& found) {
    return absl::InvalidArgumentError(absl::StrCat("\"", EscapeText(key), "\": expected ", expected, ", found ",
                                                   found.is_null() ? "none" : Shown(found)));
  }

  absl::StatusOr<std::string> ReadKind() const {
    const Json& kind = At("peft_type");
    if (!kind.is_string()) return Unexpected("peft_type", "the kind of the adapter", kind);
    const auto text = kind.get<std::string>();
    const bool is_read = std::any_of(std::begin(kReadKinds), std::end(kReadKinds),
                                     [&](const char* known) { return absl::EqualsIgnoreCase(text, known); });
    if (is_read) return absl::AsciiStrToUpper(text);
    return absl::UnimplementedError(
        absl::StrCat("\"peft_type\": an adapter of kind ", Shown(kind), " is not read; ", kWhatIsRead, " are"));
  }

  absl::Status RefuseVariants() const {
    for (const Variant& variant : kVariants) {
      if (IsEmpty(At(variant.key))) continue;
      return absl::UnimplementedError(absl::StrCat("\"", variant.key, "\" ", Shown(At(variant.key)), ": ", variant.name,
                                                   ", is not read; ", kWhatIsRead, " are"));
    }
    return absl::OkStatus();
  }

  absl::Status RefuseChangedStart() const {
    const Json& start = At("init_lora_weights");
    if (start.is_null() || start.is_boolean()) return absl::OkStatus();
    const bool is_plain =
        start.is_string() && std::any_of(std::begin(kPlainStarts), std::end(kPlainStarts), [&](const char* known) {
          return absl::EqualsIgnoreCase(start.get_ref<const std::string&>(), known);
        });
    if (is_plain) return absl::OkStatus();
    return absl::UnimplementedError(absl::StrCat(
        "\"init_lora_weights\" ", Shown(start),
        ": this start changes the model's own weights, and the file does not say how; expected the adapter as "
        "save_pretrained writes it with path_initial_model_for_weight_conversion, or the merged model"));
  }

  static absl::StatusOr<double> ReadNumber(const std::string& key, const Json& value, uint64_t max) {
    if (value.is_number()) {
      const auto number = value.get<double>();
      if (number > 0 && number <= static_cast<double>(max)) return number;
    }
    return Unexpected(key, absl::StrCat("a positive number of at most ", max), value);
  }

  static absl::StatusOr<uint64_t> ReadRank(const std::string& key, const Json& value) {
    if (value.is_number_integer() && value > 0 && value <= kMaxRank) return value.get<uint64_t>();
    return Unexpected(key, absl::StrCat("a whole number from 1 to ", kMaxRank), value);
  }

  absl::StatusOr<bool> ReadFlag(const char* key) const {
    const Json& value = At(key);
    if (value.is_null()) return false;
    if (value.is_boolean()) return value.get<bool>();
    return Unexpected(key, "true or false", value);
  }

  absl::StatusOr<std::vector<ModulePattern>> ReadPatterns(const std::string& key, uint64_t max) const {
    std::vector<ModulePattern> patterns;
    const Json& object = At(key.c_str());
    if (object.is_null()) return patterns;
    if (!object.is_object()) return Unexpected(key, "an object of names and numbers", object);
    for (const auto& [name, value] : object.items()) {
      const std::string where = absl::StrCat(key, ".", name);
      SKEIN_ASSIGN_OR_RETURN(const double number, ReadNumber(where, value, max));
      absl::StatusOr<ModulePattern> pattern = MakeModulePattern(name, number);
      if (!pattern.ok()) return Annotate(pattern.status(), absl::StrCat("\"", EscapeText(where), "\""));
      patterns.push_back(*std::move(pattern));
    }
    return patterns;
  }

  const Json& json_;
};

// The settings in the metadata of a GGUF file; nullopt: it does not say the scale.
absl::StatusOr<std::optional<AdapterSettings>> ReadGgufSettings(absl::Span<const ContainerText> texts) {
  const auto kind = FindText(texts, "adapter.type");
  if (kind.has_value() && !absl::EqualsIgnoreCase(*kind, kLora)) {
    return absl::UnimplementedError(absl::StrCat("metadata \"adapter.type\": an adapter of kind \"",
                                                 EscapeText(std::string(kind->substr(0, kMaxShownBytes))),
                                                 "\" is not read; \"lora\" is"));
  }
  const auto alpha = FindText(texts, "adapter.lora.alpha");
  if (!alpha.has_value()) return std::optional<AdapterSettings>();
  AdapterSettings settings = {.source = "metadata", .kind = kLora};
  // Written so that NaN is refused.
  if (!absl::SimpleAtod(*alpha, &settings.alpha) || !(settings.alpha > 0 && settings.alpha <= double{kMaxAlpha})) {
    return absl::InvalidArgumentError(absl::StrCat("metadata \"adapter.lora.alpha\": expected a positive number of at ",
                                                   "most ", kMaxAlpha, ", found \"",
                                                   EscapeText(std::string(alpha->substr(0, kMaxShownBytes))), "\""));
  }
  return std::optional<AdapterSettings>(std::move(settings));
}

}  // namespace

double AdapterSettings::ScaleOf(absl::string_view module, uint64_t product_rank) const {
  const double numerator = FindPattern(alphas, ModuleName(module)).value_or(alpha);
  const auto denominator = static_cast<double>(product_rank);
  return numerator / (is_rank_stabilised ? std::sqrt(denominator) : denominator);
}

std::string AdapterSettings::ScaleText(absl::string_view module, uint64_t product_rank) const {
  return absl::StrCat(
      "lora_alpha ", FindPattern(alphas, ModuleName(module)).value_or(alpha), " / ",
      is_rank_stabilised ? absl::StrCat("sqrt(r ", product_rank, ")") : absl::StrCat("r ", product_rank));
}

absl::Status AdapterSettings::CheckRank(absl::string_view module, uint64_t found) const {
  const double expected = FindPattern(ranks, ModuleName(module)).value_or(static_cast<double>(rank));
  if (expected == 0 || expected == static_cast<double>(found)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("its rank is ", found, ", but ", source, " says ", expected, ", so the two do not belong together"));
}

absl::StatusOr<AdapterSettings> ParseAdapterConfig(absl::Span<const uint8_t> bytes) {
  if (bytes.size() > kMaxConfigBytes) {
    return absl::InvalidArgumentError(absl::StrCat(bytes.size(), " bytes; expected at most ", kMaxConfigBytes));
  }
  const Json json = Json::parse(bytes.begin(), bytes.end(), nullptr, false);
  if (!json.is_object()) return absl::InvalidArgumentError("expected a JSON object");
  return ConfigReader(json).Read();
}

absl::StatusOr<std::optional<AdapterSettings>> ReadAdapterSettings(const Checkpoint& adapter) {
  if (FindText(adapter.texts(), "general.architecture").has_value()) return ReadGgufSettings(adapter.texts());
  const absl::StatusOr<absl::Span<const uint8_t>> bytes = adapter.OpenSibling(kAdapterConfigName);
  if (absl::IsNotFound(bytes.status())) return std::optional<AdapterSettings>();
  if (!bytes.ok()) return bytes.status();
  absl::StatusOr<AdapterSettings> settings = ParseAdapterConfig(*bytes);
  if (!settings.ok()) return Annotate(settings.status(), kAdapterConfigName);
  return std::optional<AdapterSettings>(*std::move(settings));
}

}  // namespace skein
