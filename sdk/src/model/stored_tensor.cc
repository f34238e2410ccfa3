#include "model/stored_tensor.h"

#include <algorithm>
#include <vector>

#include "base/parallel.h"
#include "model/element_writer.h"
#include "model/elements.h"

namespace skein {
namespace {

// A turn of a parallel loop converts about this many elements: some 100 us of work.
constexpr uint64_t kElementsPerTurn = 1 << 18;

absl::Status CopySerially(const StoredTensor& stored, const std::string& name, uint32_t dtype, uint8_t* out) {
  ElementWriter writer(stored.view.shape, name, dtype, out);
  return VisitMapped(stored.view, stored.map, name, [&](const float* values, uint64_t, size_t count) {
    return writer.Add({values, count});
  });
}

// Rows [first_row, first_row + num_rows) of a matrix. The rows of block types consist of whole blocks.
StoredTensor RowsOf(const StoredTensor& matrix, uint64_t first_row, uint64_t num_rows) {
  const DtypeInfo& info = *FindDtype(matrix.view.dtype);
  StoredTensor rows = matrix;
  rows.view.shape[0] = num_rows;
  uint64_t offset_bytes = first_row * matrix.view.strides[0] * info.block_bytes;
  if (info.block_elements > 1) {
    PackedBytes(info, {first_row, matrix.view.shape[1]}, &offset_bytes);  // fits: the whole tensor does
  }
  rows.view.data += offset_bytes;
  return rows;
}

uint64_t RowsPerTurn(const TensorView& matrix) {
  return std::max<uint64_t>(1, kElementsPerTurn / std::max<uint64_t>(matrix.shape[1], 1));
}

bool IsWorthThreads(const TensorView& view) {
  const bool has_rows = FindDtype(view.dtype)->block_elements == 1 || view.IsPacked();
  return view.shape.size() == 2 && has_rows && view.shape[0] > RowsPerTurn(view);
}

absl::Status CopyByRows(const skein_host& host, const StoredTensor& matrix, const std::string& name, uint32_t dtype,
                        uint8_t* out) {
  const uint64_t num_rows = matrix.view.shape[0];
  const uint64_t rows_per_turn = RowsPerTurn(matrix.view);
  uint64_t row_bytes = 0;
  PackedBytes(*FindDtype(dtype), {matrix.view.shape[1]}, &row_bytes);  // fits: the whole tensor does
  return ParallelFor(host, (num_rows + rows_per_turn - 1) / rows_per_turn, [&](size_t turn) {
    const uint64_t first_row = turn * rows_per_turn;
    const StoredTensor rows = RowsOf(matrix, first_row, std::min(rows_per_turn, num_rows - first_row));
    return CopySerially(rows, name, dtype, out + first_row * row_bytes);
  });
}

}  // namespace

absl::Status CopyParameters(const skein_host& host, const StoredTensor& stored, const std::string& name, uint32_t dtype,
                            uint8_t* out) {
  if (IsWorthThreads(stored.view) && CopyByRows(host, stored, name, dtype, out).ok()) return absl::OkStatus();
  // After a failure this finds the same element again, and knows its place in the whole tensor.
  return CopySerially(stored, name, dtype, out);
}

absl::Status CheckParameters(const skein_host& host, const StoredTensor& stored, const std::string& name) {
  if (stored.map.IsIdentity()) return CheckFinite(host, stored.view, name);
  return VisitMapped(stored.view, stored.map, name, [](const float*, uint64_t, size_t) { return absl::OkStatus(); });
}

}  // namespace skein
