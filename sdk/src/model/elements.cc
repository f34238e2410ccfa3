#include "model/elements.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "model/convert_dtype.h"
#include "model/element_writer.h"
#include "numbers/finite.h"

namespace skein {
namespace {

constexpr size_t kRunElements = 4096;  // a multiple of every block

absl::Status NotFinite(const TensorView& view, const std::string& name, uint64_t element, float value) {
  return absl::DataLossError(absl::StrCat("tensor \"", name, "\": ", ElementText(view.shape, element),
                                          ": expected a finite number, found ",
                                          std::isnan(value) ? "NaN" : "infinity"));
}

// Copies `count` elements that lie `stride` elements apart into `out`, packed.
void Gather(const uint8_t* data, uint64_t stride, uint32_t element_bytes, size_t count, uint8_t* out) {
  const auto copy = [&](auto size) {
    for (size_t i = 0; i < count; ++i) {
      std::memcpy(out + i * decltype(size)::value, data + i * stride * decltype(size)::value, decltype(size)::value);
    }
  };
  if (element_bytes == 2) return copy(std::integral_constant<size_t, 2>());
  if (element_bytes == 4) return copy(std::integral_constant<size_t, 4>());
  return copy(std::integral_constant<size_t, 8>());
}

using Visitor = absl::FunctionRef<absl::Status(const float* values, uint64_t first, size_t count)>;

absl::Status VisitRun(const TensorView& view, const std::string& name, const float* values, uint64_t first,
                      size_t count, Visitor visit) {
  if (!AllFinite({values, count})) {
    const size_t bad = FindNotFinite({values, count});
    return NotFinite(view, name, first + bad, values[bad]);
  }
  return visit(values, first, count);
}

absl::Status VisitPacked(const TensorView& view, const DtypeInfo& info, const std::string& name, uint64_t num_elements,
                         Visitor visit) {
  // A stretch has no gaps: one row where rows are padded, else the whole tensor.
  const uint64_t stretch = info.pads_rows ? view.shape.back() : num_elements;
  const uint64_t stretch_bytes = (stretch + info.block_elements - 1) / info.block_elements * info.block_bytes;
  float values[kRunElements];
  const uint8_t* data = view.data;
  for (uint64_t start = 0; start < num_elements; start += stretch, data += stretch_bytes) {
    for (uint64_t first = 0; first < stretch; first += kRunElements) {
      const size_t count = static_cast<size_t>(std::min<uint64_t>(kRunElements, stretch - first));
      ToF32(view.dtype, data, first, count, values);
      SKEIN_RETURN_IF_ERROR(VisitRun(view, name, values, start + first, count, visit));
    }
  }
  return absl::OkStatus();
}

// One or two dimensions of a plain type with any strides.
absl::Status VisitStrided(const TensorView& view, const std::string& name, uint32_t element_bytes, Visitor visit) {
  const bool is_vector = view.shape.size() == 1;
  const uint64_t num_rows = is_vector ? 1 : view.shape[0];
  const uint64_t num_columns = view.shape.back();
  const uint64_t row_stride = is_vector ? 0 : view.strides[0];
  const uint64_t column_stride = view.strides.back();
  uint8_t gathered[kRunElements * sizeof(double)];
  float values[kRunElements];
  for (uint64_t row = 0; row < num_rows; ++row) {
    for (uint64_t column = 0; column < num_columns; column += kRunElements) {
      const size_t count = static_cast<size_t>(std::min<uint64_t>(kRunElements, num_columns - column));
      const uint64_t start = row * row_stride + column * column_stride;
      Gather(view.data + start * element_bytes, column_stride, element_bytes, count, gathered);
      ToF32(view.dtype, gathered, 0, count, values);
      SKEIN_RETURN_IF_ERROR(VisitRun(view, name, values, row * num_columns + column, count, visit));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status VisitElements(const TensorView& view, const std::string& name, Visitor visit) {
  const DtypeInfo* info = FindDtype(view.dtype);
  uint64_t num_elements;
  if (info == nullptr || view.shape.empty() || view.shape.size() > 2 || !NumElements(view.shape, &num_elements)) {
    return absl::InternalError(
        absl::StrCat("tensor \"", name, "\": view of ", DtypeName(view.dtype), " ", ShapeText(view.shape)));
  }
  if (view.IsPacked()) return VisitPacked(view, *info, name, num_elements, visit);
  if (info->block_elements > 1) {
    return absl::UnimplementedError(
        absl::StrCat("tensor \"", name, "\": ", info->name, " in an order other than row-major is not supported"));
  }
  return VisitStrided(view, name, info->block_bytes, visit);
}

absl::Status CopyElements(const TensorView& view, const std::string& name, uint32_t dtype, uint8_t* out) {
  ElementWriter writer(view.shape, name, dtype, out);
  return VisitElements(view, name, [&](const float* values, uint64_t, size_t count) {
    return writer.Add({values, count});
  });
}

absl::Status CheckFinite(const skein_host& host, const TensorView& view, const std::string& name) {
  const DtypeInfo* info = FindDtype(view.dtype);
  uint64_t size_bytes;
  // Elements of other block types and of strided views have to be converted.
  const bool can_scan = view.IsPacked() && info != nullptr && info->value_dtype == info->dtype &&
                        PackedBytes(*info, view.shape, &size_bytes);
  if (can_scan && AllFinite(host, view.dtype, SKEIN_LAYOUT_ROWS, {view.data, size_bytes})) return absl::OkStatus();
  return VisitElements(view, name, [](const float*, uint64_t, size_t) { return absl::OkStatus(); });
}

}  // namespace skein
