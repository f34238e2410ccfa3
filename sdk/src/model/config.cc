#include "model/config.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace skein {
namespace {

// The limits are far above all known models. The product of two of them and a number of layers fits in 64 bits.
constexpr uint32_t kMaxLayers = 1024;
constexpr uint32_t kMaxWidth = 1u << 16;
constexpr uint32_t kMaxFfn = 1u << 20;
constexpr uint32_t kMaxVocab = 1u << 24;
constexpr uint32_t kMaxHeadSize = 1024;

absl::Status CheckRange(const char* field, uint32_t value, uint32_t max) {
  if (value >= 1 && value <= max) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field, " ", value, "; expected 1 to ", max));
}

absl::Status CheckEpsilon(const char* field, float value) {
  if (std::isfinite(value) && value > 0 && value < 1) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field, " ", value, "; expected a number between 0 and 1"));
}

}  // namespace

ModelConfig::ModelConfig() : skein_backend_model{} {
  struct_size = sizeof(skein_backend_model);
  generation = 7;
  norm_epsilon = 1e-5f;
  group_norm_epsilon = 64e-5f;
}

absl::Status ModelConfig::CheckVersion() const {
  if (VersionOf(*this) != 0) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat("generation ", generation, " variant ", variant,
                                               "; this version runs generations 4, 5 (variants 0 to 2), 6 and 7"));
}

absl::Status ModelConfig::CheckHeads() const {
  if (generation == 4) {
    if (num_heads == 0 && head_size == 0) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("num_heads ", num_heads, ", head_size ", head_size, "; expected none of them in generation 4"));
  }
  if (head_size == 0 || head_size > kMaxHeadSize || d_att % head_size != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("head_size ", head_size, "; expected a divisor of d_att ", d_att, " up to ", kMaxHeadSize));
  }
  if (num_heads != d_att / head_size) {
    return absl::InvalidArgumentError(absl::StrCat("num_heads ", num_heads, "; expected d_att ", d_att, " / head_size ",
                                                   head_size, " = ", d_att / head_size));
  }
  return absl::OkStatus();
}

absl::Status ModelConfig::CheckRanks() const {
  for (const Dim rank : kRanks) {
    const uint32_t value = DimSize(rank, *this);
    if (HasDim(VersionOf(*this), rank, num_layers)) {
      SKEIN_RETURN_IF_ERROR(CheckRange(DimField(rank), value, kMaxWidth));
    } else if (value != 0) {
      return absl::InvalidArgumentError(absl::StrCat(DimField(rank), " ", value, "; expected 0 in ", VersionName(),
                                                     " with ", num_layers, num_layers == 1 ? " layer" : " layers"));
    }
  }
  return absl::OkStatus();
}

absl::Status ModelConfig::Validate() const {
  SKEIN_RETURN_IF_ERROR(CheckVersion());
  SKEIN_RETURN_IF_ERROR(CheckRange("num_layers", num_layers, kMaxLayers));
  SKEIN_RETURN_IF_ERROR(CheckRange("d_model", d_model, kMaxWidth));
  SKEIN_RETURN_IF_ERROR(CheckRange("d_att", d_att, kMaxWidth));
  SKEIN_RETURN_IF_ERROR(CheckRange("d_ffn", d_ffn, kMaxFfn));
  SKEIN_RETURN_IF_ERROR(CheckRange("vocab_size", vocab_size, kMaxVocab));
  if (generation == 7 && d_att != d_model) {
    return absl::InvalidArgumentError(absl::StrCat("d_att ", d_att, "; expected d_model ", d_model));
  }
  SKEIN_RETURN_IF_ERROR(CheckHeads());
  SKEIN_RETURN_IF_ERROR(CheckRanks());
  SKEIN_RETURN_IF_ERROR(CheckEpsilon("norm_epsilon", norm_epsilon));
  if (generation == 4) return absl::OkStatus();
  return CheckEpsilon("group_norm_epsilon", group_norm_epsilon);
}

std::string ModelConfig::VersionName() const {
  return generation == 5 ? absl::StrCat("RWKV-5.", variant) : absl::StrCat("RWKV-", generation);
}

void SetVersion(VersionSet version, ModelConfig* config) {
  for (const Version& row : kVersions) {
    if (row.bit != version) continue;
    config->generation = row.generation;
    config->variant = row.variant;
  }
}

}  // namespace skein
