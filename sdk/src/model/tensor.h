// Element types, shapes, and views of tensors in memory that somebody else owns.
#ifndef SKEIN_MODEL_TENSOR_H_
#define SKEIN_MODEL_TENSOR_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "skein/dtype.h"

namespace skein {

// An element type of checkpoints or packages. Elements come in blocks; plain types have blocks of one.
struct DtypeInfo {
  const char* name = "";  // "bf16"
  uint32_t dtype = 0;     // SKEIN_DTYPE_*
  uint32_t block_elements = 1;
  uint32_t block_bytes = 0;
  // The type in which its values are handed on: the type itself if packages may hold it, else F32, to which F64 is
  // rounded.
  uint32_t value_dtype = SKEIN_DTYPE_F32;
  bool pads_rows = false;  // true: a row's last block is filled up; false: rows must consist of whole blocks
};

// nullptr: `dtype` is no type of checkpoints or packages that this version reads.
const DtypeInfo* FindDtype(uint32_t dtype);

// "f32" and so on; "type 99" for a number that is none.
std::string DtypeName(uint32_t dtype);

// The product of `shape`. False: it does not fit.
bool NumElements(absl::Span<const uint64_t> shape, uint64_t* num_elements);

// The bytes of a packed tensor. False: they do not fit, or the rows do not consist of whole blocks and are not padded.
bool PackedBytes(const DtypeInfo& dtype, absl::Span<const uint64_t> shape, uint64_t* size_bytes);

// Bytes of a tensor of a type that packages hold, in rows or, if it has two dimensions, in panels; false if that does
// not fit or cannot be.
bool LayoutBytes(uint32_t dtype, uint32_t layout, absl::Span<const uint64_t> shape, uint64_t* size_bytes);

// "rows", "panels"; "layout 9" for a number that is none.
std::string LayoutName(uint32_t layout);

// "[768, 64]".
std::string ShapeText(absl::Span<const uint64_t> shape);

// "element [3, 7] of [768, 64]" for number `element` in row-major order.
std::string ElementText(absl::Span<const uint64_t> shape, uint64_t element);

// A view of one or two dimensions. Every element reachable by shape and strides is readable while the owner lives.
struct TensorView {
  uint32_t dtype = 0;
  std::vector<uint64_t> shape;
  std::vector<uint64_t> strides;  // in elements; block types are packed
  const uint8_t* data = nullptr;  // perhaps unaligned

  // Row-major without gaps.
  bool IsPacked() const;
};

// The row-major strides of `shape`, whose product fits (NumElements).
std::vector<uint64_t> PackedStrides(absl::Span<const uint64_t> shape);

}  // namespace skein

#endif  // SKEIN_MODEL_TENSOR_H_
