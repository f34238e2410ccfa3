// Names of element types, for the names of cases and for notes.
#ifndef SKEIN_BACKENDS_CUDA_CHECK_TYPE_NAME_H_
#define SKEIN_BACKENDS_CUDA_CHECK_TYPE_NAME_H_

#include <cstdint>
#include <string>
#include <vector>

#include "skein/dtype.h"

namespace skein::check {

inline std::string TypeName(uint32_t type) {
  switch (type) {
    case SKEIN_DTYPE_NONE:
      return "auto";
    case SKEIN_DTYPE_F32:
      return "f32";
    case SKEIN_DTYPE_F16:
      return "f16";
    case SKEIN_DTYPE_BF16:
      return "bf16";
    case SKEIN_DTYPE_Q8:
      return "q8";
    case SKEIN_DTYPE_Q4:
      return "q4";
    default:
      return "type " + std::to_string(type);
  }
}

// "f16+f32", for matrices that are given these types in turn.
inline std::string TypesName(const std::vector<uint32_t>& types) {
  std::string name;
  for (const uint32_t type : types) name += (name.empty() ? "" : "+") + TypeName(type);
  return name;
}

}  // namespace skein::check

#endif  // SKEIN_BACKENDS_CUDA_CHECK_TYPE_NAME_H_
