// The past of a stream: its tokens since its start, and checkpoints on them, from which a stream can go back. It leaves
// out what going back is: a stream takes the state of a checkpoint and reads the tokens behind it again.
//
// A history is a value. Copies, those of forks above all, share the tokens up to where they part, and the states kept
// there. Which states are kept is the business of the model's CheckpointStore: any but those with names may be gone at
// any time, and a name stays when its state has gone.
#ifndef SKEIN_STATE_HISTORY_H_
#define SKEIN_STATE_HISTORY_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "sampling/sampler_state.h"
#include "state/checkpoint_store.h"
#include "state/state_pool.h"

namespace skein {

struct CheckpointName;
struct HistoryNode;

// A place that a stream can go back to.
struct StreamCheckpoint {
  uint64_t position = 0;
  std::string name;        // "": it has none
  uint64_t num_bytes = 0;  // of its state; 0: the state is not kept
};

// Threads: as a value. Different histories, which may share tokens, on any threads.
class History {
 public:
  // A state is wanted every so many tokens.
  static constexpr uint64_t kSpacing = 256;
  // A turn that starts closer behind a state that is kept has that one: so few tokens are read again sooner than a
  // state is moved aside for each of many streams.
  static constexpr uint64_t kNearby = 64;

  // Records nothing.
  History() = default;
  // Begins at `position`; the tokens in front of it are not known. `start` and `sampler` are the state and the memory
  // of the sampler there. The state at position 0 is always kept.
  History(std::shared_ptr<CheckpointStore> store, uint64_t position, StateRef start,
          std::shared_ptr<const SamplerState> sampler = nullptr);
  History(const History& other) noexcept;
  History(History&& other) noexcept
      : node_(std::exchange(other.node_, nullptr)), end_(other.end_), last_kept_(other.last_kept_) {}
  History& operator=(History other) noexcept {
    std::swap(node_, other.node_);
    std::swap(end_, other.end_);
    std::swap(last_kept_, other.last_kept_);
    return *this;
  }
  ~History();

  bool is_recorded() const { return node_ != nullptr; }
  // The positions between which the tokens are known. 0 if nothing is recorded.
  uint64_t begin() const;
  uint64_t end() const { return end_; }

  // Adds tokens at the end. `sampler` is the memory of the sampler behind them. With `decay` it counts them, and they
  // are one token. Allocates once in kSpacing tokens, but more often at first. If it throws, the history is what it
  // was.
  void Append(absl::Span<const uint32_t> tokens, const std::shared_ptr<const SamplerState>& sampler = nullptr,
              std::optional<double> decay = std::nullopt);

  // The tokens from `begin` on, as many as there is room for. All of them are known.
  void ReadTokens(uint64_t begin, absl::Span<uint32_t> tokens) const;

  // The history up to `position`, which is known or the end. Costs a step for each node behind it.
  History Until(uint64_t position) const noexcept;

  // The memory of the sampler at the end: as it was when the stream stood there.
  std::shared_ptr<const SamplerState> SamplerAtEnd() const;

  // --- checkpoints ---

  // Keeps `state`, which is that at the end, if the budget has room for it, and there is memory. The stream is about to
  // read `num_ahead` tokens. No effect at the start of a stream. Where a state is kept less than kNearby tokens in
  // front of the start of a turn, that one is taken to be of the turn.
  void Keep(const StateRef& state, CheckpointKind kind, uint64_t num_ahead) noexcept;
  // The number of tokens since a state was last to be kept.
  uint64_t num_since_kept() const { return end_ - last_kept_; }

  // Names `position`, which is the end or one token behind it. Its state is still to be kept. `name` is not in use.
  void SetName(std::string name, uint64_t position);
  // The position with a name up to `limit`.
  std::optional<uint64_t> Find(absl::string_view name, uint64_t limit) const;

  // The checkpoints up to `limit`, rising: all that have names, and those whose states are kept.
  std::vector<StreamCheckpoint> Checkpoints(uint64_t limit) const;

  // The last place whose state is kept, and that state. Nothing: no state is kept, and the tokens from position 0 on
  // are not known.
  struct Place;
  std::optional<Place> LastKept() const noexcept;

  CheckpointStore* store() const;

 private:
  History(HistoryNode* node, uint64_t end) noexcept;  // takes over a reference
  bool AppendToNode(absl::Span<const uint32_t>& tokens, const std::shared_ptr<const SamplerState>& sampler,
                    std::optional<double> decay);
  // The node at whose begin a state at the end is kept; nullptr: there is none.
  HistoryNode* PlaceAtEnd() const noexcept;
  // Continues in a new node.
  void AddNode(std::unique_ptr<const CheckpointName> name = nullptr);

  HistoryNode* node_ = nullptr;  // one reference of it; nullptr: nothing is recorded
  uint64_t end_ = 0;
  uint64_t last_kept_ = 0;
};

struct History::Place {
  History history;
  StateRef state;
};

}  // namespace skein

#endif  // SKEIN_STATE_HISTORY_H_
