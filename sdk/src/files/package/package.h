// The file NAME.skein: a manifest and the tensors that it lists, made to be mapped.
//
// Layout, little-endian:
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
//               overlap; what lies between them is zero
// Everything before the data is checked when a package is opened; the data itself by Package::CheckTensor and
// ReadInitialState.
//
// A matrix lies there in rows or, by default, in panels (skein/dtype.h): backends that multiply by panels use those
// where they are mapped. Nothing is packed or copied then, and processes that map one package share the memory that it
// takes. The embedding, of which rows are looked up, and everything that is no matrix are in rows.
//
// Who truncates a package, or any file, that somebody has mapped takes the pages away from under the reader, whose next
// access ends its process (SIGBUS). To replace a package, write another file and rename it, as PackageWriter does;
// where that cannot be relied on, read instead of mapping (FileAccess::kRead, the option mmap=0).
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

  // DATA_LOSS: truncated, longer than it says, or a bit of header or manifest has changed. INVALID_ARGUMENT:
  // contradicts itself. UNIMPLEMENTED: of a later format version. Messages start with the path.
  static absl::StatusOr<std::unique_ptr<Package>> Open(std::unique_ptr<File> file);

  const Manifest& manifest() const { return manifest_; }

  // The stored bytes of manifest().tensors[index].
  absl::Span<const uint8_t> TensorBytes(size_t index) const;

  // Reads a tensor and the padding behind it. DATA_LOSS: its checksum differs, or the padding is not zero; names the
  // tensor.
  absl::Status CheckTensor(size_t index) const;

  // The initial state; empty if there is none. DATA_LOSS: its checksum differs, the padding behind it is not zero, or a
  // value is not finite.
  absl::StatusOr<std::vector<float>> ReadInitialState() const;

 private:
  // Compares the checksum of a piece of data, and the padding behind it with zero. `what` names it.
  absl::Status CheckData(const std::string& what, uint64_t offset, uint64_t size_bytes, uint64_t checksum) const;

  Package(std::unique_ptr<File> file, Manifest manifest) : file_(std::move(file)), manifest_(std::move(manifest)) {}

  const std::unique_ptr<File> file_;
  const Manifest manifest_;
};

// Order: Create, WriteTensor once for each tensor in order, WriteInitialState if the manifest has one, Finish.
// Threads: one at a time.
class PackageWriter {
 public:
  // `manifest` complete but for offsets, sizes and checksums of its tensors and of its initial state. INVALID_ARGUMENT:
  // it is not one that Package::Open would take. And the codes of OutputFile::Create.
  static absl::StatusOr<std::unique_ptr<PackageWriter>> Create(const std::string& path, Manifest manifest,
                                                               IfExists if_exists);

  // `bytes` as the manifest says: without gaps, in shape, type and layout.
  absl::Status WriteTensor(absl::Span<const uint8_t> bytes);

  // Canonical, of the length that the architecture has.
  absl::Status WriteInitialState(absl::Span<const float> state);

  // FAILED_PRECONDITION: tensors or the initial state are missing. After an error nothing is left behind once the
  // writer is destroyed.
  absl::Status Finish();

 private:
  PackageWriter(std::unique_ptr<OutputFile> file, Manifest manifest, uint64_t manifest_bytes, uint64_t file_bytes);

  const std::unique_ptr<OutputFile> file_;
  const uint64_t manifest_bytes_;
  const uint64_t file_bytes_;
  Manifest manifest_;
  size_t next_tensor_ = 0;
  bool has_state_ = false;  // written
};

}  // namespace skein

#endif  // SKEIN_FILES_PACKAGE_PACKAGE_H_
