#include "files/naming/stored_part.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "model/elements.h"

namespace skein {
namespace {

// The place of a role in a stored tensor whose dimensions, after SqueezedDims, have these strides.
PartLayout Layout(const StoredPart& part, absl::Span<const uint64_t> role_shape, absl::Span<const uint64_t> strides) {
  PartLayout layout;
  switch (part.stored) {
    case Stored::kAsRole:
    case Stored::kReshaped:
      layout.strides.assign(strides.begin(), strides.end());
      break;
    case Stored::kTransposed:
      layout.strides = {strides[1], strides[0]};
      break;
    case Stored::kRow:
      layout.offset = part.part * strides[0];
      layout.strides.assign(strides.begin() + 1, strides.end());
      break;
    case Stored::kTransposedRow:
      layout.offset = part.part * strides[0];
      layout.strides = {strides[2], strides[1]};
      break;
    case Stored::kRows:
      layout.offset = part.part * role_shape[0] * strides[0];
      layout.strides = {strides[0], strides[1]};
      break;
    case Stored::kColumns:
      layout.offset = part.part * role_shape[0] * strides[1];
      layout.strides = {strides[1], strides[0]};
      break;
  }
  return layout;
}

// Packs the elements of a stored tensor into `scratch`: blocks as float32, other types as they are.
absl::StatusOr<TensorView> Unpack(const TensorView& stored, const std::string& name, std::vector<uint8_t>& scratch) {
  const DtypeInfo& dtype = *FindDtype(stored.dtype);
  uint64_t num_elements = 0;
  uint64_t size_bytes = 0;
  const bool in_blocks = dtype.block_elements > 1;
  const DtypeInfo& out_dtype = in_blocks ? *FindDtype(SKEIN_DTYPE_F32) : dtype;
  if (!NumElements(stored.shape, &num_elements) || !PackedBytes(out_dtype, {num_elements}, &size_bytes)) {
    return absl::InternalError(absl::StrCat("tensor \"", name, "\": ", ShapeText(stored.shape), " has no size"));
  }
  // Not directly into `scratch`, where the stored elements may lie.
  std::vector<uint8_t> unpacked(size_bytes);
  if (in_blocks) {
    const TensorView flat = {stored.dtype, {num_elements}, {1}, stored.data};
    SKEIN_RETURN_IF_ERROR(VisitElements(flat, name, [&](const float* values, uint64_t first, size_t count) {
      std::memcpy(unpacked.data() + first * sizeof(float), values, count * sizeof(float));
      return absl::OkStatus();
    }));
  } else {
    std::vector<uint64_t> index(stored.shape.size(), 0);
    uint64_t from = 0;
    for (uint64_t i = 0; i < num_elements; ++i) {
      std::memcpy(unpacked.data() + i * dtype.block_bytes, stored.data + from * dtype.block_bytes, dtype.block_bytes);
      for (size_t d = index.size(); d-- > 0;) {
        from += stored.strides[d];
        if (++index[d] < stored.shape[d]) break;
        from -= stored.shape[d] * stored.strides[d];
        index[d] = 0;
      }
    }
  }
  scratch = std::move(unpacked);
  return TensorView{out_dtype.dtype, stored.shape, PackedStrides(stored.shape), scratch.data()};
}

absl::Status WrongShape(const std::string& name, const std::string& expected, const TensorView& stored) {
  return absl::InvalidArgumentError(
      absl::StrCat("tensor \"", name, "\": expected ", expected, ", found ", ShapeText(stored.shape)));
}

}  // namespace

std::vector<uint64_t> StoredShape(const StoredPart& part, absl::Span<const uint64_t> role_shape) {
  const uint64_t n = part.num_parts;
  const uint64_t a = role_shape[0];
  const uint64_t b = role_shape.back();
  std::vector<uint64_t> shape(role_shape.begin(), role_shape.end());
  switch (part.stored) {
    case Stored::kAsRole:
    case Stored::kReshaped:
      return shape;
    case Stored::kTransposed:
      return {b, a};
    case Stored::kRow:
      shape.insert(shape.begin(), n);
      return shape;
    case Stored::kTransposedRow:
      return {n, b, a};
    case Stored::kRows:
      return {n * a, b};
    case Stored::kColumns:
      return {b, n * a};
  }
  return shape;
}

std::vector<size_t> SqueezedDims(absl::Span<const uint64_t> shape, size_t wanted) {
  size_t surplus = shape.size() > wanted ? shape.size() - wanted : 0;
  std::vector<size_t> kept;
  for (size_t i = shape.size(); i-- > 0;) {
    if (surplus > 0 && shape[i] == 1) {
      --surplus;
    } else {
      kept.push_back(i);
    }
  }
  std::reverse(kept.begin(), kept.end());
  return kept;
}

PartLayout LayoutInPacked(const StoredPart& part, absl::Span<const uint64_t> role_shape) {
  return Layout(part, role_shape, PackedStrides(StoredShape(part, role_shape)));
}

absl::StatusOr<TensorView> ViewAsRole(const StoredPart& part, absl::Span<const uint64_t> role_shape,
                                      const TensorView& stored, const std::string& name,
                                      std::vector<uint8_t>& scratch) {
  const DtypeInfo* dtype = FindDtype(stored.dtype);
  if (dtype == nullptr) return absl::InternalError(absl::StrCat("tensor \"", name, "\": ", DtypeName(stored.dtype)));
  TensorView source = stored;
  uint64_t role_elements = 0;
  uint64_t stored_elements = 0;
  if (part.stored == Stored::kReshaped) {
    if (!NumElements(role_shape, &role_elements) || !NumElements(stored.shape, &stored_elements) ||
        role_elements != stored_elements) {
      return WrongShape(name, absl::StrCat("the elements of ", ShapeText(role_shape)), stored);
    }
    if (!source.IsPacked()) {
      SKEIN_ASSIGN_OR_RETURN(source, Unpack(stored, name, scratch));
    }
    source.shape.assign(role_shape.begin(), role_shape.end());
    source.strides = PackedStrides(source.shape);
  }
  const std::vector<uint64_t> expected = StoredShape(part, role_shape);
  const auto view_of = [&](const TensorView& tensor, uint64_t* offset) -> absl::StatusOr<TensorView> {
    std::vector<uint64_t> shape;
    std::vector<uint64_t> strides;
    for (const size_t d : SqueezedDims(tensor.shape, expected.size())) {
      shape.push_back(tensor.shape[d]);
      strides.push_back(tensor.strides[d]);
    }
    if (shape != expected) return WrongShape(name, ShapeText(expected), stored);
    PartLayout layout = Layout(part, role_shape, strides);
    *offset = layout.offset;
    return TensorView{tensor.dtype, {role_shape.begin(), role_shape.end()}, std::move(layout.strides), tensor.data};
  };
  uint64_t offset = 0;
  SKEIN_ASSIGN_OR_RETURN(TensorView view, view_of(source, &offset));
  NumElements(role_shape, &role_elements);  // fits: the tensor is there
  const uint64_t block = dtype->block_elements;
  if (block > 1 && !(view.IsPacked() && offset % block == 0 && role_elements % block == 0)) {
    SKEIN_ASSIGN_OR_RETURN(source, Unpack(source, name, scratch));
    SKEIN_ASSIGN_OR_RETURN(view, view_of(source, &offset));
    dtype = FindDtype(view.dtype);
  }
  view.data += offset / dtype->block_elements * dtype->block_bytes;
  return view;
}

}  // namespace skein
