#include "files/naming/author_names.h"
#include "files/naming/scheme.h"
#include "skein/backend.h"

namespace skein {
namespace {

// Low-rank factors lie as their roles do. The mixes of RWKV-6 have the names of RWKV-4's. The bonus has the old name
// time_first in all versions, but it is the bonus itself and not its exp. RWKV-5.1 is written as 5.2, with decay and
// bonus repeated over the head.
constexpr RoleName kNames[] = {
    {"att.time_decay", SKEIN_ROLE_V5_DECAY, kAsRole, kV5},
    {"att.time_first", SKEIN_ROLE_V5_BONUS, kAsRole, kV5 | kV6},

    {"att.time_mix_x", SKEIN_ROLE_V6_MIX_X},
    {"att.time_mix_w", SKEIN_ROLE_V6_MIX_W},
    {"att.time_mix_k", SKEIN_ROLE_V6_MIX_K},
    {"att.time_mix_v", SKEIN_ROLE_V6_MIX_V},
    {"att.time_mix_r", SKEIN_ROLE_V6_MIX_R},
    {"att.time_mix_g", SKEIN_ROLE_V6_MIX_G},
    {"att.time_mix_w1", SKEIN_ROLE_V6_MIX_DOWN_W, PartOf(Stored::kRows, 0, 5)},
    {"att.time_mix_w1", SKEIN_ROLE_V6_MIX_DOWN_K, PartOf(Stored::kRows, 1, 5)},
    {"att.time_mix_w1", SKEIN_ROLE_V6_MIX_DOWN_V, PartOf(Stored::kRows, 2, 5)},
    {"att.time_mix_w1", SKEIN_ROLE_V6_MIX_DOWN_R, PartOf(Stored::kRows, 3, 5)},
    {"att.time_mix_w1", SKEIN_ROLE_V6_MIX_DOWN_G, PartOf(Stored::kRows, 4, 5)},
    {"att.time_mix_w2", SKEIN_ROLE_V6_MIX_UP_W, PartOf(Stored::kRow, 0, 5)},
    {"att.time_mix_w2", SKEIN_ROLE_V6_MIX_UP_K, PartOf(Stored::kRow, 1, 5)},
    {"att.time_mix_w2", SKEIN_ROLE_V6_MIX_UP_V, PartOf(Stored::kRow, 2, 5)},
    {"att.time_mix_w2", SKEIN_ROLE_V6_MIX_UP_R, PartOf(Stored::kRow, 3, 5)},
    {"att.time_mix_w2", SKEIN_ROLE_V6_MIX_UP_G, PartOf(Stored::kRow, 4, 5)},
    {"att.time_decay", SKEIN_ROLE_V6_DECAY_BIAS, kReshaped, kV6},
    {"att.time_decay_w1", SKEIN_ROLE_V6_DECAY_DOWN},
    {"att.time_decay_w2", SKEIN_ROLE_V6_DECAY_UP},
    {"ffn.time_mix_k", SKEIN_ROLE_V6_CHANNEL_MIX_K},
    {"ffn.time_mix_r", SKEIN_ROLE_V6_CHANNEL_MIX_R},

    {"att.x_r", SKEIN_ROLE_V7_MIX_R},
    {"att.x_w", SKEIN_ROLE_V7_MIX_W},
    {"att.x_k", SKEIN_ROLE_V7_MIX_K},
    {"att.x_v", SKEIN_ROLE_V7_MIX_V},
    {"att.x_a", SKEIN_ROLE_V7_MIX_A},
    {"att.x_g", SKEIN_ROLE_V7_MIX_G},
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

const NamingScheme& WebRwkvScheme() {
  // Never destroyed: a load may still run while exit handlers do.
  static const std::vector<RoleName>& names = *new std::vector<RoleName>(WithSharedAuthorNames(kNames));
  static const NamingScheme scheme = {"web-rwkv",       "blocks.",       names,
                                      "att.time_state", kV5 | kV6 | kV7, WkvOrder::kKeyValue};
  return scheme;
}

}  // namespace skein
