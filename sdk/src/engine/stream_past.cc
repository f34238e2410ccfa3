#include "engine/stream_past.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "base/status.h"
#include "base/utf8.h"
#include "engine/engine.h"
#include "numbers/state_layout.h"

namespace skein {
namespace {

// A checkpoint whose state is still kept.
struct KeptCheckpoint {
  SnapshotCheckpoint described;  // without its state
  StateRef state;
};

std::vector<KeptCheckpoint> KeptCheckpoints(const StreamState& at) {
  std::vector<KeptCheckpoint> kept;
  if (std::optional<History::Place> start = at.history.Until(at.history.begin()).LastKept();
      at.history.begin() == 0 && start.has_value() && !start->state.empty()) {
    kept.emplace_back().state = std::move(start->state);
  }
  for (StreamCheckpoint& checkpoint : at.history.Checkpoints(at.position + 1)) {
    if (checkpoint.num_bytes == 0) continue;
    std::optional<History::Place> place = at.history.Until(checkpoint.position).LastKept();
    // A name may stand one token behind its state: behind a token that was pending then.
    if (!place.has_value() || place->history.end() + 1 < checkpoint.position) continue;  // it has gone meanwhile
    KeptCheckpoint& one = kept.emplace_back();
    one.described.position = place->history.end();
    one.described.name_position = checkpoint.position;
    if (IsUtf8Text(checkpoint.name)) one.described.name = std::move(checkpoint.name);
    one.state = std::move(place->state);
  }
  return kept;
}

void KeepCheckpoint(Model& model, const SnapshotCheckpoint& checkpoint, History& history) {
  const absl::StatusOr<StateRef> state = model.engine()->ImportState(checkpoint.state);
  if (!state.ok()) return;
  history.Keep(*state, checkpoint.name.empty() ? CheckpointKind::kPart : CheckpointKind::kNamed, 0);
  // A hostile snapshot may have a name twice.
  if (checkpoint.name.empty() || history.Find(checkpoint.name, UINT64_MAX).has_value()) return;
  history.SetName(checkpoint.name, checkpoint.name_position);
}

}  // namespace

std::vector<StateRef> DescribePast(const StreamState& at, Snapshot& snapshot) {
  std::vector<StateRef> states;
  if (!at.history.is_recorded()) return states;
  for (KeptCheckpoint& kept : KeptCheckpoints(at)) {
    snapshot.checkpoints.push_back(std::move(kept.described));
    states.push_back(std::move(kept.state));
  }
  snapshot.tokens.resize(at.position - at.history.begin());
  at.history.ReadTokens(at.history.begin(), absl::MakeSpan(snapshot.tokens));
  return states;
}

History RestorePast(Model& model, const Snapshot& snapshot, const StreamState& at) {
  const uint64_t begin = snapshot.position - snapshot.tokens.size();
  absl::Span<const SnapshotCheckpoint> checkpoints(snapshot.checkpoints);
  absl::StatusOr<StateRef> start = at.state;  // of a stream whose tokens are not known
  if (!snapshot.tokens.empty()) {
    start = StateRef();
    if (begin == 0 && !checkpoints.empty() && checkpoints[0].position == 0) {
      start = model.engine()->ImportState(checkpoints[0].state);
      checkpoints.remove_prefix(1);
    }
  }
  const bool has_past = !snapshot.tokens.empty() && start.ok();
  History history(model.checkpoints(), has_past ? begin : snapshot.position, start.ok() ? *start : at.state,
                  has_past ? nullptr : at.sampler);
  if (has_past) {
    const auto append_until = [&](uint64_t end, const std::shared_ptr<const SamplerState>& sampler) {
      const absl::Span<const uint32_t> tokens(snapshot.tokens);
      history.Append(tokens.subspan(history.end() - begin, end - history.end()), sampler);
    };
    for (const SnapshotCheckpoint& checkpoint : checkpoints) {
      if (checkpoint.position < begin) continue;
      append_until(checkpoint.position, nullptr);
      KeepCheckpoint(model, checkpoint, history);
    }
    append_until(snapshot.position, at.sampler);
  }
  history.Keep(at.state, CheckpointKind::kTurn, 0);
  return history;
}

}  // namespace skein
