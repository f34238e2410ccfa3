// A tensor in memory that somebody else owns, and what there is to know about element types.
#ifndef SKEIN_MODEL_TENSOR_H_
#define SKEIN_MODEL_TENSOR_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "skein/dtype.h"

namespace skein {

// A type that checkpoints may store. Elements come in blocks; plain types have blocks of one.
struct DtypeInfo {
  const char* name;  // "bf16"
  uint32_t dtype;    // SKEIN_DTYPE_*
  uint32_t block_elements;
  uint32_t block_bytes;
  uint32_t value_dtype;  // F32, F16 or BF16: the type that holds its values (F64 is rounded to F32)
};

// nullptr for a number that is no type of checkpoints or packages that this version reads.
const DtypeInfo* FindDtype(uint32_t dtype);

// "f32" and so on; "type 99" for a number that is none.
std::string DtypeName(uint32_t dtype);

// Product of `shape`; false if it does not fit.
bool NumElements(absl::Span<const uint64_t> shape, uint64_t* num_elements);

// Bytes of a packed tensor; false if that does not fit, or the rows do not consist of whole blocks.
bool PackedBytes(const DtypeInfo& dtype, absl::Span<const uint64_t> shape, uint64_t* size_bytes);

// "[768, 64]".
std::string ShapeText(absl::Span<const uint64_t> shape);

// A view of one or two dimensions. Every element reachable by shape and strides is readable while the owner lives.
struct TensorView {
  uint32_t dtype = 0;
  std::vector<uint64_t> shape;
  std::vector<uint64_t> strides;  // in elements; of block types only the packed ones
  const uint8_t* data = nullptr;  // perhaps unaligned

  // Row-major without gaps.
  bool IsPacked() const;
};

// Row-major strides of `shape`, whose size must fit (NumElements).
std::vector<uint64_t> PackedStrides(absl::Span<const uint64_t> shape);

}  // namespace skein

#endif  // SKEIN_MODEL_TENSOR_H_
