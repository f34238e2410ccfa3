#include "state/snapshot_v1.h"

#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/checksum.h"
#include "base/status.h"
#include "state/snapshot_checks.h"

namespace skein {
namespace {

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
static_assert(sizeof(Header) == 112 && offsetof(Header, header_checksum) == 104, "the layout in snapshot_v1.h");

absl::StatusOr<Header> ReadHeader(absl::Span<const uint8_t> bytes) {
  Header header;
  if (bytes.size() < sizeof(header)) {
    return absl::DataLossError(
        absl::StrCat("snapshot: expected at least ", sizeof(header), " bytes, found ", bytes.size()));
  }
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (Checksum(&header, offsetof(Header, header_checksum)) != header.header_checksum) {
    return absl::DataLossError("snapshot: the header does not match its checksum");
  }
  if (header.header_bytes != sizeof(header) || header.total_bytes != bytes.size()) {
    return absl::DataLossError(absl::StrCat("snapshot: expected ", header.total_bytes, " bytes with a header of ",
                                            sizeof(header), ", found ", bytes.size(), " bytes with a header of ",
                                            header.header_bytes));
  }
  if (header.num_pending > 1) {
    return absl::DataLossError(
        absl::StrCat("snapshot: expected at most one pending token, found ", header.num_pending));
  }
  return header;
}

absl::Status CheckState(const Header& header, uint64_t num_floats, absl::Span<const uint8_t> state) {
  if (header.num_state_floats != num_floats) {
    return absl::FailedPreconditionError(
        absl::StrCat("snapshot: a state of ", header.num_state_floats, " floats; this model's has ", num_floats));
  }
  if (state.size() != num_floats * sizeof(float)) {
    return absl::DataLossError(
        absl::StrCat("snapshot: expected a state of ", num_floats * sizeof(float), " bytes, found ", state.size()));
  }
  if (Checksum(state.data(), state.size()) == header.state_checksum) return absl::OkStatus();
  return absl::DataLossError("snapshot: the state does not match its checksum");
}

}  // namespace

absl::StatusOr<Snapshot> ReadSnapshotV1(const skein_backend_model& model, absl::Span<const uint8_t> bytes,
                                        absl::Span<float> state) {
  SKEIN_ASSIGN_OR_RETURN(const Header header, ReadHeader(bytes));
  Snapshot snapshot;
  snapshot.fingerprint.assign(header.fingerprint, sizeof(header.fingerprint));
  SKEIN_RETURN_IF_ERROR(CheckSnapshotSource(model, snapshot.fingerprint, header.generation, header.variant));
  const absl::Span<const uint8_t> state_bytes = bytes.subspan(sizeof(header));
  SKEIN_RETURN_IF_ERROR(CheckState(header, StateFloats(model), state_bytes));
  snapshot.position = header.position;
  if (header.num_pending == 1) snapshot.pending.push_back(header.pending);
  snapshot.sampler.sample_index = header.sample_index;
  std::memcpy(state.data(), state_bytes.data(), state_bytes.size());
  SKEIN_RETURN_IF_ERROR(CheckSnapshotValues(model, snapshot));
  SKEIN_RETURN_IF_ERROR(CheckStateFinite(state));
  return snapshot;
}

}  // namespace skein
