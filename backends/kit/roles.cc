#include "kit/roles.h"

#include "skein/backend.h"

namespace skein::kit {
namespace {

struct NamedRole {
  uint32_t role;
  const char* name;
};

#define ROLE(name) \
  { SKEIN_ROLE_##name, #name }
constexpr NamedRole kRoles[] = {
    ROLE(EMBEDDING),         ROLE(EMBEDDING_NORM_W),   ROLE(EMBEDDING_NORM_B),
    ROLE(OUTPUT_NORM_W),     ROLE(OUTPUT_NORM_B),      ROLE(HEAD),
    ROLE(TIME_NORM_W),       ROLE(TIME_NORM_B),        ROLE(CHANNEL_NORM_W),
    ROLE(CHANNEL_NORM_B),    ROLE(TIME_RECEPTANCE),    ROLE(TIME_KEY),
    ROLE(TIME_VALUE),        ROLE(TIME_OUTPUT),        ROLE(TIME_GROUP_NORM_W),
    ROLE(TIME_GROUP_NORM_B), ROLE(CHANNEL_KEY),        ROLE(CHANNEL_VALUE),
    ROLE(TIME_GATE),         ROLE(CHANNEL_RECEPTANCE), ROLE(V4_MIX_K),
    ROLE(V4_MIX_V),          ROLE(V4_MIX_R),           ROLE(V5_MIX_G),
    ROLE(V4_CHANNEL_MIX_K),  ROLE(V4_CHANNEL_MIX_R),   ROLE(V4_DECAY),
    ROLE(V4_BONUS),          ROLE(V5_DECAY),           ROLE(V5_BONUS),
    ROLE(V6_MIX_X),          ROLE(V6_MIX_W),           ROLE(V6_MIX_K),
    ROLE(V6_MIX_V),          ROLE(V6_MIX_R),           ROLE(V6_MIX_G),
    ROLE(V6_MIX_DOWN_W),     ROLE(V6_MIX_DOWN_K),      ROLE(V6_MIX_DOWN_V),
    ROLE(V6_MIX_DOWN_R),     ROLE(V6_MIX_DOWN_G),      ROLE(V6_MIX_UP_W),
    ROLE(V6_MIX_UP_K),       ROLE(V6_MIX_UP_V),        ROLE(V6_MIX_UP_R),
    ROLE(V6_MIX_UP_G),       ROLE(V6_DECAY_BIAS),      ROLE(V6_DECAY_DOWN),
    ROLE(V6_DECAY_UP),       ROLE(V6_CHANNEL_MIX_K),   ROLE(V6_CHANNEL_MIX_R),
    ROLE(V7_MIX_R),          ROLE(V7_MIX_W),           ROLE(V7_MIX_K),
    ROLE(V7_MIX_V),          ROLE(V7_MIX_A),           ROLE(V7_MIX_G),
    ROLE(V7_DECAY_BIAS),     ROLE(V7_DECAY_DOWN),      ROLE(V7_DECAY_UP),
    ROLE(V7_ICLR_BIAS),      ROLE(V7_ICLR_DOWN),       ROLE(V7_ICLR_UP),
    ROLE(V7_VALUE_BIAS),     ROLE(V7_VALUE_DOWN),      ROLE(V7_VALUE_UP),
    ROLE(V7_GATE_DOWN),      ROLE(V7_GATE_UP),         ROLE(V7_KEY_K),
    ROLE(V7_KEY_A),          ROLE(V7_BONUS),           ROLE(V7_CHANNEL_MIX),
};
#undef ROLE

}  // namespace

const char* RoleName(uint32_t role) {
  for (const NamedRole& named : kRoles) {
    if (named.role == role) return named.name;
  }
  return "UNKNOWN";
}

}  // namespace skein::kit
