#include "model/model_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/parallel.h"
#include "base/status.h"
#include "model/element_writer.h"
#include "model/elements.h"
#include "model/fingerprint.h"
#include "model/finite.h"
#include "model/panels.h"
#include "model/roles.h"

namespace skein {
namespace {

// CopyElements of the mapped values.
absl::Status CopyMapped(const TensorView& view, const ValueMap& map, const std::string& name, uint32_t dtype,
                        uint8_t* out) {
  ElementWriter writer(view.shape, name, dtype, out);
  return VisitMapped(view, map, name, [&](const float* values, uint64_t, size_t count) {
    return writer.Add({values, count});
  });
}

// Rows [first_row, first_row + num_rows) of a matrix, whose rows are whole blocks if it has such.
TensorView RowsOf(const TensorView& view, uint64_t first_row, uint64_t num_rows) {
  const DtypeInfo& info = *FindDtype(view.dtype);
  TensorView rows = view;
  rows.shape[0] = num_rows;
  const std::vector<uint64_t> before = {first_row, view.shape[1]};
  uint64_t offset_bytes = first_row * view.strides[0] * info.block_bytes;
  if (info.block_elements > 1) PackedBytes(info, before, &offset_bytes);  // fits: the tensor is there
  rows.data += offset_bytes;
  return rows;
}

// CopyMapped by rows on the host's threads.
absl::Status CopyInParallel(const skein_host& host, const TensorView& view, const ValueMap& map,
                            const std::string& name, uint32_t dtype, uint8_t* out) {
  constexpr uint64_t kElementsPerTurn = 1 << 18;
  const bool is_plain_or_packed = FindDtype(view.dtype)->block_elements == 1 || view.IsPacked();
  const uint64_t num_rows = view.shape[0];
  const uint64_t num_columns = view.shape.size() == 2 ? std::max<uint64_t>(view.shape[1], 1) : 1;
  const uint64_t rows_per_turn = std::max<uint64_t>(1, kElementsPerTurn / num_columns);
  if (view.shape.size() == 2 && is_plain_or_packed && num_rows > rows_per_turn) {
    uint64_t row_bytes = 0;
    PackedBytes(*FindDtype(dtype), {num_columns}, &row_bytes);  // fits: the whole does
    absl::Status status = ParallelFor(host, (num_rows + rows_per_turn - 1) / rows_per_turn, [&](size_t turn) {
      const uint64_t first_row = turn * rows_per_turn;
      const TensorView rows = RowsOf(view, first_row, std::min(rows_per_turn, num_rows - first_row));
      return CopyMapped(rows, map, name, dtype, out + first_row * row_bytes);
    });
    if (status.ok()) return status;
    // What follows finds the same element, but knows its place in the whole.
  }
  return CopyMapped(view, map, name, dtype, out);
}

// CheckFinite of the mapped values.
absl::Status CheckValues(const skein_host& host, const TensorView& view, const ValueMap& map, const std::string& name) {
  if (map.IsIdentity()) return CheckFinite(host, view, name);
  return VisitMapped(view, map, name, [](const float*, uint64_t, size_t) { return absl::OkStatus(); });
}

}  // namespace

void ModelFile::DescribeAs(const ModelFile& base) {
  config_ = base.config_;
  metadata_ = base.metadata_;
  vocabulary_ = base.vocabulary_;
  initial_state_ = base.initial_state_;
  specs_ = base.specs_;
}

absl::Status ModelFile::CheckRequest(size_t index, uint32_t dtype) const {
  if (index >= specs_.size()) {
    return absl::OutOfRangeError(absl::StrCat(path_, ": tensor ", index, "; there are ", specs_.size()));
  }
  const DtypeInfo* info = FindDtype(dtype);
  const bool is_matrix = IsMatrixRole(specs_[index].role);
  if (info != nullptr && info->value_dtype == dtype && (is_matrix || info->block_elements == 1)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("tensor \"", specs_[index].source_name, "\": asked for as ",
                                                 DtypeName(dtype), "; expected f32, f16",
                                                 is_matrix ? ", bf16, q8 or q4" : " or bf16"));
}

absl::StatusOr<ModelFile::TensorData> ModelFile::ReadTensor(size_t index, uint32_t dtype,
                                                            std::vector<uint8_t>& buffer) const {
  SKEIN_RETURN_IF_ERROR(CheckRequest(index, dtype));
  const std::string& name = specs_[index].source_name;
  std::vector<uint8_t> scratch;
  SKEIN_ASSIGN_OR_RETURN(const StoredTensor stored, View(index, scratch));
  const TensorView& view = stored.view;
  uint64_t size_bytes = 0;
  if (!PackedBytes(*FindDtype(dtype), view.shape, &size_bytes)) {
    return absl::InternalError(absl::StrCat("tensor \"", name, "\": ", ShapeText(view.shape), " has no size"));
  }
  if (stored.map.IsIdentity() && view.dtype == dtype && view.IsPacked()) {
    SKEIN_RETURN_IF_ERROR(Annotate(CheckFinite(host_, view, name), path_));
    if (scratch.empty()) return TensorData{view.data, size_bytes, true};
    if (view.data == scratch.data() && scratch.size() == size_bytes) {
      buffer.swap(scratch);  // so that a large tensor is not there twice
    } else {
      buffer.assign(view.data, view.data + size_bytes);
    }
    return TensorData{buffer.data(), size_bytes, false};
  }
  buffer.resize(size_bytes);
  SKEIN_RETURN_IF_ERROR(Annotate(CopyInParallel(host_, view, stored.map, name, dtype, buffer.data()), path_));
  return TensorData{buffer.data(), size_bytes, false};
}

absl::StatusOr<ModelFile::TensorData> ModelFile::ReadPanels(size_t index, uint32_t dtype,
                                                            std::vector<uint8_t>& buffer) const {
  SKEIN_RETURN_IF_ERROR(CheckRequest(index, dtype));
  const TensorSpec& spec = specs_[index];
  if (!RoleTakesLayout(spec.role, SKEIN_LAYOUT_PANELS)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tensor \"", spec.source_name, "\": asked for in panels; expected a matrix, and not the embedding"));
  }
  if (spec.layout == SKEIN_LAYOUT_PANELS && spec.dtype == dtype) {
    SKEIN_RETURN_IF_ERROR(CheckStoredPanels(index));
    const absl::Span<const uint8_t> panels = StoredPanels(index);
    return TensorData{panels.data(), panels.size(), true};
  }
  std::vector<uint8_t> row_buffer;
  SKEIN_ASSIGN_OR_RETURN(const TensorData rows, ReadTensor(index, dtype, row_buffer));
  uint64_t size_bytes = 0;
  if (!LayoutBytes(dtype, SKEIN_LAYOUT_PANELS, spec.shape, &size_bytes)) {
    return absl::InternalError(
        absl::StrCat("tensor \"", spec.source_name, "\": ", ShapeText(spec.shape), " has no size in panels"));
  }
  buffer.resize(size_bytes);
  RowsToPanels(host_, dtype, spec.shape, static_cast<const uint8_t*>(rows.data), buffer.data());
  return TensorData{buffer.data(), size_bytes, false};
}

