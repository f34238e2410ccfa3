#include "files/checkpoint/checkpoint_settings.h"

#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/utf8.h"
#include "files/checkpoint/config_file.h"
#include "files/checkpoint/template_files.h"
#include "files/checkpoint/trained_length.h"
#include "model/model_name.h"

namespace skein {
namespace {

constexpr float kRwkvCppGroupNormEpsilon = 1e-5f;

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

// GGUF files name an activation under keys of their architecture.
absl::Status CheckContainersActivation(const Checkpoint& checkpoint, const std::string& path) {
  for (const ContainerText& text : checkpoint.texts()) {
    if (!absl::EndsWith(text.key, ".hidden_activation") && !absl::EndsWith(text.key, ".hidden_act")) continue;
    SKEIN_RETURN_IF_ERROR(CheckActivation(KeyText(path, text.key.c_str()), std::string(text.value)));
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

}  // namespace

absl::StatusOr<CheckpointSettings> ReadSettings(const Checkpoint& checkpoint, const std::string& path,
                                                const NamingScheme& scheme, const ModelConfig& config) {
  CheckpointSettings settings;
  settings.norm_epsilon = config.norm_epsilon;
  if (scheme.has_config_file) {
    SKEIN_RETURN_IF_ERROR(ReadConfigFile(checkpoint, path, config, &settings.norm_epsilon));
  }
  SKEIN_RETURN_IF_ERROR(CheckContainersActivation(checkpoint, path));
  SKEIN_RETURN_IF_ERROR(ReadEpsilon(checkpoint, path, "skein.norm_epsilon", &settings.norm_epsilon));
  settings.group_norm_epsilon = GroupNormEpsilon(scheme, config, settings.norm_epsilon);
  SKEIN_RETURN_IF_ERROR(ReadEpsilon(checkpoint, path, "skein.group_norm_epsilon", &settings.group_norm_epsilon));
  SKEIN_RETURN_IF_ERROR(ReadMetadata(checkpoint, path, config, &settings.metadata));
  SKEIN_ASSIGN_OR_RETURN(settings.metadata.trained_length,
                         FindTrainedLength(checkpoint, path, scheme, NameModel(settings.metadata.name, path).name));
  if (!settings.metadata.tokenizer_kind.empty()) {
    const absl::string_view vocabulary = FindText(checkpoint.texts(), "skein.tokenizer.vocabulary").value_or("");
    settings.vocabulary = {reinterpret_cast<const uint8_t*>(vocabulary.data()), vocabulary.size()};
  }
  std::string& chat_template = settings.metadata.chat_template;
  if (chat_template.empty() && (scheme.has_config_file || IsNamedByItsFolder(path))) {
    chat_template = ReadTemplateFiles(checkpoint);
  }
  return settings;
}

}  // namespace skein
