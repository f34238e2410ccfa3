#include "files/checkpoint/checkpoint_settings.h"

#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/utf8.h"
#include "files/checkpoint/template_files.h"
#include "model/model_name.h"
#include "nlohmann/json.hpp"

namespace skein {
namespace {

constexpr const char* kConfigFile = "config.json";
constexpr size_t kMaxConfigBytes = 1 << 20;

// The range of epsilons. Published models have 1e-5 for LayerNorms and 64e-5 for GroupNorms.
constexpr double kMinEpsilon = 1e-12;
constexpr double kMaxEpsilon = 1e-2;
constexpr float kRwkvCppGroupNormEpsilon = 1e-5f;

// Keys of config.json for dimensions that the shapes tell too.
struct ConfigDim {
  const char* key;
  uint32_t ModelConfig::*field;
};

constexpr ConfigDim kConfigDims[] = {
    {"vocab_size", &ModelConfig::vocab_size},        {"hidden_size", &ModelConfig::d_model},
    {"num_hidden_layers", &ModelConfig::num_layers}, {"attention_hidden_size", &ModelConfig::d_att},
    {"intermediate_size", &ModelConfig::d_ffn},      {"head_size", &ModelConfig::head_size},
    {"head_dim", &ModelConfig::head_size},           {"decay_low_rank_dim", &ModelConfig::rank_decay},
    {"a_low_rank_dim", &ModelConfig::rank_iclr},     {"v_low_rank_dim", &ModelConfig::rank_value},
    {"gate_low_rank_dim", &ModelConfig::rank_gate},  {"lora_rank_decay", &ModelConfig::rank_decay},
    {"lora_rank_iclr", &ModelConfig::rank_iclr},     {"lora_rank_value_residual_mix", &ModelConfig::rank_value},
    {"lora_rank_gate", &ModelConfig::rank_gate},
};

constexpr const char* kConfigEpsilons[] = {"layer_norm_epsilon", "norm_eps"};

// Vocabularies beside Hugging Face's checkpoints. The first file that is there counts.
struct VocabularyFile {
  const char* name;
  const char* kind;
};

constexpr VocabularyFile kVocabularyFiles[] = {{"tokenizer.json", "bpe"}, {"rwkv_vocab_v20230424.txt", "world"}};

// `what` names the place of the number: `config.json: "norm_eps"`.
absl::Status CheckEpsilon(const std::string& what, double epsilon) {
  if (epsilon >= kMinEpsilon && epsilon <= kMaxEpsilon) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, " ", epsilon, "; expected a number from ", kMinEpsilon, " to ", kMaxEpsilon));
}

std::string KeyText(const std::string& path, const char* key) { return absl::StrCat(path, ": \"", key, "\""); }

// Reads the number under `key` of the container, if there is one.
absl::Status ReadEpsilon(const Checkpoint& checkpoint, const std::string& path, const char* key, float* epsilon) {
  const auto text = FindText(checkpoint.texts(), key);
  if (!text.has_value()) return absl::OkStatus();
  double value = 0;
  if (!absl::SimpleAtod(*text, &value)) {
    return absl::InvalidArgumentError(absl::StrCat(KeyText(path, key), ": expected a number, found \"",
                                                   EscapeText(std::string(text->substr(0, 32))), "\""));
  }
  SKEIN_RETURN_IF_ERROR(CheckEpsilon(KeyText(path, key), value));
  *epsilon = static_cast<float>(value);
  return absl::OkStatus();
}

absl::Status CheckConfigDims(const nlohmann::json& json, const std::string& config_path, const std::string& path,
                             const ModelConfig& config) {
  for (const ConfigDim& dim : kConfigDims) {
    const auto found = json.find(dim.key);
    // A null value follows from the others. A dimension of 0 is one that the model does not have.
    if (found == json.end() || !found->is_number() || config.*dim.field == 0) continue;
    if (found->is_number_unsigned() && found->get<uint64_t>() == config.*dim.field) continue;
    return absl::InvalidArgumentError(absl::StrCat(KeyText(config_path, dim.key), " ", found->dump(), ", but ",
                                                   config.*dim.field, " by the shapes of ", path));
  }
  return absl::OkStatus();
}

// Checks config.json, if there is one, and takes the LayerNorm's epsilon from it.
absl::Status ReadConfigFile(const Checkpoint& checkpoint, const std::string& path, const ModelConfig& config,
                            float* norm_epsilon) {
  const absl::StatusOr<absl::Span<const uint8_t>> bytes = checkpoint.OpenSibling(kConfigFile);
  if (absl::IsNotFound(bytes.status())) return absl::OkStatus();
  if (!bytes.ok()) return bytes.status();
  const std::string config_path = absl::StrCat(path.substr(0, path.rfind('/') + 1), kConfigFile);
  if (bytes->size() > kMaxConfigBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(config_path, ": ", bytes->size(), " bytes; expected at most ", kMaxConfigBytes));
  }
  const nlohmann::json json = nlohmann::json::parse(bytes->begin(), bytes->end(), nullptr, false);
  if (!json.is_object()) return absl::InvalidArgumentError(absl::StrCat(config_path, ": expected a JSON object"));
  SKEIN_RETURN_IF_ERROR(CheckConfigDims(json, config_path, path, config));
  for (const char* key : kConfigEpsilons) {
    const auto found = json.find(key);
    if (found == json.end() || !found->is_number()) continue;
    SKEIN_RETURN_IF_ERROR(CheckEpsilon(KeyText(config_path, key), found->get<double>()));
    *norm_epsilon = found->get<float>();
    break;
  }
  return absl::OkStatus();
}

