#include "model/config.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace skein {
namespace {

// Far above every model known, and low enough that no product of two of them and a number of layers overflows 64 bits.
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

absl::Status ModelConfig::Validate() const {
  if (generation != 7 || variant != 0) {
    return absl::UnimplementedError(
        absl::StrCat("generation ", generation, " variant ", variant, "; this version runs generation 7 variant 0"));
  }
  const struct {
    const char* field;
    uint32_t value;
    uint32_t max;
  } ranges[] = {
      {"num_layers", num_layers, kMaxLayers},
      {"d_model", d_model, kMaxWidth},
      {"d_ffn", d_ffn, kMaxFfn},
      {"vocab_size", vocab_size, kMaxVocab},
      {"rank_decay", rank_decay, kMaxWidth},
      {"rank_iclr", rank_iclr, kMaxWidth},
      {"rank_gate", rank_gate, kMaxWidth},
  };
  for (const auto& range : ranges) {
    absl::Status status = CheckRange(range.field, range.value, range.max);
    if (!status.ok()) return status;
  }
  if (d_att != d_model) {
    return absl::InvalidArgumentError(absl::StrCat("d_att ", d_att, "; expected d_model ", d_model));
  }
  if (head_size == 0 || head_size > kMaxHeadSize || d_model % head_size != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("head_size ", head_size, "; expected a divisor of d_model ", d_model, " up to ", kMaxHeadSize));
  }
  if (num_heads != d_model / head_size) {
    return absl::InvalidArgumentError(absl::StrCat("num_heads ", num_heads, "; expected d_model ", d_model,
                                                   " / head_size ", head_size, " = ", d_model / head_size));
  }
  const bool has_value_residual = num_layers > 1;
  if (rank_value > kMaxWidth || (rank_value == 0) == has_value_residual) {
    return absl::InvalidArgumentError(
        absl::StrCat("rank_value ", rank_value, "; expected ",
                     has_value_residual ? absl::StrCat("1 to ", kMaxWidth) : "0 in a model of one layer"));
  }
  absl::Status status = CheckEpsilon("norm_epsilon", norm_epsilon);
  if (!status.ok()) return status;
  return CheckEpsilon("group_norm_epsilon", group_norm_epsilon);
}

uint64_t ModelConfig::StateFloats() const {
  const uint64_t wkv = uint64_t{num_heads} * head_size * head_size;
  return num_layers * (2 * uint64_t{d_model} + wkv);
}

skein_backend_model ModelConfig::ToBackend() const {
  skein_backend_model model = {};
  model.struct_size = sizeof(model);
  model.generation = generation;
  model.variant = variant;
  model.num_layers = num_layers;
  model.d_model = d_model;
  model.d_att = d_att;
  model.d_ffn = d_ffn;
  model.vocab_size = vocab_size;
  model.num_heads = num_heads;
  model.head_size = head_size;
  model.rank_decay = rank_decay;
  model.rank_iclr = rank_iclr;
  model.rank_value = rank_value;
  model.rank_gate = rank_gate;
  model.norm_epsilon = norm_epsilon;
  model.group_norm_epsilon = group_norm_epsilon;
  return model;
}

}  // namespace skein
