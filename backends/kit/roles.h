// Names of tensor roles, for messages.
#ifndef SKEIN_BACKENDS_KIT_ROLES_H_
#define SKEIN_BACKENDS_KIT_ROLES_H_

#include <cstdint>

namespace skein::kit {

// Such as "TIME_KEY" for SKEIN_ROLE_TIME_KEY; "UNKNOWN" for a number that is no role. Lives for ever.
const char* RoleName(uint32_t role);

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_KIT_ROLES_H_
