// The manifest of a package (proto/skein/v1/manifest.proto) as checked values. No other file of this folder knows
// protobuf.
#ifndef SKEIN_FILES_PACKAGE_MANIFEST_H_
#define SKEIN_FILES_PACKAGE_MANIFEST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/config.h"
#include "model/metadata.h"

namespace skein {

// One tensor of a package.
struct PackedTensor {
  uint32_t role = 0;
  uint32_t layer = 0;
  uint32_t dtype = 0;           // F32, F16 or BF16; a matrix may also be Q8 or Q4
  uint32_t layout = 0;          // SKEIN_LAYOUT_*; PANELS only for a matrix other than the embedding
  std::vector<uint64_t> shape;  // of the role
  uint64_t offset = 0;          // from the start of the file
  uint64_t size_bytes = 0;
  uint64_t checksum = 0;  // XXH3-64 of the stored bytes
};

// The initial state of a package: float32, in canonical layout.
struct PackedState {
  uint64_t offset = 0;  // from the start of the file
  uint64_t size_bytes = 0;
  uint64_t checksum = 0;  // XXH3-64 of the stored bytes
};

struct Manifest {
  ModelConfig config;
  ModelMetadata metadata;  // source_format is not stored
  std::string vocabulary;
  std::string fingerprint;  // 32 hex digits
  std::string creator;
  std::vector<PackedTensor> tensors;  // every tensor of the config, in the order of WeightSource::tensors()
  std::optional<PackedState> initial_state;
};

// The length of the result depends on no offset and no checksum, so that a writer can leave room before it knows them.
std::string SerializeManifest(const Manifest& manifest);

// Reads untrusted bytes. On success the config is valid. Each of its tensors is there once, with the role's shape, a
// readable type and layout, and the size that follows from these. The initial state has the size that follows from the
// config. Package checks offsets and checksums. DATA_LOSS: damaged. INVALID_ARGUMENT: the manifest contradicts itself.
// UNIMPLEMENTED: it needs a feature of later versions. Messages start with "manifest: ".
absl::StatusOr<Manifest> ParseManifest(absl::Span<const uint8_t> bytes);

}  // namespace skein

#endif  // SKEIN_FILES_PACKAGE_MANIFEST_H_
