// Snapshots of states: as they come, and with their checksums made right, so that what they protect is reached. One
// that is read and written again is read as the same.
#include <xxhash.h>

#include <cstring>
#include <vector>

#include "state/snapshot.h"
#include "tests/fuzz/format_fuzzer.h"

namespace {

// The layout is that of sdk/src/state/snapshot.h.
constexpr size_t kHeaderBytes = 112;
constexpr uint64_t kModelFloats = 3;  // of the model in the seed
constexpr size_t kStateChecksumAt = 96;
constexpr size_t kHeaderChecksumAt = 104;

void Read(const std::vector<uint8_t>& bytes, uint64_t num_floats) {
  const absl::StatusOr<skein::Snapshot> snapshot = skein::ReadSnapshot(bytes, num_floats);
  if (!snapshot.ok()) return;
  std::vector<uint8_t> written(skein::SnapshotBytes(snapshot->state.size()));
  skein::WriteSnapshot(*snapshot, absl::MakeSpan(written));
  const absl::StatusOr<skein::Snapshot> again = skein::ReadSnapshot(written, num_floats);
  skein::fuzz::Require(again.ok());
  skein::fuzz::Require(again->state == snapshot->state && again->position == snapshot->position &&
                       again->pending == snapshot->pending && again->fingerprint == snapshot->fingerprint &&
                       again->generation == snapshot->generation && again->variant == snapshot->variant &&
                       again->sample_index == snapshot->sample_index);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint8_t> bytes(data, data + size);
  Read(bytes, kModelFloats);
  if (size < kHeaderBytes + sizeof(float)) return 0;  // no model has a state of nothing
  const uint64_t num_floats = (size - kHeaderBytes) / sizeof(float);
  Read(bytes, num_floats);
  const uint64_t state_checksum = XXH3_64bits(bytes.data() + kHeaderBytes, size - kHeaderBytes);
  std::memcpy(bytes.data() + kStateChecksumAt, &state_checksum, sizeof(state_checksum));
  const uint64_t header_checksum = XXH3_64bits(bytes.data(), kHeaderChecksumAt);
  std::memcpy(bytes.data() + kHeaderChecksumAt, &header_checksum, sizeof(header_checksum));
  Read(bytes, num_floats);
  Read(bytes, kModelFloats);
  return 0;
}
