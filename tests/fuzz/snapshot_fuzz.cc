// Snapshots of streams: as they come, and with their checksums and sizes made right, so that the fuzzer gets past the
// checks. If a snapshot can be read, it is written, and read again as the same. What tells of a snapshot without a
// model tells of it what the reader finds.
#include <cstring>
#include <string>
#include <vector>

#include "base/utf8.h"
#include "numbers/state_layout.h"
#include "state/snapshot.h"
#include "tests/fuzz/format_fuzzer.h"
#include "tests/support/snapshot_bytes.h"

namespace {

using skein::Snapshot;
using skein::SnapshotSummary;

void RequirePromises(const skein_backend_model& model, const Snapshot& snapshot) {
  skein::fuzz::Require(snapshot.position <= skein::kMaxPosition && snapshot.pending.size() <= 1 &&
                       snapshot.state.size() == skein::StateFloats(model) &&
                       skein::ValidateSamplerState(snapshot.sampler, model.vocab_size).ok());
}

bool IsText(const std::string& text, size_t max_bytes) { return text.size() <= max_bytes && skein::IsUtf8Text(text); }

// The summary of any bytes has texts that can be shown.
void Summarise(const std::vector<uint8_t>& bytes) {
  const absl::StatusOr<SnapshotSummary> summary = skein::SummariseSnapshot(bytes);
  if (!summary.ok()) return;
  skein::fuzz::Require(summary->num_bytes == bytes.size() && summary->state_bytes <= bytes.size() &&
                       summary->num_tokens <= bytes.size() / sizeof(uint32_t));
  for (const SnapshotSummary::Checkpoint& checkpoint : summary->checkpoints) {
    skein::fuzz::Require(IsText(checkpoint.name, skein::SnapshotCheckpoint::kMaxNameBytes));
  }
  if (!summary->label.has_value()) return;
  skein::fuzz::Require(IsText(summary->label->name, skein::PrefixLabel::kMaxNameBytes) &&
                       IsText(summary->label->provenance, skein::PrefixLabel::kMaxProvenanceBytes));
}

void RequireSameSummary(const Snapshot& snapshot, const std::vector<uint8_t>& bytes) {
  const absl::StatusOr<SnapshotSummary> summary = skein::SummariseSnapshot(bytes);
  skein::fuzz::Require(summary.ok());
  skein::fuzz::Require(summary->fingerprint == snapshot.fingerprint && summary->position == snapshot.position &&
                       summary->num_pending == snapshot.pending.size() &&
                       summary->state_bytes == snapshot.state.size() * sizeof(float) &&
                       summary->num_tokens == snapshot.tokens.size() &&
                       summary->label.has_value() == snapshot.label.has_value() &&
                       summary->checkpoints.size() == snapshot.checkpoints.size());
  for (size_t i = 0; i < snapshot.checkpoints.size(); ++i) {
    skein::fuzz::Require(summary->checkpoints[i].position == snapshot.checkpoints[i].position &&
                         summary->checkpoints[i].name == snapshot.checkpoints[i].name);
  }
}

void Read(const skein_backend_model& model, const std::vector<uint8_t>& bytes) {
  const absl::StatusOr<Snapshot> snapshot = skein::ReadSnapshot(model, bytes);
  if (!snapshot.ok()) return;
  RequirePromises(model, *snapshot);
  std::vector<uint8_t> written(skein::SnapshotBytes(model, *snapshot));
  skein::WriteSnapshot(model, *snapshot, snapshot->state, absl::MakeSpan(written));
  const absl::StatusOr<Snapshot> again = skein::ReadSnapshot(model, written);
  skein::fuzz::Require(again.ok());
  RequireSameSummary(*snapshot, written);
  skein::fuzz::Require(again->state == snapshot->state && again->position == snapshot->position &&
                       again->pending == snapshot->pending && again->fingerprint == snapshot->fingerprint &&
                       again->sampler == snapshot->sampler && again->tokens == snapshot->tokens &&
                       again->checkpoints.size() == snapshot->checkpoints.size() &&
                       again->label.has_value() == snapshot->label.has_value());
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
  for (const std::vector<uint8_t>* summarised : {&bytes, &mended, &mended_checksums}) Summarise(*summarised);
  for (const skein_backend_model& model : {skein::test::SmallStateModel(), skein::test::V4OddModel()}) {
    Read(model, bytes);
    Read(model, mended_v1);
    Read(model, mended);
    Read(model, mended_checksums);
  }
  return 0;
}
