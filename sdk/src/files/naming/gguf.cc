#include "files/naming/author_names.h"
#include "files/naming/scheme.h"
#include "skein/backend.h"

namespace skein {
namespace {

// Low-rank factors lie as their roles do. The mixes lie in one tensor, in the order w, k, v, r, g in RWKV-6 and
// r, w, k, v, a, g in RWKV-7. Older files of RWKV-6 have a tensor for each mix.
constexpr RoleName kNames[] = {
    {"token_embd.weight", SKEIN_ROLE_EMBEDDING},
    {"token_embd_norm.weight", SKEIN_ROLE_EMBEDDING_NORM_W},
    {"token_embd_norm.bias", SKEIN_ROLE_EMBEDDING_NORM_B},
    {"output_norm.weight", SKEIN_ROLE_OUTPUT_NORM_W},
    {"output_norm.bias", SKEIN_ROLE_OUTPUT_NORM_B},
    {"output.weight", SKEIN_ROLE_HEAD},

    {"attn_norm.weight", SKEIN_ROLE_TIME_NORM_W},
    {"attn_norm.bias", SKEIN_ROLE_TIME_NORM_B},
    {"attn_norm_2.weight", SKEIN_ROLE_CHANNEL_NORM_W},
    {"attn_norm_2.bias", SKEIN_ROLE_CHANNEL_NORM_B},
    {"time_mix_receptance.weight", SKEIN_ROLE_TIME_RECEPTANCE},
    {"time_mix_key.weight", SKEIN_ROLE_TIME_KEY},
    {"time_mix_value.weight", SKEIN_ROLE_TIME_VALUE},
    {"time_mix_gate.weight", SKEIN_ROLE_TIME_GATE},
    {"time_mix_output.weight", SKEIN_ROLE_TIME_OUTPUT},
    {"time_mix_ln.weight", SKEIN_ROLE_TIME_GROUP_NORM_W},
    {"time_mix_ln.bias", SKEIN_ROLE_TIME_GROUP_NORM_B},
    {"channel_mix_key.weight", SKEIN_ROLE_CHANNEL_KEY},
    {"channel_mix_value.weight", SKEIN_ROLE_CHANNEL_VALUE},
    {"channel_mix_receptance.weight", SKEIN_ROLE_CHANNEL_RECEPTANCE},

    {"time_mix_lerp_x.weight", SKEIN_ROLE_V6_MIX_X},
    {"time_mix_lerp_fused.weight", SKEIN_ROLE_V6_MIX_W, PartOf(Stored::kRow, 0, 5)},
    {"time_mix_lerp_fused.weight", SKEIN_ROLE_V6_MIX_K, PartOf(Stored::kRow, 1, 5)},
    {"time_mix_lerp_fused.weight", SKEIN_ROLE_V6_MIX_V, PartOf(Stored::kRow, 2, 5)},
    {"time_mix_lerp_fused.weight", SKEIN_ROLE_V6_MIX_R, PartOf(Stored::kRow, 3, 5)},
    {"time_mix_lerp_fused.weight", SKEIN_ROLE_V6_MIX_G, PartOf(Stored::kRow, 4, 5)},
    {"time_mix_lerp_w.weight", SKEIN_ROLE_V6_MIX_W},
    {"time_mix_lerp_k.weight", SKEIN_ROLE_V6_MIX_K},
    {"time_mix_lerp_v.weight", SKEIN_ROLE_V6_MIX_V},
    {"time_mix_lerp_r.weight", SKEIN_ROLE_V6_MIX_R},
    {"time_mix_lerp_g.weight", SKEIN_ROLE_V6_MIX_G},
    {"time_mix_w1.weight", SKEIN_ROLE_V6_MIX_DOWN_W, PartOf(Stored::kRows, 0, 5)},
    {"time_mix_w1.weight", SKEIN_ROLE_V6_MIX_DOWN_K, PartOf(Stored::kRows, 1, 5)},
    {"time_mix_w1.weight", SKEIN_ROLE_V6_MIX_DOWN_V, PartOf(Stored::kRows, 2, 5)},
    {"time_mix_w1.weight", SKEIN_ROLE_V6_MIX_DOWN_R, PartOf(Stored::kRows, 3, 5)},
    {"time_mix_w1.weight", SKEIN_ROLE_V6_MIX_DOWN_G, PartOf(Stored::kRows, 4, 5)},
    {"time_mix_w2.weight", SKEIN_ROLE_V6_MIX_UP_W, PartOf(Stored::kRow, 0, 5)},
    {"time_mix_w2.weight", SKEIN_ROLE_V6_MIX_UP_K, PartOf(Stored::kRow, 1, 5)},
    {"time_mix_w2.weight", SKEIN_ROLE_V6_MIX_UP_V, PartOf(Stored::kRow, 2, 5)},
    {"time_mix_w2.weight", SKEIN_ROLE_V6_MIX_UP_R, PartOf(Stored::kRow, 3, 5)},
    {"time_mix_w2.weight", SKEIN_ROLE_V6_MIX_UP_G, PartOf(Stored::kRow, 4, 5)},
    {"time_mix_decay.weight", SKEIN_ROLE_V6_DECAY_BIAS},
    {"time_mix_decay_w1.weight", SKEIN_ROLE_V6_DECAY_DOWN},
    {"time_mix_decay_w2.weight", SKEIN_ROLE_V6_DECAY_UP},
    {"time_mix_first.weight", SKEIN_ROLE_V5_BONUS, kAsRole, kV6},
    {"channel_mix_lerp_k.weight", SKEIN_ROLE_V6_CHANNEL_MIX_K},
    {"channel_mix_lerp_r.weight", SKEIN_ROLE_V6_CHANNEL_MIX_R},

    {"time_mix_lerp_fused.weight", SKEIN_ROLE_V7_MIX_R, PartOf(Stored::kRow, 0, 6)},
    {"time_mix_lerp_fused.weight", SKEIN_ROLE_V7_MIX_W, PartOf(Stored::kRow, 1, 6)},
    {"time_mix_lerp_fused.weight", SKEIN_ROLE_V7_MIX_K, PartOf(Stored::kRow, 2, 6)},
    {"time_mix_lerp_fused.weight", SKEIN_ROLE_V7_MIX_V, PartOf(Stored::kRow, 3, 6)},
    {"time_mix_lerp_fused.weight", SKEIN_ROLE_V7_MIX_A, PartOf(Stored::kRow, 4, 6)},
    {"time_mix_lerp_fused.weight", SKEIN_ROLE_V7_MIX_G, PartOf(Stored::kRow, 5, 6)},
    {"time_mix_w0.weight", SKEIN_ROLE_V7_DECAY_BIAS},
    {"time_mix_w1.weight", SKEIN_ROLE_V7_DECAY_DOWN},
    {"time_mix_w2.weight", SKEIN_ROLE_V7_DECAY_UP},
    {"time_mix_a0.weight", SKEIN_ROLE_V7_ICLR_BIAS},
    {"time_mix_a1.weight", SKEIN_ROLE_V7_ICLR_DOWN},
    {"time_mix_a2.weight", SKEIN_ROLE_V7_ICLR_UP},
    {"time_mix_v0.weight", SKEIN_ROLE_V7_VALUE_BIAS},
    {"time_mix_v1.weight", SKEIN_ROLE_V7_VALUE_DOWN},
    {"time_mix_v2.weight", SKEIN_ROLE_V7_VALUE_UP},
    {"time_mix_g1.weight", SKEIN_ROLE_V7_GATE_DOWN},
    {"time_mix_g2.weight", SKEIN_ROLE_V7_GATE_UP},
    {"time_mix_k_k.weight", SKEIN_ROLE_V7_KEY_K},
    {"time_mix_k_a.weight", SKEIN_ROLE_V7_KEY_A},
    {"time_mix_r_k.weight", SKEIN_ROLE_V7_BONUS, kReshaped},  // [C]
    {"channel_mix_lerp_k.weight", SKEIN_ROLE_V7_CHANNEL_MIX},
};

}  // namespace

const NamingScheme& GgufScheme() {
  static const NamingScheme scheme = [] {
    NamingScheme s = {"GGUF", "blk.", kNames, nullptr, kV6 | kV7};
    s.head_size_key = "rwkv7.wkv.head_size";
    s.ties_missing_head = true;  // as llama.cpp has it
    return s;
  }();
  return scheme;
}

}  // namespace skein
