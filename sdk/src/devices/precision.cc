#include "devices/precision.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/types/span.h"
#include "model/matrix_type.h"
#include "skein/dtype.h"

namespace skein {
namespace {

constexpr struct {
  const char* name;
  uint32_t dtype;  // of arithmetic and matrices
  bool is_weight_type = false;
} kPrecisions[] = {
    {.name = "auto", .dtype = SKEIN_DTYPE_NONE, .is_weight_type = true},
    {.name = "f32", .dtype = SKEIN_DTYPE_F32},
    {.name = "f16", .dtype = SKEIN_DTYPE_F16, .is_weight_type = true},
    {.name = "bf16", .dtype = SKEIN_DTYPE_BF16},
    {.name = "q8", .dtype = SKEIN_DTYPE_Q8, .is_weight_type = true},
    {.name = "q4", .dtype = SKEIN_DTYPE_Q4, .is_weight_type = true},
};

// `types` is a set of bits, one for each SKEIN_DTYPE_* or SKEIN_LAYOUT_*.
bool Contains(uint32_t types, uint32_t type) { return (types >> type & 1u) != 0; }

std::vector<Precision> AllPrecisions() {
  std::vector<Precision> all;
  for (const auto& row : kPrecisions) all.push_back({row.name, row.dtype, row.dtype, row.is_weight_type});
  return all;
}

bool Offers(const skein_backend_device& device, const Precision& precision) {
  if (ComputeTypeOn(device, precision) == precision.compute_type) return true;
  return precision.is_weight_type && Contains(device.weight_types, precision.matrix_dtype);
}

std::string NamesOf(absl::Span<const Precision> precisions) {
  return absl::StrJoin(precisions, ", ",
                       [](std::string* out, const Precision& precision) { absl::StrAppend(out, precision.name); });
}

}  // namespace

absl::StatusOr<Precision> ParsePrecision(absl::string_view type) {
  const std::vector<Precision> known = AllPrecisions();
  for (const Precision& precision : known) {
    if (type.empty() || type == precision.name) return precision;
  }
  return absl::InvalidArgumentError(absl::StrCat("type \"", type, "\": expected one of ", NamesOf(known)));
}

absl::Status CheckPrecision(const Precision& precision, const skein_backend_device& device) {
  if (Offers(device, precision)) return absl::OkStatus();
  std::vector<Precision> offered = AllPrecisions();
  std::erase_if(offered, [&](const Precision& other) { return !Offers(device, other); });
  return absl::UnimplementedError(absl::StrCat("type ", precision.name, ": device ", device.name,
                                               " does not compute with it; it offers ", NamesOf(offered)));
}

uint32_t ComputeTypeOn(const skein_backend_device& device, const Precision& precision) {
  return Contains(device.compute_types, precision.compute_type) ? precision.compute_type : uint32_t{SKEIN_DTYPE_NONE};
}

uint32_t ComputeTypeFor(const skein_backend_device& device, const Precision& precision, uint32_t weight_type) {
  const bool is_open = precision.compute_type == SKEIN_DTYPE_NONE;
  const bool is_wanted = Contains(device.auto_types & device.compute_types, weight_type);
  return is_open && is_wanted ? weight_type : ComputeTypeOn(device, precision);
}

uint32_t WeightTypeOn(const skein_backend_device& device, const Precision& precision, const TensorSpec& tensor) {
  const uint32_t wanted = TypeInModel(tensor.role, tensor.shape, precision.matrix_dtype, tensor.dtype);
  return Contains(device.weight_types, wanted) ? wanted : uint32_t{SKEIN_DTYPE_F32};
}

uint32_t LayoutOn(const skein_backend_device& device, uint32_t compute_type, const TensorSpec& tensor, uint32_t dtype) {
  const bool suits_arithmetic = compute_type != SKEIN_DTYPE_BF16 || dtype == SKEIN_DTYPE_BF16;
  const bool is_as_stored = tensor.dtype == dtype;
  return Contains(device.layouts, tensor.layout) && suits_arithmetic && is_as_stored ? tensor.layout
                                                                                     : uint32_t{SKEIN_LAYOUT_ROWS};
}

absl::StatusOr<uint32_t> ParseStateType(absl::string_view type) {
  if (type.empty() || type == "f32") return uint32_t{SKEIN_DTYPE_F32};
  if (type == "f16") return uint32_t{SKEIN_DTYPE_F16};
  return absl::InvalidArgumentError(absl::StrCat("state_type \"", type, "\": expected f32 or f16"));
}

absl::Status CheckStateType(uint32_t state_type, const skein_backend_device& device) {
  if (state_type == SKEIN_DTYPE_F32 || Contains(device.state_types, state_type)) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat("state_type f16: device ", device.name, " does not keep states in it; it offers f32"));
}

absl::Status CheckDeterministic(const Precision& precision, const skein_backend_device& device) {
  if ((device.features & SKEIN_FEATURE_DETERMINISTIC) != 0) return absl::OkStatus();
  uint32_t types = 1u << ComputeTypeOn(device, precision);
  if (precision.compute_type == SKEIN_DTYPE_NONE) types |= device.auto_types & device.compute_types;
  if ((types & ~device.deterministic_types) == 0) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat("deterministic: device ", device.name, " does not offer it in type ",
                                               precision.name,
                                               "; expected a device and a type whose results do not "
                                               "depend on the other streams of a step"));
}

}  // namespace skein
