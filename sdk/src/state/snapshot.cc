#include "state/snapshot.h"

#include <xxhash.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace skein {
namespace {

constexpr char kMagic[8] = {'S', 'K', 'E', 'I', 'N', 'S', 'N', 'P'};
constexpr uint32_t kVersion = 1;

struct Header {
  char magic[8];
  uint32_t version;
  uint32_t header_bytes;
  uint64_t total_bytes;
  uint64_t position;
  uint64_t num_state_floats;
  uint32_t num_pending;
  uint32_t pending;
  uint64_t sample_index;
  char fingerprint[32];
  uint32_t generation;
  uint32_t variant;
  uint64_t state_checksum;
  uint64_t header_checksum;
};
static_assert(sizeof(Header) == 112 && offsetof(Header, header_checksum) == 104, "the layout in snapshot.h");

}  // namespace

uint64_t SnapshotBytes(uint64_t num_state_floats) { return sizeof(Header) + num_state_floats * sizeof(float); }

void WriteSnapshot(const Snapshot& snapshot, absl::Span<uint8_t> bytes) {
  Header header = {};
  std::memcpy(header.magic, kMagic, sizeof(kMagic));
  header.version = kVersion;
  header.header_bytes = sizeof(Header);
  header.total_bytes = bytes.size();
  header.position = snapshot.position;
  header.num_state_floats = snapshot.state.size();
  header.num_pending = static_cast<uint32_t>(snapshot.pending.size());
  header.pending = snapshot.pending.empty() ? 0 : snapshot.pending[0];
  header.sample_index = snapshot.sample_index;
  std::copy_n(snapshot.fingerprint.begin(), std::min(snapshot.fingerprint.size(), sizeof(header.fingerprint)),
              header.fingerprint);
  header.generation = snapshot.generation;
  header.variant = snapshot.variant;
  const size_t state_bytes = snapshot.state.size() * sizeof(float);
  header.state_checksum = XXH3_64bits(snapshot.state.data(), state_bytes);
  header.header_checksum = XXH3_64bits(&header, offsetof(Header, header_checksum));
  std::memcpy(bytes.data(), &header, sizeof(header));
  std::memcpy(bytes.data() + sizeof(header), snapshot.state.data(), state_bytes);
}

absl::StatusOr<Snapshot> ReadSnapshot(absl::Span<const uint8_t> bytes, uint64_t num_state_floats) {
  Header header;
  if (bytes.size() < sizeof(header)) {
    return absl::DataLossError(
        absl::StrCat("snapshot: expected at least ", sizeof(header), " bytes, found ", bytes.size()));
  }
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.magic, kMagic, sizeof(kMagic)) != 0) {
    return absl::DataLossError("snapshot: expected the magic SKEINSNP at offset 0, found other bytes");
  }
  if (header.version != kVersion) {
    return absl::UnimplementedError(absl::StrCat("snapshot: version ", header.version, "; expected ", kVersion));
  }
  const uint64_t header_checksum = XXH3_64bits(&header, offsetof(Header, header_checksum));
  if (header_checksum != header.header_checksum) {
    return absl::DataLossError("snapshot: the header does not match its checksum");
  }
  if (header.header_bytes != sizeof(header) || header.total_bytes != bytes.size()) {
    return absl::DataLossError(absl::StrCat("snapshot: expected ", header.total_bytes, " bytes with a header of ",
                                            sizeof(header), ", found ", bytes.size(), " bytes with a header of ",
                                            header.header_bytes));
  }
  if (header.num_state_floats != num_state_floats) {
    return absl::FailedPreconditionError(
        absl::StrCat("snapshot: a state of ", header.num_state_floats, " floats; this model's has ", num_state_floats));
  }
  if (bytes.size() != SnapshotBytes(num_state_floats) || header.num_pending > 1) {
    return absl::DataLossError(absl::StrCat("snapshot: expected ", SnapshotBytes(num_state_floats),
                                            " bytes and at most one pending token, found ", bytes.size(), " and ",
                                            header.num_pending));
  }
  const uint8_t* state = bytes.data() + sizeof(header);
  const size_t state_bytes = num_state_floats * sizeof(float);
  if (XXH3_64bits(state, state_bytes) != header.state_checksum) {
    return absl::DataLossError("snapshot: the state does not match its checksum");
  }
  Snapshot snapshot;
  snapshot.fingerprint.assign(header.fingerprint, sizeof(header.fingerprint));
  snapshot.generation = header.generation;
  snapshot.variant = header.variant;
  snapshot.position = header.position;
  snapshot.sample_index = header.sample_index;
  if (header.num_pending == 1) snapshot.pending.push_back(header.pending);
  snapshot.state.resize(num_state_floats);
  std::memcpy(snapshot.state.data(), state, state_bytes);
  // A checksum proves nothing about a hostile writer: what enters the device is finite.
  const auto bad =
      std::find_if_not(snapshot.state.begin(), snapshot.state.end(), [](float x) { return std::isfinite(x); });
  if (bad != snapshot.state.end()) {
    return absl::DataLossError(absl::StrCat("snapshot: state float ", bad - snapshot.state.begin(), " is not finite"));
  }
  return snapshot;
}

}  // namespace skein
