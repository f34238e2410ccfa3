// The dimensions of a model, as a value that can be checked.
#ifndef SKEIN_MODEL_CONFIG_H_
#define SKEIN_MODEL_CONFIG_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "numbers/roles.h"
#include "skein/backend.h"

namespace skein {

// The fields are those of the plugin boundary, so that numbers/ and backends take a config as it is. Ranks that a
// version does not have are 0, and so is rank_value in a model of one layer, which has no value residual.
struct ModelConfig : skein_backend_model {
  ModelConfig();

  // OK if these dimensions make a model that this version runs. The message starts with the field at fault, as in
  // `head_size 0; expected a divisor of d_model 768`. UNIMPLEMENTED: another generation. INVALID_ARGUMENT: any other
  // fault. The size of every tensor of a valid config fits in 64 bits.
  absl::Status Validate() const;

  // "RWKV-7", "RWKV-5.2".
  std::string VersionName() const;

 private:
  absl::Status CheckVersion() const;
  absl::Status CheckHeads() const;
  absl::Status CheckRanks() const;
};

// Sets generation and variant to those of the one bit in `version`.
void SetVersion(VersionSet version, ModelConfig* config);

}  // namespace skein

#endif  // SKEIN_MODEL_CONFIG_H_
