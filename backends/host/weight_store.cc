#include "host/weight_store.h"

#include <algorithm>
#include <span>

#include "numbers/panels.h"
#include "numbers/roles.h"

namespace skein::kit {
namespace {

std::string ShapeText(std::span<const uint64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace

std::string TensorName(uint32_t role, uint32_t layer) {
  return std::string(RoleSymbol(role)) + " (role " + std::to_string(role) + ") of layer " + std::to_string(layer);
}

TensorView CheckTensor(const skein_tensor& tensor, const ExpectedTensor& expected) {
  const auto refuse = [&tensor](const std::string& why) -> plugin::Error {
    return {SKEIN_INVALID_ARGUMENT, TensorName(tensor.role, tensor.layer) + ": " + why};
  };
  if (tensor.num_dims > SKEIN_MAX_DIMS) {
    throw refuse("expected shape " + ShapeText(expected.shape) + ", found " + std::to_string(tensor.num_dims) +
                 " dimensions");
  }
  const std::span<const uint64_t> shape(tensor.shape, tensor.num_dims);
  if (!std::equal(shape.begin(), shape.end(), expected.shape.begin(), expected.shape.end())) {
    throw refuse("expected shape " + ShapeText(expected.shape) + ", found " + ShapeText(shape));
  }
  const bool is_vector = expected.use == Use::kVector;
  if (FloatBytes(tensor.dtype) == 0 && (is_vector || !IsQuantised(tensor.dtype))) {
    throw refuse(std::string("expected type ") + (is_vector ? "F32, F16 or BF16" : "F32, F16, BF16, Q8 or Q4") +
                 ", found type " + std::to_string(tensor.dtype));
  }
  uint64_t size = 1;
  for (const uint64_t dim : shape) size = CheckedProduct(size, dim);
  const uint64_t num_rows = is_vector ? 1 : shape[0], num_columns = is_vector ? size : shape[1];
  if (tensor.layout != SKEIN_LAYOUT_ROWS && (tensor.layout != SKEIN_LAYOUT_PANELS || expected.use != Use::kMatrix)) {
    throw refuse(std::string("expected rows") + (expected.use == Use::kMatrix ? " or panels" : "") + ", found layout " +
                 std::to_string(tensor.layout));
  }
  const uint64_t bytes = tensor.layout == SKEIN_LAYOUT_ROWS
                             ? CheckedProduct(num_rows, RowBytes(tensor.dtype, num_columns))
                             : CheckedProduct(NumPanels(num_rows), PanelBytes(tensor.dtype, num_columns));
  if (tensor.size_bytes != bytes || tensor.data == nullptr) {
    throw refuse("expected " + std::to_string(bytes) + " bytes of data, found " +
                 std::to_string(tensor.data == nullptr ? 0 : tensor.size_bytes));
  }
  return {.dtype = tensor.dtype,
          .num_rows = num_rows,
          .num_columns = num_columns,
          .data = static_cast<const unsigned char*>(tensor.data),
          .layout = tensor.layout};
}

void FormVector(const TensorView& view, const VectorForm& form, float* out) {
  ExpandFloats(view.dtype, view.data, view.size(), out);
  for (uint64_t i = view.size(); i-- > 0;) {  // from the end, so that no element is overwritten before its turn
    std::fill_n(out + i * form.repeat, form.repeat, Apply(form.formula, out[i]));
  }
}

uint64_t VectorFootprint(const ExpectedTensor& vector) {
  uint64_t size = vector.form.repeat;
  for (const uint64_t dim : vector.shape) size *= dim;
  return WeightArena::Footprint(size * sizeof(float));
}

}  // namespace skein::kit
