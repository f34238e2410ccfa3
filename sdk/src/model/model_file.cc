#include "model/model_file.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/checksum.h"
#include "base/parallel.h"
#include "base/process_end.h"
#include "base/status.h"
#include "model/elements.h"
#include "model/fingerprint.h"
#include "model/stored_tensor.h"
#include "model/tensor.h"
#include "numbers/finite.h"
#include "numbers/panels.h"
#include "numbers/roles.h"

namespace skein {

ModelFile::ModelFile(const skein_host& host, ModelContents contents)
    : host_(host),
      contents_(std::move(contents)),
      hashes_(contents_.weights->tensors().size()),
      fingerprint_(contents_.fingerprint) {}

absl::Status ModelFile::CheckRequest(size_t index, uint32_t dtype) const {
  SKEIN_RETURN_IF_ERROR(CheckProcessGoesOn());
  if (index >= tensors().size()) {
    return absl::OutOfRangeError(absl::StrCat(path(), ": tensor ", index, "; there are ", tensors().size()));
  }
  const DtypeInfo* info = FindDtype(dtype);
  const bool is_matrix = IsMatrixRole(tensors()[index].role);
  if (info != nullptr && info->value_dtype == dtype && (is_matrix || info->block_elements == 1)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("tensor \"", NameOf(index), "\": asked for as ", DtypeName(dtype),
                                                 "; expected f32, f16", is_matrix ? ", bf16, q8 or q4" : " or bf16"));
}

absl::StatusOr<ModelFile::TensorData> ModelFile::ReadTensor(size_t index, uint32_t dtype,
                                                            std::vector<uint8_t>& buffer) const {
  SKEIN_RETURN_IF_ERROR(CheckRequest(index, dtype));
  if (contents_.weights->Generate(index, dtype, buffer)) return TensorData{buffer.data(), buffer.size(), false};
  std::vector<uint8_t> scratch;
  SKEIN_ASSIGN_OR_RETURN(const StoredTensor stored, contents_.weights->View(index, scratch));
  uint64_t size_bytes = 0;
  if (!PackedBytes(*FindDtype(dtype), stored.view.shape, &size_bytes)) {
    return absl::InternalError(
        absl::StrCat("tensor \"", NameOf(index), "\": ", ShapeText(stored.view.shape), " has no size"));
  }
  if (stored.map.IsIdentity() && stored.view.dtype == dtype && stored.view.IsPacked()) {
    return TakeView(index, stored.view, size_bytes, scratch, buffer);
  }
  buffer.resize(size_bytes);
  SKEIN_RETURN_IF_ERROR(Annotate(CopyParameters(host_, stored, NameOf(index), dtype, buffer.data()), path()));
  return TensorData{buffer.data(), size_bytes, false};
}

absl::StatusOr<ModelFile::TensorData> ModelFile::TakeView(size_t index, const TensorView& view, uint64_t size_bytes,
                                                          std::vector<uint8_t>& scratch,
                                                          std::vector<uint8_t>& buffer) const {
  SKEIN_RETURN_IF_ERROR(Annotate(CheckFinite(host_, view, NameOf(index)), path()));
  if (scratch.empty()) return TensorData{view.data, size_bytes, true};
  if (view.data == scratch.data() && scratch.size() == size_bytes) {
    buffer.swap(scratch);  // so that a large tensor is not in memory twice
  } else {
    buffer.assign(view.data, view.data + size_bytes);
  }
  return TensorData{buffer.data(), size_bytes, false};
}

absl::StatusOr<ModelFile::TensorData> ModelFile::ReadPanels(size_t index, uint32_t dtype,
                                                            std::vector<uint8_t>& buffer) const {
  SKEIN_RETURN_IF_ERROR(CheckRequest(index, dtype));
  const TensorSpec& spec = tensors()[index];
  if (!RoleTakesLayout(spec.role, SKEIN_LAYOUT_PANELS)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tensor \"", spec.source_name, "\": asked for in panels; expected a matrix, and not the embedding"));
  }
  if (spec.layout == SKEIN_LAYOUT_PANELS && spec.dtype == dtype) {
    SKEIN_RETURN_IF_ERROR(CheckStoredPanels(index));
    const absl::Span<const uint8_t> panels = contents_.weights->StoredPanels(index);
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
  RowsToPanels(host_, dtype, spec.shape[0], spec.shape[1], static_cast<const uint8_t*>(rows.data), buffer.data());
  return TensorData{buffer.data(), size_bytes, false};
}

