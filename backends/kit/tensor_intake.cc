#include "kit/tensor_intake.h"

#include <algorithm>
#include <type_traits>

#include "equations/generations.h"
#include "kit/checked_product.h"
#include "numbers/panels.h"
#include "numbers/roles.h"
#include "support/boundary.h"

namespace skein::kit {
namespace {

// A generation's list needs only names for the types of its pointers.
struct AnyMatrix;
struct AnyEmbeddingRows;

template <typename Tensor>
constexpr Use UseOf() {
  if (std::is_same_v<Tensor, float>) return Use::kVector;
  return std::is_same_v<Tensor, AnyMatrix> ? Use::kMatrix : Use::kEmbedding;
}

std::string ShapeText(std::span<const uint64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

[[noreturn]] void Refuse(const skein_tensor& tensor, const std::string& why) {
  throw plugin::Error(SKEIN_INVALID_ARGUMENT, TensorName(tensor.role, tensor.layer) + ": " + why);
}

void CheckShape(const skein_tensor& tensor, const ExpectedTensor& expected) {
  if (tensor.num_dims > SKEIN_MAX_DIMS) {
    Refuse(tensor, "expected shape " + ShapeText(expected.shape) + ", found " + std::to_string(tensor.num_dims) +
                       " dimensions");
  }
  const std::span<const uint64_t> shape(tensor.shape, tensor.num_dims);
  if (!std::equal(shape.begin(), shape.end(), expected.shape.begin(), expected.shape.end())) {
    Refuse(tensor, "expected shape " + ShapeText(expected.shape) + ", found " + ShapeText(shape));
  }
}

void CheckType(const skein_tensor& tensor, Use use) {
  const bool is_vector = use == Use::kVector;
  if (FloatBytes(tensor.dtype) != 0 || (!is_vector && IsQuantised(tensor.dtype))) return;
  Refuse(tensor, std::string("expected type ") + (is_vector ? "F32, F16 or BF16" : "F32, F16, BF16, Q8 or Q4") +
                     ", found type " + std::to_string(tensor.dtype));
}

void CheckLayout(const skein_tensor& tensor, Use use) {
  if (tensor.layout == SKEIN_LAYOUT_ROWS || (tensor.layout == SKEIN_LAYOUT_PANELS && use == Use::kMatrix)) return;
  Refuse(tensor, std::string("expected rows") + (use == Use::kMatrix ? " or panels" : "") + ", found layout " +
                     std::to_string(tensor.layout));
}

void CheckBytes(const skein_tensor& tensor, uint64_t num_rows, uint64_t num_columns) {
  const uint64_t bytes = tensor.layout == SKEIN_LAYOUT_ROWS
                             ? CheckedProduct(num_rows, RowBytes(tensor.dtype, num_columns))
                             : CheckedProduct(NumPanels(num_rows), PanelBytes(tensor.dtype, num_columns));
  if (tensor.size_bytes == bytes && tensor.data != nullptr) return;
  Refuse(tensor, "expected " + std::to_string(bytes) + " bytes of data, found " +
                     std::to_string(tensor.data == nullptr ? 0 : tensor.size_bytes));
}

}  // namespace

std::vector<ExpectedTensor> ExpectedTensors(const skein_segment_desc& desc) {
  std::vector<ExpectedTensor> expected;
  const auto add = [&](uint32_t role, uint32_t layer, auto*& tensor, const VectorForm& form = {}) {
    using Tensor = std::remove_cvref_t<decltype(*tensor)>;
    const RoleInfo& info = *FindRole(role, desc.model);  // there: a list has the roles of its versions alone
    expected.push_back(
        {.role = role, .layer = layer, .use = UseOf<Tensor>(), .shape = RoleShape(info, desc.model), .form = form});
  };
  WithGeneration(desc.model.generation, [&](auto generation) {
    typename decltype(generation)::template Weights<AnyMatrix, AnyEmbeddingRows> unbound;
    unbound.Visit(desc, add);
  });
  return expected;
}

std::string TensorName(uint32_t role, uint32_t layer) {
  return std::string(RoleSymbol(role)) + " (role " + std::to_string(role) + ") of layer " + std::to_string(layer);
}

TensorView CheckTensor(const skein_tensor& tensor, const ExpectedTensor& expected) {
  CheckShape(tensor, expected);
  CheckType(tensor, expected.use);
  uint64_t size = 1;
  for (const uint64_t dim : expected.shape) size = CheckedProduct(size, dim);
  const bool is_vector = expected.use == Use::kVector;
  const uint64_t num_rows = is_vector ? 1 : expected.shape[0], num_columns = is_vector ? size : expected.shape[1];
  CheckLayout(tensor, expected.use);
  CheckBytes(tensor, num_rows, num_columns);
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

TensorIntake::TensorIntake(std::vector<ExpectedTensor> expected)
    : expected_(std::move(expected)), is_put_(expected_.size()) {
  for (size_t i = 0; i < expected_.size(); ++i) indices_[{expected_[i].role, expected_[i].layer}] = i;
}

TensorIntake::Arrival TensorIntake::Check(const skein_tensor& tensor) const {
  const auto found = indices_.find({tensor.role, tensor.layer});
  if (found == indices_.end()) Refuse(tensor, "the segment expects no such tensor");
  if (is_put_[found->second]) Refuse(tensor, "put twice");
  return {found->second, CheckTensor(tensor, expected_[found->second])};
}

void TensorIntake::CheckComplete() const {
  const auto missing = std::find(is_put_.begin(), is_put_.end(), false);
  if (missing == is_put_.end()) return;
  const ExpectedTensor& tensor = expected_[static_cast<size_t>(missing - is_put_.begin())];
  throw plugin::Error(SKEIN_FAILED_PRECONDITION, TensorName(tensor.role, tensor.layer) + ": missing, was never put");
}

}  // namespace skein::kit
