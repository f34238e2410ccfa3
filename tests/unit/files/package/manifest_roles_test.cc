#include <gtest/gtest.h>

#include "numbers/roles.h"
#include "skein/v1/manifest.pb.h"

namespace skein {
namespace {

// manifest.cc asserts the other direction.
TEST(ManifestRolesTest, EveryRoleOfTheManifestIsInTheList) {
  for (int role = v1::Role_MIN; role <= v1::Role_MAX; ++role) {
    if (role == v1::ROLE_NONE || !v1::Role_IsValid(role)) continue;
    EXPECT_NE(FindRole(static_cast<uint32_t>(role)), nullptr) << "role " << role;
  }
}

}  // namespace
}  // namespace skein
