// Snapshots of streams: as they come, and with their checksums and sizes made right, so that what they protect is
// reached. One that is read and written again is read as the same.
#include <cstring>
#include <vector>

#include "state/snapshot.h"
#include "tests/fuzz/format_fuzzer.h"
#include "tests/support/snapshot_bytes.h"

namespace {

using skein::Snapshot;
using skein::StateShape;

// The models of the seeds: that of tests/unit/state/snapshot_test.cc, and v4-odd.
StateShape ShapeOfExample() {
  StateShape shape;
  shape.generation = 5;
  shape.variant = 2;
  shape.num_layers = 2;
  shape.d_model = 2;
  shape.num_heads = 1;
  shape.head_size = 2;
  shape.vocab_size = 50;
  return shape;
}

StateShape ShapeOfV4Odd() {
  StateShape shape;
  shape.generation = 4;
  shape.num_layers = 3;
  shape.d_model = 48;
  shape.d_att = 80;
  shape.vocab_size = 53;
  return shape;
}

void RequirePromises(const StateShape& shape, const Snapshot& snapshot) {
  skein::fuzz::Require(snapshot.position <= skein::kMaxPosition && snapshot.pending.size() <= 1 &&
                       snapshot.state.size() == shape.NumFloats() &&
                       skein::ValidateSamplerState(snapshot.sampler, shape.vocab_size).ok());
}

void Read(const StateShape& shape, const std::vector<uint8_t>& bytes) {
  const absl::StatusOr<Snapshot> snapshot = skein::ReadSnapshot(shape, bytes);
  if (!snapshot.ok()) return;
  RequirePromises(shape, *snapshot);
  std::vector<uint8_t> written(skein::SnapshotBytes(shape, *snapshot));
  skein::WriteSnapshot(shape, *snapshot, absl::MakeSpan(written));
  const absl::StatusOr<Snapshot> again = skein::ReadSnapshot(shape, written);
  skein::fuzz::Require(again.ok());
  skein::fuzz::Require(again->state == snapshot->state && again->position == snapshot->position &&
                       again->pending == snapshot->pending && again->fingerprint == snapshot->fingerprint &&
                       again->sampler == snapshot->sampler);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<uint8_t> bytes(data, data + size);
  std::vector<uint8_t> mended_v1 = bytes;
  skein::test::MendChecksumsV1(mended_v1);
  skein::test::SnapshotParts parts = skein::test::TakeApart(bytes);
  const std::vector<uint8_t> mended = skein::test::PutTogether(parts);
  // The sizes that the header claims for its sections, too.
  parts.keeps_sizes = true;
  const std::vector<uint8_t> mended_checksums = skein::test::PutTogether(parts);
  for (const StateShape& shape : {ShapeOfExample(), ShapeOfV4Odd()}) {
    Read(shape, bytes);
    Read(shape, mended_v1);
    Read(shape, mended);
    Read(shape, mended_checksums);
  }
  return 0;
}
