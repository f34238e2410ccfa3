// What a naming scheme is: one table from roles to names.
#ifndef SKEIN_MODEL_NAMING_SCHEME_H_
#define SKEIN_MODEL_NAMING_SCHEME_H_

#include <cstdint>

#include "absl/types/span.h"

namespace skein {

// How a tensor is stored with respect to the shape and orientation of its role.
enum class Stored : uint8_t {
  kAsRole,
  kTransposed,
  kFused,  // as one row of a tensor that holds several roles
};

struct RoleName {
  const char* name;  // of roles per layer: without the "blocks.<i>." in front
  uint32_t role;
  Stored stored = Stored::kAsRole;
  uint8_t row = 0;  // of a fused tensor
};

struct NamingScheme {
  const char* name;
  absl::Span<const RoleName> roles;  // each role of generation 7 once
  uint8_t fused_rows;                // rows of the fused tensors; 0 if there are none
};

// The names of the models' author: `.pth` and plain `.safetensors`.
const NamingScheme& BlinkDlScheme();

// The names of rwkv.cpp's `.bin`: BlinkDL's, with low-rank factors already turned and the six mix vectors in one
// tensor.
const NamingScheme& RwkvCppScheme();

}  // namespace skein

#endif  // SKEIN_MODEL_NAMING_SCHEME_H_
