#include "model/tensor.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "numbers/panels.h"
#include "numbers/quantised.h"

namespace skein {
namespace {

constexpr DtypeInfo kDtypes[] = {
    {"f32", SKEIN_DTYPE_F32, 1, 4, SKEIN_DTYPE_F32, false},
    {"f16", SKEIN_DTYPE_F16, 1, 2, SKEIN_DTYPE_F16, false},
    {"bf16", SKEIN_DTYPE_BF16, 1, 2, SKEIN_DTYPE_BF16, false},
    {"f64", SKEIN_DTYPE_F64, 1, 8, SKEIN_DTYPE_F32, false},
    {"q8", SKEIN_DTYPE_Q8, kQ8.group_size, kQ8.group_bytes, SKEIN_DTYPE_Q8, true},
    {"q4", SKEIN_DTYPE_Q4, kQ4.group_size, kQ4.group_bytes, SKEIN_DTYPE_Q4, true},
    {"ggml_q4_0", SKEIN_DTYPE_GGML_Q4_0, 32, 18, SKEIN_DTYPE_F32, false},
    {"ggml_q4_1", SKEIN_DTYPE_GGML_Q4_1, 32, 20, SKEIN_DTYPE_F32, false},
    {"ggml_q5_0", SKEIN_DTYPE_GGML_Q5_0, 32, 22, SKEIN_DTYPE_F32, false},
    {"ggml_q5_1", SKEIN_DTYPE_GGML_Q5_1, 32, 24, SKEIN_DTYPE_F32, false},
    {"ggml_q8_0", SKEIN_DTYPE_GGML_Q8_0, 32, 34, SKEIN_DTYPE_F32, false},
    {"ggml_q4_k", SKEIN_DTYPE_GGML_Q4_K, 256, 144, SKEIN_DTYPE_F32, false},
    {"ggml_q5_k", SKEIN_DTYPE_GGML_Q5_K, 256, 176, SKEIN_DTYPE_F32, false},
    {"ggml_q6_k", SKEIN_DTYPE_GGML_Q6_K, 256, 210, SKEIN_DTYPE_F32, false},
};

}  // namespace

const DtypeInfo* FindDtype(uint32_t dtype) {
  for (const DtypeInfo& info : kDtypes) {
    if (info.dtype == dtype) return &info;
  }
  return nullptr;
}

std::string DtypeName(uint32_t dtype) {
  const DtypeInfo* info = FindDtype(dtype);
  return info != nullptr ? info->name : absl::StrCat("type ", dtype);
}

bool NumElements(absl::Span<const uint64_t> shape, uint64_t* num_elements) {
  // A zero anywhere makes the product fit, but only if the others are looked at too does the order not matter.
  uint64_t product = 1;
  bool empty = false;
  for (const uint64_t dim : shape) {
    if (dim == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(product, dim, &product)) {
      return false;
    }
  }
  *num_elements = empty ? 0 : product;
  return true;
}

bool PackedBytes(const DtypeInfo& dtype, absl::Span<const uint64_t> shape, uint64_t* size_bytes) {
  uint64_t num_elements;
  if (!NumElements(shape, &num_elements)) return false;
  uint64_t num_blocks = num_elements / dtype.block_elements;
  if (dtype.block_elements > 1) {
    if (shape.empty()) return false;
    const uint64_t rest = shape.back() % dtype.block_elements;
    if (rest != 0 && !dtype.pads_rows) return false;
    if (rest != 0) {
      const uint64_t num_rows = num_elements / shape.back();
      if (__builtin_mul_overflow(num_rows, shape.back() / dtype.block_elements + 1, &num_blocks)) return false;
    }
  }
  return !__builtin_mul_overflow(num_blocks, uint64_t{dtype.block_bytes}, size_bytes);
}

bool LayoutBytes(uint32_t dtype, uint32_t layout, absl::Span<const uint64_t> shape, uint64_t* size_bytes) {
  const DtypeInfo* info = FindDtype(dtype);
  if (info == nullptr) return false;
  if (layout == SKEIN_LAYOUT_ROWS) return PackedBytes(*info, shape, size_bytes);
  if (layout != SKEIN_LAYOUT_PANELS || info->value_dtype != dtype) return false;
  if (shape.size() != 2 || shape[1] >= kMaxColumns) return false;
  return !__builtin_mul_overflow(NumPanels(shape[0]), PanelBytes(dtype, shape[1]), size_bytes);
}

std::string LayoutName(uint32_t layout) {
  if (layout == SKEIN_LAYOUT_ROWS) return "rows";
  return layout == SKEIN_LAYOUT_PANELS ? "panels" : absl::StrCat("layout ", layout);
}

std::string ShapeText(absl::Span<const uint64_t> shape) { return absl::StrCat("[", absl::StrJoin(shape, ", "), "]"); }

std::string ElementText(absl::Span<const uint64_t> shape, uint64_t element) {
  std::vector<uint64_t> index(shape.size());
  for (size_t i = index.size(); i-- > 0;) {
    index[i] = element % shape[i];
    element /= shape[i];
  }
  return absl::StrCat("element ", ShapeText(index), " of ", ShapeText(shape));
}

std::vector<uint64_t> PackedStrides(absl::Span<const uint64_t> shape) {
  std::vector<uint64_t> strides(shape.size());
  uint64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

bool TensorView::IsPacked() const {
  uint64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    // The stride of a dimension of one element is never used.
    if (shape[i] != 1 && strides[i] != stride) return false;
    stride *= shape[i];
  }
  return true;
}

}  // namespace skein
