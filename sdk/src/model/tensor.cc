#include "model/tensor.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "numbers/panels.h"
#include "numbers/quantised.h"

namespace skein {
namespace {

// clang-format off
constexpr DtypeInfo kDtypes[] = {
    // Packages hold these.
    {.name = "f32", .dtype = SKEIN_DTYPE_F32, .block_bytes = 4},
    {.name = "f16", .dtype = SKEIN_DTYPE_F16, .block_bytes = 2, .value_dtype = SKEIN_DTYPE_F16},
    {.name = "bf16", .dtype = SKEIN_DTYPE_BF16, .block_bytes = 2, .value_dtype = SKEIN_DTYPE_BF16},
    {.name = "q8", .dtype = SKEIN_DTYPE_Q8, .block_elements = kQ8.group_size, .block_bytes = kQ8.group_bytes,
     .value_dtype = SKEIN_DTYPE_Q8, .pads_rows = true},
    {.name = "q4", .dtype = SKEIN_DTYPE_Q4, .block_elements = kQ4.group_size, .block_bytes = kQ4.group_bytes,
     .value_dtype = SKEIN_DTYPE_Q4, .pads_rows = true},
    // Checkpoints hold these too.
    {.name = "f64", .dtype = SKEIN_DTYPE_F64, .block_bytes = 8},
    {.name = "ggml_q4_0", .dtype = SKEIN_DTYPE_GGML_Q4_0, .block_elements = 32, .block_bytes = 18},
    {.name = "ggml_q4_1", .dtype = SKEIN_DTYPE_GGML_Q4_1, .block_elements = 32, .block_bytes = 20},
    {.name = "ggml_q5_0", .dtype = SKEIN_DTYPE_GGML_Q5_0, .block_elements = 32, .block_bytes = 22},
    {.name = "ggml_q5_1", .dtype = SKEIN_DTYPE_GGML_Q5_1, .block_elements = 32, .block_bytes = 24},
    {.name = "ggml_q8_0", .dtype = SKEIN_DTYPE_GGML_Q8_0, .block_elements = 32, .block_bytes = 34},
    {.name = "ggml_q4_k", .dtype = SKEIN_DTYPE_GGML_Q4_K, .block_elements = 256, .block_bytes = 144},
    {.name = "ggml_q5_k", .dtype = SKEIN_DTYPE_GGML_Q5_K, .block_elements = 256, .block_bytes = 176},
    {.name = "ggml_q6_k", .dtype = SKEIN_DTYPE_GGML_Q6_K, .block_elements = 256, .block_bytes = 210},
    {.name = "ggml_q2_k", .dtype = SKEIN_DTYPE_GGML_Q2_K, .block_elements = 256, .block_bytes = 84},
    {.name = "ggml_q3_k", .dtype = SKEIN_DTYPE_GGML_Q3_K, .block_elements = 256, .block_bytes = 110},
    {.name = "ggml_iq4_nl", .dtype = SKEIN_DTYPE_GGML_IQ4_NL, .block_elements = 32, .block_bytes = 18},
    {.name = "ggml_iq4_xs", .dtype = SKEIN_DTYPE_GGML_IQ4_XS, .block_elements = 256, .block_bytes = 136},
    {.name = "ggml_mxfp4", .dtype = SKEIN_DTYPE_GGML_MXFP4, .block_elements = 32, .block_bytes = 17},
};
// clang-format on

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
  // A zero makes the product 0. The other dimensions are multiplied all the same, so that a product that does not fit
  // is refused wherever the zero stands.
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
    // Nothing uses the stride of a dimension of one element.
    if (shape[i] != 1 && strides[i] != stride) return false;
    stride *= shape[i];
  }
  return true;
}

}  // namespace skein
