// The policies of a model's tenants, and the load of a model, as its host sets and sees them.
#ifndef SKEIN_SERVING_LOAD_H_
#define SKEIN_SERVING_LOAD_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/model.h"
#include "runtime/options.h"
#include "skein/schedule.h"

namespace skein {

// skein_model_set_tenant. `policy`, of kind TENANT, may be nullptr.
absl::Status SetTenant(const Model& model, const char* name, const Options* policy);

// skein_model_get_load. `name` may be nullptr. struct_size is left at 0.
absl::StatusOr<skein_load> LoadOf(const Model& model, const char* name);

}  // namespace skein

#endif  // SKEIN_SERVING_LOAD_H_
