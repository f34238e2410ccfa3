#include "model/model_file.h"

#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "model/checkpoint_model.h"
#include "model/elements.h"
#include "model/fingerprint.h"
#include "model/package.h"
#include "model/package_model.h"

namespace skein {
namespace {

// Runs `work` for every index below `count` on the host's threads. On failure gives the error of the lowest index that
// fails, whatever the order of execution.
absl::Status ParallelFor(const skein_host& host, size_t count, absl::FunctionRef<absl::Status(size_t)> work) {
  struct Shared {
    absl::FunctionRef<absl::Status(size_t)> work;
    Mutex mutex;
    size_t failed_index ABSL_GUARDED_BY(mutex);
    absl::Status status ABSL_GUARDED_BY(mutex);
  };
  Shared shared = {work, {}, count, absl::OkStatus()};
  host.parallel_for(
      host.context, count,
      [](void* argument, uint64_t index) {
        Shared& s = *static_cast<Shared*>(argument);
        {
          const MutexLock lock(s.mutex);
          if (index > s.failed_index) return;
        }
        absl::Status status;
        try {
          status = s.work(index);
        } catch (const std::exception& error) {  // the host's loop is C
          status = absl::ResourceExhaustedError(error.what());
        }
        const MutexLock lock(s.mutex);
        if (!status.ok() && index < s.failed_index) {
          s.failed_index = index;
          s.status = std::move(status);
        }
      },
      &shared);
  const MutexLock lock(shared.mutex);
  return shared.status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ModelFile>> ModelFile::Open(const PluginRegistry& plugins, const skein_host& host,
                                                           const std::string& path, FileAccess access) {
  return Open(plugins.formats(), host, path, access);
}

absl::StatusOr<std::unique_ptr<ModelFile>> ModelFile::Open(absl::Span<const Plugin<skein_format_table>> formats,
                                                           const skein_host& host, const std::string& path,
                                                           FileAccess access) {
  SKEIN_ASSIGN_OR_RETURN(std::unique_ptr<File> file, File::Open(path, access));
  // The name decides only where the magic is gone, so that a damaged package is called one.
  if (Package::HasMagic(file->bytes()) || absl::EndsWith(path, ".skein")) {
    return PackageModel::Open(host, std::move(file));
  }
  return CheckpointModel::Open(formats, host, std::move(file));
}

absl::StatusOr<ModelFile::TensorData> ModelFile::ReadTensor(size_t index, uint32_t dtype,
                                                            std::vector<uint8_t>& buffer) const {
  if (index >= specs_.size()) {
    return absl::OutOfRangeError(absl::StrCat(path_, ": tensor ", index, "; there are ", specs_.size()));
  }
  const std::string& name = specs_[index].source_name;
  if (dtype != SKEIN_DTYPE_F32 && dtype != SKEIN_DTYPE_F16 && dtype != SKEIN_DTYPE_BF16) {
    return absl::InvalidArgumentError(
        absl::StrCat("tensor \"", name, "\": asked for as ", DtypeName(dtype), "; expected f32, f16 or bf16"));
  }
  std::vector<uint8_t> scratch;
  SKEIN_ASSIGN_OR_RETURN(const TensorView view, View(index, scratch));
  if (view.dtype == dtype && view.IsPacked()) {
    SKEIN_RETURN_IF_ERROR(Annotate(CheckFinite(view, name), path_));
    uint64_t size_bytes = 0;
    PackedBytes(*FindDtype(dtype), view.shape, &size_bytes);  // fits: the tensor is there
    if (scratch.empty()) return TensorData{view.data, size_bytes, true};
    buffer.assign(view.data, view.data + size_bytes);
    return TensorData{buffer.data(), size_bytes, false};
  }
  uint64_t size_bytes = 0;
  if (!PackedBytes(*FindDtype(dtype), view.shape, &size_bytes)) {
    return absl::InternalError(absl::StrCat("tensor \"", name, "\": ", ShapeText(view.shape), " has no size"));
  }
  buffer.resize(size_bytes);
  SKEIN_RETURN_IF_ERROR(Annotate(CopyElements(view, name, dtype, buffer.data()), path_));
  return TensorData{buffer.data(), size_bytes, false};
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
    SKEIN_ASSIGN_OR_RETURN(const TensorView view, View(index, scratch));
    absl::StatusOr<uint64_t> hash = HashValues(view, specs_[index].source_name);
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
    std::vector<uint8_t> scratch;
    SKEIN_ASSIGN_OR_RETURN(const TensorView view, View(index, scratch));
    SKEIN_RETURN_IF_ERROR(Annotate(CheckFinite(view, specs_[index].source_name), path_));
    scope.Advance(specs_[index].size_bytes);
    return absl::OkStatus();
  });
}

}  // namespace skein
