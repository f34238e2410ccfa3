#include "files/naming/author_names.h"
#include "files/naming/scheme.h"
#include "skein/backend.h"

namespace skein {
namespace {

// Low-rank factors lie as their roles do. The factors of the five mixes of RWKV-6 lie on top of each other, in the
// order w, k, v, r, g. The rows of x_rwkvag are in the order r, w, k, v, a, g. The decays of RWKV-4 are stored as
// -exp(d), the decays of RWKV-5 as exp(-exp(d)), and the bonus of RWKV-5.0 as its exp.
constexpr RoleName kNames[] = {
    {"att.time_decay", SKEIN_ROLE_V4_DECAY, kAsRole, kV4, ValueMap::Function::kLogOfNegated},
    {"att.time_decay", SKEIN_ROLE_V5_DECAY, kAsRole, kV5, ValueMap::Function::kLogOfNegatedLog},
    {"att.time_first", SKEIN_ROLE_V5_BONUS, kAsRole, kV50, ValueMap::Function::kLog},
    {"att.time_faaaa", SKEIN_ROLE_V5_BONUS, kAsRole, kV51 | kV52 | kV6},

    {"att.time_maa_x", SKEIN_ROLE_V6_MIX_X},
    {"att.time_maa_w", SKEIN_ROLE_V6_MIX_W},
    {"att.time_maa_k", SKEIN_ROLE_V6_MIX_K},
    {"att.time_maa_v", SKEIN_ROLE_V6_MIX_V},
    {"att.time_maa_r", SKEIN_ROLE_V6_MIX_R},
    {"att.time_maa_g", SKEIN_ROLE_V6_MIX_G},
    {"att.time_maa_w1", SKEIN_ROLE_V6_MIX_DOWN_W, PartOf(Stored::kRows, 0, 5)},
    {"att.time_maa_w1", SKEIN_ROLE_V6_MIX_DOWN_K, PartOf(Stored::kRows, 1, 5)},
    {"att.time_maa_w1", SKEIN_ROLE_V6_MIX_DOWN_V, PartOf(Stored::kRows, 2, 5)},
    {"att.time_maa_w1", SKEIN_ROLE_V6_MIX_DOWN_R, PartOf(Stored::kRows, 3, 5)},
    {"att.time_maa_w1", SKEIN_ROLE_V6_MIX_DOWN_G, PartOf(Stored::kRows, 4, 5)},
    {"att.time_maa_w2", SKEIN_ROLE_V6_MIX_UP_W, PartOf(Stored::kRow, 0, 5)},
    {"att.time_maa_w2", SKEIN_ROLE_V6_MIX_UP_K, PartOf(Stored::kRow, 1, 5)},
    {"att.time_maa_w2", SKEIN_ROLE_V6_MIX_UP_V, PartOf(Stored::kRow, 2, 5)},
    {"att.time_maa_w2", SKEIN_ROLE_V6_MIX_UP_R, PartOf(Stored::kRow, 3, 5)},
    {"att.time_maa_w2", SKEIN_ROLE_V6_MIX_UP_G, PartOf(Stored::kRow, 4, 5)},
    {"att.time_decay", SKEIN_ROLE_V6_DECAY_BIAS, kReshaped, kV6},  // [H, N, 1]
    {"att.time_decay_w1", SKEIN_ROLE_V6_DECAY_DOWN},
    {"att.time_decay_w2", SKEIN_ROLE_V6_DECAY_UP},
    {"ffn.time_maa_k", SKEIN_ROLE_V6_CHANNEL_MIX_K},
    {"ffn.time_maa_r", SKEIN_ROLE_V6_CHANNEL_MIX_R},

    {"att.x_rwkvag", SKEIN_ROLE_V7_MIX_R, PartOf(Stored::kRow, 0, 6)},
    {"att.x_rwkvag", SKEIN_ROLE_V7_MIX_W, PartOf(Stored::kRow, 1, 6)},
    {"att.x_rwkvag", SKEIN_ROLE_V7_MIX_K, PartOf(Stored::kRow, 2, 6)},
    {"att.x_rwkvag", SKEIN_ROLE_V7_MIX_V, PartOf(Stored::kRow, 3, 6)},
    {"att.x_rwkvag", SKEIN_ROLE_V7_MIX_A, PartOf(Stored::kRow, 4, 6)},
    {"att.x_rwkvag", SKEIN_ROLE_V7_MIX_G, PartOf(Stored::kRow, 5, 6)},
    {"att.w1", SKEIN_ROLE_V7_DECAY_DOWN},
    {"att.w2", SKEIN_ROLE_V7_DECAY_UP},
    {"att.a1", SKEIN_ROLE_V7_ICLR_DOWN},
    {"att.a2", SKEIN_ROLE_V7_ICLR_UP},
    {"att.v1", SKEIN_ROLE_V7_VALUE_DOWN},
    {"att.v2", SKEIN_ROLE_V7_VALUE_UP},
    {"att.g1", SKEIN_ROLE_V7_GATE_DOWN},
    {"att.g2", SKEIN_ROLE_V7_GATE_UP},
};

}  // namespace

const NamingScheme& RwkvCppScheme() {
  // Never destroyed: a load may still run while exit handlers do.
  static const std::vector<RoleName>& names = *new std::vector<RoleName>(WithSharedAuthorNames(kNames));
  static const NamingScheme scheme = [] {
    NamingScheme s = {"rwkv.cpp", "blocks.", names, nullptr};
    s.group_norm = GroupNormRule::kRwkvCpp;
    return s;
  }();
  return scheme;
}

}  // namespace skein
