#include "serving/go_back.h"

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "serving/replay.h"

namespace skein {
namespace {

// The last position of a stream that stands at `at`: behind its pending token, if there is one.
uint64_t EndOf(const StreamState& at) { return at.position + (at.pending.has_value() ? 1 : 0); }

absl::Status CheckPosition(const StreamState& at, uint64_t position) {
  const uint64_t begin = at.history.is_recorded() ? at.history.begin() : at.position;
  if (position >= begin && position <= EndOf(at)) return absl::OkStatus();
  const char* const why = begin > 0 ? ", as the tokens in front of these are not known" : "";
  return absl::OutOfRangeError(absl::StrCat("position ", position, "; expected ", begin, " to ", EndOf(at), why));
}

// A way back: a place to begin at, and the tokens to read from there.
struct Way {
  StreamState from;
  std::vector<uint32_t> tokens;
};

absl::StatusOr<Way> FindWay(const History& past) {
  std::optional<History::Place> kept = past.LastKept();
  if (!kept.has_value()) {
    return absl::OutOfRangeError(absl::StrCat("position ", past.end(), "; the tokens in front of ", past.begin(),
                                              " are not known, and no state between the two is kept any more"));
  }
  Way way;
  way.from.state = std::move(kept->state);
  way.from.position = kept->history.end();
  way.tokens.resize(past.end() - way.from.position);
  past.ReadTokens(way.from.position, absl::MakeSpan(way.tokens));
  return way;
}

// The place `position` of a stream that stands at `at`, and the number of tokens that were read again for it.
struct Reached {
  StreamState at;
  uint64_t num_replayed = 0;
};

absl::StatusOr<Reached> Reach(const Stream& stream, const StreamState& at, uint64_t position) {
  SKEIN_RETURN_IF_ERROR(CheckPosition(at, position));
  if (position == EndOf(at)) return Reached{at, 0};
  Reached reached;
  reached.at.position = position;
  reached.at.history = at.history.Until(position);
  reached.at.sampler = reached.at.history.SamplerAtEnd();
  if (position == at.position) {
    reached.at.state = at.state;
    return reached;
  }
  SKEIN_ASSIGN_OR_RETURN(Way way, FindWay(reached.at.history));
  reached.num_replayed = way.tokens.size();
  reached.at.state = std::move(way.from.state);
  if (way.tokens.empty()) return reached;
  way.from.state = std::exchange(reached.at.state, StateRef());
  SKEIN_ASSIGN_OR_RETURN(reached.at.state, Replay(*stream.model(), stream.tenant(), std::move(way.from), way.tokens));
  return reached;
}

}  // namespace

absl::StatusOr<uint64_t> Truncate(const std::shared_ptr<Stream>& stream, uint64_t position) {
  SKEIN_ASSIGN_OR_RETURN(WriteRight right, stream->BeginWrite());
  SKEIN_ASSIGN_OR_RETURN(Reached reached, Reach(*stream, stream->Committed(), position));
  right.Commit(std::move(reached.at));
  return reached.num_replayed;
}

absl::StatusOr<Branch> ForkAt(const Stream& stream, uint64_t position) {
  const StreamState at = stream.Committed();
  SKEIN_RETURN_IF_ERROR(CheckPosition(at, position));
  Branch branch;
  SKEIN_ASSIGN_OR_RETURN(branch.stream, stream.Fork());
  SKEIN_ASSIGN_OR_RETURN(WriteRight right, branch.stream->BeginWrite());
  SKEIN_ASSIGN_OR_RETURN(Reached reached, Reach(*branch.stream, at, position));
  right.Commit(std::move(reached.at));
  branch.num_replayed = reached.num_replayed;
  return branch;
}

absl::Status SetCheckpoint(const std::shared_ptr<Stream>& stream, std::string name) {
  if (name.empty() || name.size() > kMaxCheckpointName) {
    return absl::InvalidArgumentError(
        absl::StrCat("name of ", name.size(), " bytes; expected 1 to ", kMaxCheckpointName));
  }
  SKEIN_ASSIGN_OR_RETURN(WriteRight right, stream->BeginWrite());
  StreamState at = stream->Committed();
  if (const std::optional<uint64_t> position = at.history.Find(name, EndOf(at))) {
    return absl::AlreadyExistsError(absl::StrCat("checkpoint \"", name, "\" is at position ", *position));
  }
  at.history.Keep(at.state, CheckpointKind::kNamed, 0);
  const uint64_t position = EndOf(at);
  at.history.SetName(std::move(name), position);
  right.Commit(std::move(at));
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> NumTokensFrom(const StreamState& at, uint64_t begin) {
  SKEIN_RETURN_IF_ERROR(CheckPosition(at, begin));
  return EndOf(at) - begin;
}

void ReadTokens(const StreamState& at, uint64_t begin, absl::Span<uint32_t> tokens) {
  if (tokens.empty()) return;
  at.history.ReadTokens(begin, tokens);
  if (at.pending.has_value()) tokens.back() = *at.pending;
}

absl::StatusOr<uint64_t> FindCheckpoint(const StreamState& at, absl::string_view name) {
  const std::optional<uint64_t> position = at.history.Find(name, EndOf(at));
  if (position.has_value()) return *position;
  return absl::NotFoundError(absl::StrCat("no checkpoint has the name \"", name, "\""));
}

std::vector<StreamCheckpoint> ListCheckpoints(const StreamState& at) { return at.history.Checkpoints(EndOf(at)); }

}  // namespace skein
