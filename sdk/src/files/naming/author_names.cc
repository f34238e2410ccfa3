#include "files/naming/author_names.h"

#include "skein/backend.h"

namespace skein {
namespace {

constexpr RoleName kNames[] = {
    {"emb.weight", SKEIN_ROLE_EMBEDDING},
    {"blocks.0.ln0.weight", SKEIN_ROLE_EMBEDDING_NORM_W},
    {"blocks.0.ln0.bias", SKEIN_ROLE_EMBEDDING_NORM_B},
    {"ln_out.weight", SKEIN_ROLE_OUTPUT_NORM_W},
    {"ln_out.bias", SKEIN_ROLE_OUTPUT_NORM_B},
    {"head.weight", SKEIN_ROLE_HEAD},

    {"ln1.weight", SKEIN_ROLE_TIME_NORM_W},
    {"ln1.bias", SKEIN_ROLE_TIME_NORM_B},
    {"ln2.weight", SKEIN_ROLE_CHANNEL_NORM_W},
    {"ln2.bias", SKEIN_ROLE_CHANNEL_NORM_B},
    {"att.receptance.weight", SKEIN_ROLE_TIME_RECEPTANCE},
    {"att.key.weight", SKEIN_ROLE_TIME_KEY},
    {"att.value.weight", SKEIN_ROLE_TIME_VALUE},
    {"att.gate.weight", SKEIN_ROLE_TIME_GATE},
    {"att.output.weight", SKEIN_ROLE_TIME_OUTPUT},
    {"att.ln_x.weight", SKEIN_ROLE_TIME_GROUP_NORM_W},
    {"att.ln_x.bias", SKEIN_ROLE_TIME_GROUP_NORM_B},
    {"ffn.key.weight", SKEIN_ROLE_CHANNEL_KEY},
    {"ffn.value.weight", SKEIN_ROLE_CHANNEL_VALUE},
    {"ffn.receptance.weight", SKEIN_ROLE_CHANNEL_RECEPTANCE},

    {"att.time_mix_k", SKEIN_ROLE_V4_MIX_K},
    {"att.time_mix_v", SKEIN_ROLE_V4_MIX_V},
    {"att.time_mix_r", SKEIN_ROLE_V4_MIX_R},
    {"att.time_mix_g", SKEIN_ROLE_V5_MIX_G},
    {"ffn.time_mix_k", SKEIN_ROLE_V4_CHANNEL_MIX_K},
    {"ffn.time_mix_r", SKEIN_ROLE_V4_CHANNEL_MIX_R},
    {"att.time_first", SKEIN_ROLE_V4_BONUS, kAsRole, kV4},

    {"att.w0", SKEIN_ROLE_V7_DECAY_BIAS},
    {"att.a0", SKEIN_ROLE_V7_ICLR_BIAS},
    {"att.v0", SKEIN_ROLE_V7_VALUE_BIAS},
    {"att.k_k", SKEIN_ROLE_V7_KEY_K},
    {"att.k_a", SKEIN_ROLE_V7_KEY_A},
    {"att.r_k", SKEIN_ROLE_V7_BONUS},
    {"ffn.x_k", SKEIN_ROLE_V7_CHANNEL_MIX},
};

}  // namespace

absl::Span<const RoleName> SharedAuthorNames() { return kNames; }

std::vector<RoleName> WithSharedAuthorNames(absl::Span<const RoleName> own) {
  std::vector<RoleName> names(SharedAuthorNames().begin(), SharedAuthorNames().end());
  names.insert(names.end(), own.begin(), own.end());
  return names;
}

}  // namespace skein
