// Values that a file stores transformed, and the functions that give back the parameters of the models' author.
#ifndef SKEIN_MODEL_VALUE_MAP_H_
#define SKEIN_MODEL_VALUE_MAP_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "model/tensor.h"

namespace skein {

// parameter = factor * function(stored). Computed in float64, rounded to float32.
struct ValueMap {
  enum class Function : uint8_t {
    kIdentity,
    kLog,              // log(x): undoes x = exp(p)
    kLogOfNegated,     // log(-x): undoes x = -exp(p)
    kLogOfNegatedLog,  // log(-log(x)): undoes x = exp(-exp(p))
  };
  Function function = Function::kIdentity;
  float factor = 1;  // a power of two

  bool IsIdentity() const { return function == Function::kIdentity && factor == 1; }
};

// VisitElements (elements.h) of the parameters. No finite parameter gives a stored limit such as a decay factor of
// exactly 0 or 1. There the parameter is a finite one that gives the same factor in float32.
// DATA_LOSS: a stored value is not finite, or the function has no value there. OUT_OF_RANGE: a parameter is too large
// for float32.
absl::Status VisitMapped(const TensorView& view, const ValueMap& map, const std::string& name,
                         absl::FunctionRef<absl::Status(const float* values, uint64_t first, size_t count)> visit);

}  // namespace skein

#endif  // SKEIN_MODEL_VALUE_MAP_H_
