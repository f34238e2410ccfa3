#include "model/naming/scheme.h"
#include "skein/backend.h"

namespace skein {
namespace {

// The low-rank factors are already the way their roles are. The rows of x_rwkvag are in the order r, w, k, v, a, g.
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
    {"att.output.weight", SKEIN_ROLE_TIME_OUTPUT},
    {"att.ln_x.weight", SKEIN_ROLE_TIME_GROUP_NORM_W},
    {"att.ln_x.bias", SKEIN_ROLE_TIME_GROUP_NORM_B},
    {"ffn.key.weight", SKEIN_ROLE_CHANNEL_KEY},
    {"ffn.value.weight", SKEIN_ROLE_CHANNEL_VALUE},

    {"att.x_rwkvag", SKEIN_ROLE_V7_MIX_R, Stored::kFused, 0},
    {"att.x_rwkvag", SKEIN_ROLE_V7_MIX_W, Stored::kFused, 1},
    {"att.x_rwkvag", SKEIN_ROLE_V7_MIX_K, Stored::kFused, 2},
    {"att.x_rwkvag", SKEIN_ROLE_V7_MIX_V, Stored::kFused, 3},
    {"att.x_rwkvag", SKEIN_ROLE_V7_MIX_A, Stored::kFused, 4},
    {"att.x_rwkvag", SKEIN_ROLE_V7_MIX_G, Stored::kFused, 5},
    {"att.w0", SKEIN_ROLE_V7_DECAY_BIAS},
    {"att.w1", SKEIN_ROLE_V7_DECAY_DOWN},
    {"att.w2", SKEIN_ROLE_V7_DECAY_UP},
    {"att.a0", SKEIN_ROLE_V7_ICLR_BIAS},
    {"att.a1", SKEIN_ROLE_V7_ICLR_DOWN},
    {"att.a2", SKEIN_ROLE_V7_ICLR_UP},
    {"att.v0", SKEIN_ROLE_V7_VALUE_BIAS},
    {"att.v1", SKEIN_ROLE_V7_VALUE_DOWN},
    {"att.v2", SKEIN_ROLE_V7_VALUE_UP},
    {"att.g1", SKEIN_ROLE_V7_GATE_DOWN},
    {"att.g2", SKEIN_ROLE_V7_GATE_UP},
    {"att.k_k", SKEIN_ROLE_V7_KEY_K},
    {"att.k_a", SKEIN_ROLE_V7_KEY_A},
    {"att.r_k", SKEIN_ROLE_V7_BONUS},
    {"ffn.x_k", SKEIN_ROLE_V7_CHANNEL_MIX},
};

}  // namespace

const NamingScheme& RwkvCppScheme() {
  static const NamingScheme scheme = {"rwkv.cpp", kNames, 6};
  return scheme;
}

}  // namespace skein
