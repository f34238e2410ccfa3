#include "files/naming/author_names.h"
#include "files/naming/scheme.h"
#include "skein/backend.h"

namespace skein {
namespace {

// Low-rank factors are linear layers, so they lie as their roles do. Older files have the six mixes in one tensor, in
// the order r, w, k, v, a, g.
constexpr RoleName kNames[] = {
    {"model.embeddings.weight", SKEIN_ROLE_EMBEDDING},
    {"model.layers.0.pre_norm.weight", SKEIN_ROLE_EMBEDDING_NORM_W},
    {"model.layers.0.pre_norm.bias", SKEIN_ROLE_EMBEDDING_NORM_B},
    {"model.norm.weight", SKEIN_ROLE_OUTPUT_NORM_W},
    {"model.norm.bias", SKEIN_ROLE_OUTPUT_NORM_B},
    {"lm_head.weight", SKEIN_ROLE_HEAD},

    {"attn_norm.weight", SKEIN_ROLE_TIME_NORM_W},
    {"attn_norm.bias", SKEIN_ROLE_TIME_NORM_B},
    {"ffn_norm.weight", SKEIN_ROLE_CHANNEL_NORM_W},
    {"ffn_norm.bias", SKEIN_ROLE_CHANNEL_NORM_B},
    {"attn.r_proj.weight", SKEIN_ROLE_TIME_RECEPTANCE},
    {"attn.k_proj.weight", SKEIN_ROLE_TIME_KEY},
    {"attn.v_proj.weight", SKEIN_ROLE_TIME_VALUE},
    {"attn.o_proj.weight", SKEIN_ROLE_TIME_OUTPUT},
    {"attn.g_norm.weight", SKEIN_ROLE_TIME_GROUP_NORM_W},
    {"attn.g_norm.bias", SKEIN_ROLE_TIME_GROUP_NORM_B},
    {"ffn.key.weight", SKEIN_ROLE_CHANNEL_KEY},
    {"ffn.value.weight", SKEIN_ROLE_CHANNEL_VALUE},

    {"attn.x_r", SKEIN_ROLE_V7_MIX_R},
    {"attn.x_w", SKEIN_ROLE_V7_MIX_W},
    {"attn.x_k", SKEIN_ROLE_V7_MIX_K},
    {"attn.x_v", SKEIN_ROLE_V7_MIX_V},
    {"attn.x_a", SKEIN_ROLE_V7_MIX_A},
    {"attn.x_g", SKEIN_ROLE_V7_MIX_G},
    {"attn.x_x", SKEIN_ROLE_V7_MIX_R, PartOf(Stored::kRow, 0, 6)},
    {"attn.x_x", SKEIN_ROLE_V7_MIX_W, PartOf(Stored::kRow, 1, 6)},
    {"attn.x_x", SKEIN_ROLE_V7_MIX_K, PartOf(Stored::kRow, 2, 6)},
    {"attn.x_x", SKEIN_ROLE_V7_MIX_V, PartOf(Stored::kRow, 3, 6)},
    {"attn.x_x", SKEIN_ROLE_V7_MIX_A, PartOf(Stored::kRow, 4, 6)},
    {"attn.x_x", SKEIN_ROLE_V7_MIX_G, PartOf(Stored::kRow, 5, 6)},
    {"attn.w_lora.lora.2.bias", SKEIN_ROLE_V7_DECAY_BIAS},
    {"attn.w_lora.lora.0.weight", SKEIN_ROLE_V7_DECAY_DOWN},
    {"attn.w_lora.lora.2.weight", SKEIN_ROLE_V7_DECAY_UP},
    {"attn.a_lora.lora.2.bias", SKEIN_ROLE_V7_ICLR_BIAS},
    {"attn.a_lora.lora.0.weight", SKEIN_ROLE_V7_ICLR_DOWN},
    {"attn.a_lora.lora.2.weight", SKEIN_ROLE_V7_ICLR_UP},
    {"attn.v_lora.lora.2.bias", SKEIN_ROLE_V7_VALUE_BIAS},
    {"attn.v_lora.lora.0.weight", SKEIN_ROLE_V7_VALUE_DOWN},
    {"attn.v_lora.lora.2.weight", SKEIN_ROLE_V7_VALUE_UP},
    {"attn.g_lora.lora.0.weight", SKEIN_ROLE_V7_GATE_DOWN},
    {"attn.g_lora.lora.2.weight", SKEIN_ROLE_V7_GATE_UP},
    {"attn.k_k", SKEIN_ROLE_V7_KEY_K},
    {"attn.k_a", SKEIN_ROLE_V7_KEY_A},
    {"attn.r_k", SKEIN_ROLE_V7_BONUS},
    {"ffn.x_k", SKEIN_ROLE_V7_CHANNEL_MIX},
};

}  // namespace

const NamingScheme& FlaScheme() {
  static const NamingScheme scheme = [] {
    NamingScheme s = {"flash-linear-attention", "model.layers.", kNames, nullptr, kV7};
    s.has_config_file = true;
    s.group_norm = GroupNormRule::kHeadSizeNorm;
    return s;
  }();
  return scheme;
}

}  // namespace skein
