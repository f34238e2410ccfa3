// The file NAME.skein: a manifest and the tensors that it lists, made to be mapped.
//
// Layout, little-endian (offset, bytes, field):
//        0   8  magic 89 53 4B 45 49 4E 0D 0A ("\x89SKEIN\r\n": a transfer as text breaks it)
//        8   4  format version, 1
//       12   4  0
//       16   8  size of the file
//       24   8  size of the manifest
//       32   8  XXH3-64 of the manifest
//       40   8  offset of the data: the manifest's end, rounded up to 64
//       48   8  0
//       56   8  XXH3-64 of the header before this field
//       64      the manifest: a serialised skein.v1.Manifest
//               zeros up to the data
//               the tensors, and the initial state if there is one, in any order, each at a multiple of 64 and without
//               overlap; the bytes between them are zero
// Opening a package checks everything before the data. Package::CheckTensor and ReadInitialState check the data.
//
// A matrix lies in rows or, by default, in panels (skein/dtype.h). Backends that multiply by panels use them where they
// are mapped: nothing is packed or copied, and processes that map one package share its memory. The embedding is in
// rows, because single rows of it are looked up. So are all tensors that are no matrices.
//
// If a mapped file is truncated, every process that has it mapped dies with SIGBUS at its next access. To replace a
// package, write another file and rename it, as PackageWriter does. Where the owner of a file cannot be trusted with
// that, read it instead of mapping (FileAccess::kRead, the option mmap=0).
#ifndef SKEIN_FILES_PACKAGE_PACKAGE_H_
#define SKEIN_FILES_PACKAGE_PACKAGE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/file.h"
#include "files/package/manifest.h"
#include "files/package/output_file.h"

namespace skein {

// Immutable. Threads: any.
class Package {
 public:
  // Whether a file that starts with `bytes` is a package, perhaps a damaged one.
  static bool HasMagic(absl::Span<const uint8_t> bytes);

  // DATA_LOSS: the file is shorter or longer than its header says, or a bit of header or manifest has changed.
  // INVALID_ARGUMENT: the file contradicts itself. UNIMPLEMENTED: a later format version. Messages start with the path.
  static absl::StatusOr<std::unique_ptr<Package>> Open(std::unique_ptr<File> file);

  const Manifest& manifest() const { return manifest_; }

  // The stored bytes of manifest().tensors[index].
  absl::Span<const uint8_t> TensorBytes(size_t index) const;

  // Reads a tensor and the padding behind it. DATA_LOSS: the checksum differs, or the padding is not zero; names the
  // tensor.
  absl::Status CheckTensor(size_t index) const;

  // The initial state; empty if there is none. DATA_LOSS: its checksum differs, the padding behind it is not zero, or a
  // value is not finite.
  absl::StatusOr<std::vector<float>> ReadInitialState() const;

 private:
  // Checks the checksum of a piece of data, and that the padding behind it is zero. `what` names the piece.
  absl::Status CheckData(const std::string& what, uint64_t offset, uint64_t size_bytes, uint64_t checksum) const;

  Package(std::unique_ptr<File> file, Manifest manifest) : file_(std::move(file)), manifest_(std::move(manifest)) {}

  const std::unique_ptr<File> file_;
  const Manifest manifest_;
};

// Order: Create, WriteTensor once for each tensor in order, WriteInitialState if the manifest has one, Finish.
// Threads: one at a time.
class PackageWriter {
 public:
  // `manifest` is complete but for offsets, sizes and checksums of its tensors and of its initial state.
  // INVALID_ARGUMENT: Package::Open would refuse it. And the codes of OutputFile::Create.
  static absl::StatusOr<std::unique_ptr<PackageWriter>> Create(const std::string& path, Manifest manifest,
                                                               IfExists if_exists);

  // `bytes` has the shape, type and layout of the manifest, without gaps.
  absl::Status WriteTensor(absl::Span<const uint8_t> bytes);

  // `state` is in canonical layout and has the architecture's length.
  absl::Status WriteInitialState(absl::Span<const float> state);

  // FAILED_PRECONDITION: tensors or the initial state are missing. After an error, destroying the writer removes
  // everything that it has written.
  absl::Status Finish();

 private:
  PackageWriter(std::unique_ptr<OutputFile> file, Manifest manifest, uint64_t manifest_bytes, uint64_t file_bytes);

  const std::unique_ptr<OutputFile> file_;
  const uint64_t manifest_bytes_;
  const uint64_t file_bytes_;
  Manifest manifest_;
  size_t next_tensor_ = 0;
  bool has_state_ = false;  // the initial state is written
};

}  // namespace skein

#endif  // SKEIN_FILES_PACKAGE_PACKAGE_H_