float GroupNormEpsilon(const NamingScheme& scheme, const ModelConfig& config, float norm_epsilon) {
  switch (scheme.group_norm) {
    case GroupNormRule::kAuthor:
      break;
    case GroupNormRule::kRwkvCpp:
      return config.generation == 5 ? kRwkvCppGroupNormEpsilon : config.group_norm_epsilon;
    case GroupNormRule::kHeadSizeNorm:
      return static_cast<float>(config.head_size) * norm_epsilon;
  }
  return config.group_norm_epsilon;
}

absl::Status ReadMetadata(const Checkpoint& checkpoint, const std::string& path, const ModelConfig& config,
                          ModelMetadata* metadata) {
  metadata->source_format = checkpoint.format();
  const struct {
    const char* key;
    std::string* out;
  } texts[] = {
      {"skein.name", &metadata->name},
      {"skein.licence", &metadata->licence},
      {"skein.tokenizer.kind", &metadata->tokenizer_kind},
      {"skein.chat_template", &metadata->chat_template},
  };
  for (const auto& text : texts) {
    const auto found = FindText(checkpoint.texts(), text.key);
    if (!found.has_value()) continue;
    *text.out = std::string(*found);
    if (IsUtf8Text(*text.out)) continue;
    return absl::InvalidArgumentError(absl::StrCat(KeyText(path, text.key), ": expected UTF-8 text without NUL"));
  }
  const auto end_token = FindText(checkpoint.texts(), "skein.end_token");
  if (!end_token.has_value()) return absl::OkStatus();
  uint32_t token = 0;
  if (!absl::SimpleAtoi(*end_token, &token) || token >= config.vocab_size) {
    return absl::InvalidArgumentError(absl::StrCat(KeyText(path, "skein.end_token"), " \"",
                                                   EscapeText(std::string(end_token->substr(0, 32))),
                                                   "\"; expected less than vocab_size ", config.vocab_size));
  }
  metadata->end_token = token;
  return absl::OkStatus();
}

absl::Status ReadVocabulary(const Checkpoint& checkpoint, const NamingScheme& scheme, CheckpointSettings* settings) {
  if (!settings->metadata.tokenizer_kind.empty()) {
    const absl::string_view vocabulary = FindText(checkpoint.texts(), "skein.tokenizer.vocabulary").value_or("");
    settings->vocabulary = {reinterpret_cast<const uint8_t*>(vocabulary.data()), vocabulary.size()};
    return absl::OkStatus();
  }
  if (!scheme.has_config_file) return absl::OkStatus();
  for (const VocabularyFile& file : kVocabularyFiles) {
    const absl::StatusOr<absl::Span<const uint8_t>> bytes = checkpoint.OpenSibling(file.name);
    if (absl::IsNotFound(bytes.status())) continue;
    if (!bytes.ok()) return bytes.status();
    settings->metadata.tokenizer_kind = file.kind;
    settings->vocabulary = *bytes;
    break;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CheckpointSettings> ReadSettings(const Checkpoint& checkpoint, const std::string& path,
                                                const NamingScheme& scheme, const ModelConfig& config) {
  CheckpointSettings settings;
  settings.norm_epsilon = config.norm_epsilon;
  if (scheme.has_config_file) {
    SKEIN_RETURN_IF_ERROR(ReadConfigFile(checkpoint, path, config, &settings.norm_epsilon));
  }
  SKEIN_RETURN_IF_ERROR(ReadEpsilon(checkpoint, path, "skein.norm_epsilon", &settings.norm_epsilon));
  settings.group_norm_epsilon = GroupNormEpsilon(scheme, config, settings.norm_epsilon);
  SKEIN_RETURN_IF_ERROR(ReadEpsilon(checkpoint, path, "skein.group_norm_epsilon", &settings.group_norm_epsilon));
  SKEIN_RETURN_IF_ERROR(ReadMetadata(checkpoint, path, config, &settings.metadata));
  SKEIN_RETURN_IF_ERROR(ReadVocabulary(checkpoint, scheme, &settings));
  std::string& chat_template = settings.metadata.chat_template;
  if (chat_template.empty() && (scheme.has_config_file || IsNamedByItsFolder(path))) {
    chat_template = ReadTemplateFiles(checkpoint);
  }
  return settings;
}

}  // namespace skein