absl::Status ModelFile::CheckStoredPanels(size_t index) const {
  const absl::Span<const uint8_t> panels = contents_.weights->StoredPanels(index);
  if (AllFinite(host_, tensors()[index].dtype, SKEIN_LAYOUT_PANELS, panels)) return absl::OkStatus();
  // The rows tell which element it is.
  std::vector<uint8_t> scratch;
  SKEIN_ASSIGN_OR_RETURN(const StoredTensor stored, contents_.weights->View(index, scratch));
  SKEIN_RETURN_IF_ERROR(Annotate(CheckFinite(host_, stored.view, NameOf(index)), path()));
  return absl::DataLossError(absl::StrCat(path(), ": tensor \"", NameOf(index),
                                          "\": expected zeros to fill up its panels, found NaN or infinity"));
}

absl::Status ModelFile::CheckValues(size_t index) const {
  if (tensors()[index].layout == SKEIN_LAYOUT_PANELS) return CheckStoredPanels(index);
  std::vector<uint8_t> scratch;
  SKEIN_ASSIGN_OR_RETURN(const StoredTensor stored, contents_.weights->View(index, scratch));
  return Annotate(CheckParameters(host_, stored, NameOf(index)), path());
}

absl::StatusOr<std::string> ModelFile::Fingerprint() const {
  {
    const MutexLock lock(fingerprint_mutex_);
    if (!fingerprint_.empty()) return fingerprint_;
  }
  // Without the lock: a thread that waits for its part of the loop may be given other work that asks for the
  // fingerprint.
  SKEIN_RETURN_IF_ERROR(
      ParallelFor(host_, hashes_.size(), [&](size_t index) { return HashTensor(index, CheckProcessGoesOn); }));
  std::string fingerprint = BuildFingerprint();
  const MutexLock lock(fingerprint_mutex_);
  fingerprint_ = fingerprint;
  return fingerprint;
}

bool ModelFile::knows_fingerprint() const {
  const MutexLock lock(fingerprint_mutex_);
  return !fingerprint_.empty();
}

absl::Status ModelFile::ComputeFingerprintAhead(absl::FunctionRef<absl::Status()> goes_on) const {
  if (knows_fingerprint()) return absl::OkStatus();
  // The largest first. A hash is made by one thread from a tensor's begin to its end, so a large one that is left for
  // Fingerprint, or is half done then, would keep its caller waiting while the other threads have nothing to do.
  std::vector<size_t> order(hashes_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return tensors()[a].size_bytes > tensors()[b].size_bytes; });
  for (const size_t index : order) SKEIN_RETURN_IF_ERROR(HashTensor(index, goes_on));
  std::string fingerprint = BuildFingerprint();
  const MutexLock lock(fingerprint_mutex_);
  fingerprint_ = std::move(fingerprint);
  return absl::OkStatus();
}

absl::Status ModelFile::HashTensor(size_t index, absl::FunctionRef<absl::Status()> goes_on) const {
  ValuesHash& hash = hashes_[index];
  if (hash.is_known) return absl::OkStatus();
  SKEIN_RETURN_IF_ERROR(goes_on());
  SKEIN_ASSIGN_OR_RETURN(hash.value, ComputeHash(index, goes_on));
  hash.is_known = true;
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> ModelFile::ComputeHash(size_t index, absl::FunctionRef<absl::Status()> goes_on) const {
  ChecksumStream stream;
  const std::optional<absl::Status> visited =
      contents_.weights->VisitValues(index, [&](absl::Span<const float> values) {
        stream.Add(values.data(), values.size() * sizeof(float));
        return goes_on();
      });
  if (visited.has_value()) {
    SKEIN_RETURN_IF_ERROR(*visited);
    return stream.Finish();
  }
  std::vector<uint8_t> scratch;
  SKEIN_ASSIGN_OR_RETURN(const StoredTensor stored, contents_.weights->View(index, scratch));
  absl::StatusOr<uint64_t> hash = HashValues(stored.view, stored.map, NameOf(index), goes_on);
  if (!hash.ok()) return Annotate(hash.status(), path());
  return hash;
}

std::string ModelFile::BuildFingerprint() const {
  FingerprintBuilder builder(config().generation, config().variant);
  for (size_t i = 0; i < hashes_.size(); ++i) {
    const TensorSpec& spec = tensors()[i];
    builder.AddTensor(spec.role, spec.layer, spec.shape, hashes_[i].value);
  }
  return builder.Finish();
}

absl::Status ModelFile::Verify(Progress* progress) const {
  uint64_t total_bytes = 0;
  for (const TensorSpec& spec : tensors()) total_bytes += spec.size_bytes;
  const ProgressScope scope(progress, "verifying", total_bytes);
  return ParallelFor(host_, tensors().size(), [&](size_t index) -> absl::Status {
    SKEIN_RETURN_IF_ERROR(CheckProcessGoesOn());
    SKEIN_RETURN_IF_ERROR(contents_.weights->CheckStoredBytes(index));
    SKEIN_RETURN_IF_ERROR(CheckValues(index));
    scope.Advance(tensors()[index].size_bytes);
    return absl::OkStatus();
  });
}

}  // namespace skein
