#include "files/naming/author_names.h"
#include "files/naming/scheme.h"
#include "skein/backend.h"

namespace skein {
namespace {

// RWKV-4 to 6: the author's tensors under other names.
constexpr RoleName kNames[] = {
    {"rwkv.embeddings.weight", SKEIN_ROLE_EMBEDDING},
    {"rwkv.blocks.0.pre_ln.weight", SKEIN_ROLE_EMBEDDING_NORM_W},
    {"rwkv.blocks.0.pre_ln.bias", SKEIN_ROLE_EMBEDDING_NORM_B},
    {"rwkv.ln_out.weight", SKEIN_ROLE_OUTPUT_NORM_W},
    {"rwkv.ln_out.bias", SKEIN_ROLE_OUTPUT_NORM_B},
    {"head.weight", SKEIN_ROLE_HEAD},

    {"ln1.weight", SKEIN_ROLE_TIME_NORM_W},
    {"ln1.bias", SKEIN_ROLE_TIME_NORM_B},
    {"ln2.weight", SKEIN_ROLE_CHANNEL_NORM_W},
    {"ln2.bias", SKEIN_ROLE_CHANNEL_NORM_B},
    {"attention.receptance.weight", SKEIN_ROLE_TIME_RECEPTANCE},
    {"attention.key.weight", SKEIN_ROLE_TIME_KEY},
    {"attention.value.weight", SKEIN_ROLE_TIME_VALUE},
    {"attention.gate.weight", SKEIN_ROLE_TIME_GATE},
    {"attention.output.weight", SKEIN_ROLE_TIME_OUTPUT},
    {"attention.ln_x.weight", SKEIN_ROLE_TIME_GROUP_NORM_W},
    {"attention.ln_x.bias", SKEIN_ROLE_TIME_GROUP_NORM_B},
    {"feed_forward.key.weight", SKEIN_ROLE_CHANNEL_KEY},
    {"feed_forward.value.weight", SKEIN_ROLE_CHANNEL_VALUE},
    {"feed_forward.receptance.weight", SKEIN_ROLE_CHANNEL_RECEPTANCE},

    {"attention.time_mix_key", SKEIN_ROLE_V4_MIX_K},
    {"attention.time_mix_value", SKEIN_ROLE_V4_MIX_V},
    {"attention.time_mix_receptance", SKEIN_ROLE_V4_MIX_R},
    {"attention.time_mix_gate", SKEIN_ROLE_V5_MIX_G},
    {"feed_forward.time_mix_key", SKEIN_ROLE_V4_CHANNEL_MIX_K},
    {"feed_forward.time_mix_receptance", SKEIN_ROLE_V4_CHANNEL_MIX_R},
    {"attention.time_decay", SKEIN_ROLE_V4_DECAY, kAsRole, kV4},
    {"attention.time_decay", SKEIN_ROLE_V5_DECAY, kAsRole, kV5},
    {"attention.time_first", SKEIN_ROLE_V4_BONUS, kAsRole, kV4},
    {"attention.time_first", SKEIN_ROLE_V5_BONUS, kAsRole, kV50},
    {"attention.time_faaaa", SKEIN_ROLE_V5_BONUS, kAsRole, kV51 | kV52 | kV6},

    {"attention.time_maa_x", SKEIN_ROLE_V6_MIX_X},
    {"attention.time_maa_w", SKEIN_ROLE_V6_MIX_W},
    {"attention.time_maa_k", SKEIN_ROLE_V6_MIX_K},
    {"attention.time_maa_v", SKEIN_ROLE_V6_MIX_V},
    {"attention.time_maa_r", SKEIN_ROLE_V6_MIX_R},
    {"attention.time_maa_g", SKEIN_ROLE_V6_MIX_G},
    {"attention.time_maa_w1", SKEIN_ROLE_V6_MIX_DOWN_W, PartOf(Stored::kColumns, 0, 5)},
    {"attention.time_maa_w1", SKEIN_ROLE_V6_MIX_DOWN_K, PartOf(Stored::kColumns, 1, 5)},
    {"attention.time_maa_w1", SKEIN_ROLE_V6_MIX_DOWN_V, PartOf(Stored::kColumns, 2, 5)},
    {"attention.time_maa_w1", SKEIN_ROLE_V6_MIX_DOWN_R, PartOf(Stored::kColumns, 3, 5)},
    {"attention.time_maa_w1", SKEIN_ROLE_V6_MIX_DOWN_G, PartOf(Stored::kColumns, 4, 5)},
    {"attention.time_maa_w2", SKEIN_ROLE_V6_MIX_UP_W, PartOf(Stored::kTransposedRow, 0, 5)},
    {"attention.time_maa_w2", SKEIN_ROLE_V6_MIX_UP_K, PartOf(Stored::kTransposedRow, 1, 5)},
    {"attention.time_maa_w2", SKEIN_ROLE_V6_MIX_UP_V, PartOf(Stored::kTransposedRow, 2, 5)},
    {"attention.time_maa_w2", SKEIN_ROLE_V6_MIX_UP_R, PartOf(Stored::kTransposedRow, 3, 5)},
    {"attention.time_maa_w2", SKEIN_ROLE_V6_MIX_UP_G, PartOf(Stored::kTransposedRow, 4, 5)},
    {"attention.time_decay", SKEIN_ROLE_V6_DECAY_BIAS, kAsRole, kV6},
    {"attention.time_decay_w1", SKEIN_ROLE_V6_DECAY_DOWN, kTransposed},
    {"attention.time_decay_w2", SKEIN_ROLE_V6_DECAY_UP, kTransposed},
    {"feed_forward.time_maa_k", SKEIN_ROLE_V6_CHANNEL_MIX_K},
    {"feed_forward.time_maa_r", SKEIN_ROLE_V6_CHANNEL_MIX_R},
};

// RWKV-7: the author's tensors under other names.
constexpr RoleName kNames7[] = {
    {"model.embeddings.weight", SKEIN_ROLE_EMBEDDING},
    {"model.pre_ln.weight", SKEIN_ROLE_EMBEDDING_NORM_W},
    {"model.pre_ln.bias", SKEIN_ROLE_EMBEDDING_NORM_B},
    {"model.layers.0.pre_ln.weight", SKEIN_ROLE_EMBEDDING_NORM_W},
    {"model.layers.0.pre_ln.bias", SKEIN_ROLE_EMBEDDING_NORM_B},
    {"model.ln_out.weight", SKEIN_ROLE_OUTPUT_NORM_W},
    {"model.ln_out.bias", SKEIN_ROLE_OUTPUT_NORM_B},
    {"head.weight", SKEIN_ROLE_HEAD},
    {"lm_head.weight", SKEIN_ROLE_HEAD},

    {"ln1.weight", SKEIN_ROLE_TIME_NORM_W},
    {"ln1.bias", SKEIN_ROLE_TIME_NORM_B},
    {"ln2.weight", SKEIN_ROLE_CHANNEL_NORM_W},
    {"ln2.bias", SKEIN_ROLE_CHANNEL_NORM_B},
    {"attention.receptance.weight", SKEIN_ROLE_TIME_RECEPTANCE},
    {"attention.key.weight", SKEIN_ROLE_TIME_KEY},
    {"attention.value.weight", SKEIN_ROLE_TIME_VALUE},
    {"attention.output.weight", SKEIN_ROLE_TIME_OUTPUT},
    {"attention.ln_x.weight", SKEIN_ROLE_TIME_GROUP_NORM_W},
    {"attention.ln_x.bias", SKEIN_ROLE_TIME_GROUP_NORM_B},
    {"feed_forward.key.weight", SKEIN_ROLE_CHANNEL_KEY},
    {"feed_forward.value.weight", SKEIN_ROLE_CHANNEL_VALUE},

    {"attention.x_r", SKEIN_ROLE_V7_MIX_R},
    {"attention.x_w", SKEIN_ROLE_V7_MIX_W},
    {"attention.x_k", SKEIN_ROLE_V7_MIX_K},
    {"attention.x_v", SKEIN_ROLE_V7_MIX_V},
    {"attention.x_a", SKEIN_ROLE_V7_MIX_A},
    {"attention.x_g", SKEIN_ROLE_V7_MIX_G},
    {"attention.w0", SKEIN_ROLE_V7_DECAY_BIAS},
    {"attention.w1", SKEIN_ROLE_V7_DECAY_DOWN, kTransposed},
    {"attention.w2", SKEIN_ROLE_V7_DECAY_UP, kTransposed},
    {"attention.a0", SKEIN_ROLE_V7_ICLR_BIAS},
    {"attention.a1", SKEIN_ROLE_V7_ICLR_DOWN, kTransposed},
    {"attention.a2", SKEIN_ROLE_V7_ICLR_UP, kTransposed},
    {"attention.v0", SKEIN_ROLE_V7_VALUE_BIAS},
    {"attention.v1", SKEIN_ROLE_V7_VALUE_DOWN, kTransposed},
    {"attention.v2", SKEIN_ROLE_V7_VALUE_UP, kTransposed},
    {"attention.g1", SKEIN_ROLE_V7_GATE_DOWN, kTransposed},
    {"attention.g2", SKEIN_ROLE_V7_GATE_UP, kTransposed},
    {"attention.k_k", SKEIN_ROLE_V7_KEY_K},
    {"attention.k_a", SKEIN_ROLE_V7_KEY_A},
    {"attention.r_k", SKEIN_ROLE_V7_BONUS},
    {"feed_forward.x_k", SKEIN_ROLE_V7_CHANNEL_MIX},
};

}  // namespace

const NamingScheme& HuggingFaceScheme() {
  static const NamingScheme scheme = [] {
    NamingScheme s = {"Hugging Face", "rwkv.blocks.", kNames, "attention.time_state", kV4 | kV5 | kV6};
    s.has_config_file = true;
    return s;
  }();
  return scheme;
}

const NamingScheme& HuggingFace7Scheme() {
  static const NamingScheme scheme = [] {
    NamingScheme s = {"Hugging Face RWKV-7", "model.layers.", kNames7, "attention.time_state", kV7};
    s.has_config_file = true;
    return s;
  }();
  return scheme;
}

}  // namespace skein