absl::Status ModelFile::CheckStoredPanels(size_t index) const {
  const TensorSpec& spec = specs_[index];
  if (AllFinite(host_, spec.dtype, SKEIN_LAYOUT_PANELS, StoredPanels(index))) return absl::OkStatus();
  // By rows, to say which element it is.
  std::vector<uint8_t> scratch;
  SKEIN_ASSIGN_OR_RETURN(const StoredTensor stored, View(index, scratch));
  SKEIN_RETURN_IF_ERROR(Annotate(CheckFinite(host_, stored.view, spec.source_name), path_));
  return absl::DataLossError(absl::StrCat(path_, ": tensor \"", spec.source_name,
                                          "\": expected zeros to fill up its panels, found NaN or infinity"));
}

absl::StatusOr<std::string> ModelFile::Fingerprint() const {
  {
    const MutexLock lock(fingerprint_mutex_);
    if (!fingerprint_.empty()) return fingerprint_;
  }
  // Without the lock: a thread that waits for its part of the loop may be given other work that asks for the
  // fingerprint. Two threads may then compute it; they find the same.
  std::vector<uint64_t> hashes(specs_.size());
  SKEIN_RETURN_IF_ERROR(ParallelFor(host_, specs_.size(), [&](size_t index) -> absl::Status {
    std::vector<uint8_t> scratch;
    SKEIN_ASSIGN_OR_RETURN(const StoredTensor stored, View(index, scratch));
    absl::StatusOr<uint64_t> hash = HashValues(stored.view, stored.map, specs_[index].source_name);
    if (!hash.ok()) return Annotate(hash.status(), path_);
    hashes[index] = *hash;
    return absl::OkStatus();
  }));
  FingerprintBuilder builder(config_.generation, config_.variant);
  for (size_t i = 0; i < specs_.size(); ++i) {
    builder.AddTensor(specs_[i].role, specs_[i].layer, specs_[i].shape, hashes[i]);
  }
  const MutexLock lock(fingerprint_mutex_);
  fingerprint_ = builder.Finish();
  return fingerprint_;
}

absl::Status ModelFile::Verify(Progress* progress) const {
  uint64_t total_bytes = 0;
  for (const TensorSpec& spec : specs_) total_bytes += spec.size_bytes;
  const ProgressScope scope(progress, "verifying", total_bytes);
  return ParallelFor(host_, specs_.size(), [&](size_t index) -> absl::Status {
    SKEIN_RETURN_IF_ERROR(CheckStoredBytes(index));
    if (specs_[index].layout == SKEIN_LAYOUT_PANELS) {
      SKEIN_RETURN_IF_ERROR(CheckStoredPanels(index));
    } else {
      std::vector<uint8_t> scratch;
      SKEIN_ASSIGN_OR_RETURN(const StoredTensor stored, View(index, scratch));
      SKEIN_RETURN_IF_ERROR(Annotate(CheckValues(host_, stored.view, stored.map, specs_[index].source_name), path_));
    }
    scope.Advance(specs_[index].size_bytes);
    return absl::OkStatus();
  });
}

}  // namespace skein
