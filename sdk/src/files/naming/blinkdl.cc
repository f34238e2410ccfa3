#include <algorithm>
#include <iterator>

#include "files/naming/author_names.h"
#include "files/naming/scheme.h"
#include "skein/backend.h"

namespace skein {
namespace {

// Low-rank factors act from the right, y = x P, so they are stored transposed. The factors of the five mixes of RWKV-6
// lie side by side or on top of each other, in the order w, k, v, r, g.
constexpr RoleName kNames[] = {
    {"att.time_decay", SKEIN_ROLE_V4_DECAY, kAsRole, kV4},
    {"att.time_decay", SKEIN_ROLE_V5_DECAY, kAsRole, kV5},
    {"att.time_first", SKEIN_ROLE_V5_BONUS, kAsRole, kV50},
    {"att.time_faaaa", SKEIN_ROLE_V5_BONUS, kAsRole, kV51 | kV52 | kV6},

    {"att.time_maa_x", SKEIN_ROLE_V6_MIX_X},
    {"att.time_maa_w", SKEIN_ROLE_V6_MIX_W},
    {"att.time_maa_k", SKEIN_ROLE_V6_MIX_K},
    {"att.time_maa_v", SKEIN_ROLE_V6_MIX_V},
    {"att.time_maa_r", SKEIN_ROLE_V6_MIX_R},
    {"att.time_maa_g", SKEIN_ROLE_V6_MIX_G},
    {"att.time_maa_w1", SKEIN_ROLE_V6_MIX_DOWN_W, PartOf(Stored::kColumns, 0, 5)},
    {"att.time_maa_w1", SKEIN_ROLE_V6_MIX_DOWN_K, PartOf(Stored::kColumns, 1, 5)},
    {"att.time_maa_w1", SKEIN_ROLE_V6_MIX_DOWN_V, PartOf(Stored::kColumns, 2, 5)},
    {"att.time_maa_w1", SKEIN_ROLE_V6_MIX_DOWN_R, PartOf(Stored::kColumns, 3, 5)},
    {"att.time_maa_w1", SKEIN_ROLE_V6_MIX_DOWN_G, PartOf(Stored::kColumns, 4, 5)},
    {"att.time_maa_w2", SKEIN_ROLE_V6_MIX_UP_W, PartOf(Stored::kTransposedRow, 0, 5)},
    {"att.time_maa_w2", SKEIN_ROLE_V6_MIX_UP_K, PartOf(Stored::kTransposedRow, 1, 5)},
    {"att.time_maa_w2", SKEIN_ROLE_V6_MIX_UP_V, PartOf(Stored::kTransposedRow, 2, 5)},
    {"att.time_maa_w2", SKEIN_ROLE_V6_MIX_UP_R, PartOf(Stored::kTransposedRow, 3, 5)},
    {"att.time_maa_w2", SKEIN_ROLE_V6_MIX_UP_G, PartOf(Stored::kTransposedRow, 4, 5)},
    {"att.time_decay", SKEIN_ROLE_V6_DECAY_BIAS, kAsRole, kV6},
    {"att.time_decay_w1", SKEIN_ROLE_V6_DECAY_DOWN, kTransposed},
    {"att.time_decay_w2", SKEIN_ROLE_V6_DECAY_UP, kTransposed},
    {"ffn.time_maa_k", SKEIN_ROLE_V6_CHANNEL_MIX_K},
    {"ffn.time_maa_r", SKEIN_ROLE_V6_CHANNEL_MIX_R},

    {"att.x_r", SKEIN_ROLE_V7_MIX_R},
    {"att.x_w", SKEIN_ROLE_V7_MIX_W},
    {"att.x_k", SKEIN_ROLE_V7_MIX_K},
    {"att.x_v", SKEIN_ROLE_V7_MIX_V},
    {"att.x_a", SKEIN_ROLE_V7_MIX_A},
    {"att.x_g", SKEIN_ROLE_V7_MIX_G},
    {"att.w1", SKEIN_ROLE_V7_DECAY_DOWN, kTransposed},
    {"att.w2", SKEIN_ROLE_V7_DECAY_UP, kTransposed},
    {"att.a1", SKEIN_ROLE_V7_ICLR_DOWN, kTransposed},
    {"att.a2", SKEIN_ROLE_V7_ICLR_UP, kTransposed},
    {"att.v1", SKEIN_ROLE_V7_VALUE_DOWN, kTransposed},
    {"att.v2", SKEIN_ROLE_V7_VALUE_UP, kTransposed},
    {"att.g1", SKEIN_ROLE_V7_GATE_DOWN, kTransposed},
    {"att.g2", SKEIN_ROLE_V7_GATE_UP, kTransposed},
};

// The roles that are stored as [1, 1, C].
constexpr uint32_t kWithLeadingOnes[] = {
    SKEIN_ROLE_V4_MIX_K,         SKEIN_ROLE_V4_MIX_V,         SKEIN_ROLE_V4_MIX_R,         SKEIN_ROLE_V5_MIX_G,
    SKEIN_ROLE_V4_CHANNEL_MIX_K, SKEIN_ROLE_V4_CHANNEL_MIX_R, SKEIN_ROLE_V6_MIX_X,         SKEIN_ROLE_V6_MIX_W,
    SKEIN_ROLE_V6_MIX_K,         SKEIN_ROLE_V6_MIX_V,         SKEIN_ROLE_V6_MIX_R,         SKEIN_ROLE_V6_MIX_G,
    SKEIN_ROLE_V6_DECAY_BIAS,    SKEIN_ROLE_V6_CHANNEL_MIX_K, SKEIN_ROLE_V6_CHANNEL_MIX_R, SKEIN_ROLE_V7_MIX_R,
    SKEIN_ROLE_V7_MIX_W,         SKEIN_ROLE_V7_MIX_K,         SKEIN_ROLE_V7_MIX_V,         SKEIN_ROLE_V7_MIX_A,
    SKEIN_ROLE_V7_MIX_G,         SKEIN_ROLE_V7_DECAY_BIAS,    SKEIN_ROLE_V7_ICLR_BIAS,     SKEIN_ROLE_V7_VALUE_BIAS,
    SKEIN_ROLE_V7_KEY_K,         SKEIN_ROLE_V7_KEY_A,         SKEIN_ROLE_V7_CHANNEL_MIX,
};

}  // namespace

const NamingScheme& BlinkDlScheme() {
  // Never destroyed: a load may still run while exit handlers do.
  static const std::vector<RoleName>& names = *new std::vector<RoleName>(WithSharedAuthorNames(kNames));
  static const NamingScheme scheme = {"BlinkDL", "blocks.", names, "att.time_state"};
  return scheme;
}

uint32_t BlinkDlLeadingOnes(uint32_t role) {
  const bool has =
      std::find(std::begin(kWithLeadingOnes), std::end(kWithLeadingOnes), role) != std::end(kWithLeadingOnes);
  return has ? 2 : 0;
}

}  // namespace skein
