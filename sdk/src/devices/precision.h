// The options `type`, `state_type` and `deterministic`: in which types a device gets the weights of a model, in which
// it computes, and in which it keeps states.
#ifndef SKEIN_DEVICES_PRECISION_H_
#define SKEIN_DEVICES_PRECISION_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/weight_source.h"
#include "skein/backend.h"

namespace skein {

// A value of the option, with its meaning to a device.
struct Precision {
  std::string name;           // "auto", "f32", "f16", "bf16", "q8", "q4"
  uint32_t compute_type = 0;  // skein_segment_desc.compute_type, where the device offers it
  uint32_t matrix_dtype = 0;  // type of the matrices (TypeInModel in matrix_type.h); NONE: as in the file
  // True: the type is one of weights first. A device that does not offer the arithmetic computes in float32 with them.
  bool is_weight_type = false;
};

// "" is "auto". INVALID_ARGUMENT: no such type; lists those there are.
absl::StatusOr<Precision> ParsePrecision(absl::string_view type);

// UNIMPLEMENTED: the device neither computes with the type nor, where that is enough, takes weights in it; lists the
// types that it offers.
absl::Status CheckPrecision(const Precision& precision, const skein_backend_device& device);

// The arithmetic of a device at a precision. NONE: float32 over the weights as they are.
uint32_t ComputeTypeOn(const skein_backend_device& device, const Precision& precision);

// The arithmetic of a segment whose large matrices are put as `weight_type`: as ComputeTypeOn, but where "auto" leaves
// it open, a device may have one that it wants for that type (auto_types).
uint32_t ComputeTypeFor(const skein_backend_device& device, const Precision& precision, uint32_t weight_type);

// The type in which a device gets a tensor. Vectors are float32. Matrices have the type of `precision`, or the file's,
// or float32 where the device does not take that.
uint32_t WeightTypeOn(const skein_backend_device& device, const Precision& precision, const TensorSpec& tensor);

// The SKEIN_LAYOUT_* in which a device gets a tensor as `dtype`. That is the file's layout if the device takes it, the
// file has the tensor in this type, and the arithmetic suits: bfloat16 arithmetic wants panels of bfloat16. Else rows.
uint32_t LayoutOn(const skein_backend_device& device, uint32_t compute_type, const TensorSpec& tensor, uint32_t dtype);

// The skein_segment_desc.state_type that the option names; "" is "f32". INVALID_ARGUMENT: neither f32 nor f16.
absl::StatusOr<uint32_t> ParseStateType(absl::string_view type);

// UNIMPLEMENTED: the device does not keep states in `state_type`.
absl::Status CheckStateType(uint32_t state_type, const skein_backend_device& device);

// UNIMPLEMENTED: in an arithmetic that the device may use at `precision`, a row's result may depend on the other rows
// of its step, and the device has no deterministic segments.
absl::Status CheckDeterministic(const Precision& precision, const skein_backend_device& device);

}  // namespace skein

#endif  // SKEIN_DEVICES_PRECISION_H_
