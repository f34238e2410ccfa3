#include "files/checkpoint/config_file.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "base/status.h"
#include "base/utf8.h"
#include "nlohmann/json.hpp"

namespace skein {
namespace {

constexpr const char* kFileName = "config.json";
constexpr size_t kMaxBytes = 1 << 20;

// The range of epsilons. Published models have 1e-5 for LayerNorms and 64e-5 for GroupNorms.
constexpr double kMinEpsilon = 1e-12;
constexpr double kMaxEpsilon = 1e-2;

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

// The plainest name first: the last one is a limit of attention elsewhere.
constexpr const char* kConfigLengths[] = {"context_length", "ctx_len", "max_position_embeddings"};

// Names of the squared ReLU. In Hugging Face's list of activations it is "relu2".
constexpr const char* kSquaredRelu[] = {"sqrelu", "relu2", "relu^2", "squared_relu", "relu_squared", "relusquared"};

std::string KeyText(const std::string& path, const char* key) { return absl::StrCat(path, ": \"", key, "\""); }

std::string ConfigPath(const std::string& path) { return absl::StrCat(path.substr(0, path.rfind('/') + 1), kFileName); }

// An object; null if there is no such file.
absl::StatusOr<nlohmann::json> ParseConfig(const Checkpoint& checkpoint, const std::string& path) {
  const absl::StatusOr<absl::Span<const uint8_t>> bytes = checkpoint.OpenSibling(kFileName);
  if (absl::IsNotFound(bytes.status())) return nlohmann::json();
  if (!bytes.ok()) return bytes.status();
  if (bytes->size() > kMaxBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(ConfigPath(path), ": ", bytes->size(), " bytes; expected at most ", kMaxBytes));
  }
  nlohmann::json json = nlohmann::json::parse(bytes->begin(), bytes->end(), nullptr, false);
  if (json.is_object()) return json;
  return absl::InvalidArgumentError(absl::StrCat(ConfigPath(path), ": expected a JSON object"));
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

absl::Status CheckConfigActivation(const nlohmann::json& json, const std::string& config_path) {
  const auto found = json.find("hidden_act");
  if (found == json.end() || found->is_null()) return absl::OkStatus();
  return CheckActivation(KeyText(config_path, "hidden_act"),
                         found->is_string() ? found->get<std::string>() : found->dump());
}

}  // namespace

absl::Status CheckEpsilon(const std::string& where, double epsilon) {
  if (epsilon >= kMinEpsilon && epsilon <= kMaxEpsilon) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(where, " ", epsilon, "; expected a number from ", kMinEpsilon, " to ", kMaxEpsilon));
}

absl::Status CheckActivation(const std::string& where, const std::string& name) {
  const std::string lower = absl::AsciiStrToLower(name);
  const bool is_known =
      std::any_of(std::begin(kSquaredRelu), std::end(kSquaredRelu), [&](const char* known) { return lower == known; });
  if (is_known) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat(where, " \"", EscapeText(name.substr(0, 64)),
                   "\"; expected \"sqrelu\" or \"relu2\": the channel-mix of RWKV has the squared ReLU"));
}

absl::StatusOr<bool> ConfigTiesHead(const Checkpoint& checkpoint, const std::string& path) {
  SKEIN_ASSIGN_OR_RETURN(const nlohmann::json json, ParseConfig(checkpoint, path));
  const auto found = json.find("tie_word_embeddings");
  return found != json.end() && found->is_boolean() && found->get<bool>();
}

absl::StatusOr<std::optional<uint32_t>> ConfigTrainedLength(const Checkpoint& checkpoint, const std::string& path) {
  SKEIN_ASSIGN_OR_RETURN(const nlohmann::json json, ParseConfig(checkpoint, path));
  for (const char* key : kConfigLengths) {
    const auto found = json.find(key);
    if (found == json.end() || !found->is_number_unsigned()) continue;
    const auto length = found->get<uint64_t>();
    if (length > 0 && length <= std::numeric_limits<uint32_t>::max()) return static_cast<uint32_t>(length);
  }
  return std::nullopt;
}

absl::Status ReadConfigFile(const Checkpoint& checkpoint, const std::string& path, const ModelConfig& config,
                            float* norm_epsilon) {
  SKEIN_ASSIGN_OR_RETURN(const nlohmann::json json, ParseConfig(checkpoint, path));
  if (json.is_null()) return absl::OkStatus();
  const std::string config_path = ConfigPath(path);
  SKEIN_RETURN_IF_ERROR(CheckConfigDims(json, config_path, path, config));
  SKEIN_RETURN_IF_ERROR(CheckConfigActivation(json, config_path));
  for (const char* key : kConfigEpsilons) {
    const auto found = json.find(key);
    if (found == json.end() || !found->is_number()) continue;
    SKEIN_RETURN_IF_ERROR(CheckEpsilon(KeyText(config_path, key), found->get<double>()));
    *norm_epsilon = found->get<float>();
    break;
  }
  return absl::OkStatus();
}

}  // namespace skein
