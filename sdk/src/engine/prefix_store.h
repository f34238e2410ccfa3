// The states of a prefix cache on disk, so that the next process with the same model serves them: copies that are
// written behind the cache's back, and read again when a model is loaded. The cache decides what it has in memory; the
// store keeps what was written last, within a share of the disk.
//
// A state that goes from the cache before it was written is not written. Of each one on disk memory has a record of
// about a hundred bytes, so that it grows with the copies until they are as many as there may be.
#ifndef SKEIN_ENGINE_PREFIX_STORE_H_
#define SKEIN_ENGINE_PREFIX_STORE_H_

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "engine/prefix_cache.h"
#include "engine/prefix_keeper.h"
#include "engine/state_mover.h"
#include "state/state_disk.h"

namespace skein {

// Threads: any, but for what PrefixKeeper says.
class PrefixStore final : public PrefixKeeper, public std::enable_shared_from_this<PrefixStore> {
 public:
  // Waits for the engine. CANCELLED: it has been stopped.
  using ExportState = std::function<absl::Status(const StateRef& state, absl::Span<float> values)>;
  using ImportState = absl::FunctionRef<absl::StatusOr<StateRef>(absl::Span<const float> values)>;

  // Keeps up to half of the blocks of `disk`, whose states are float32. `export_state` is called by the mover.
  static std::shared_ptr<PrefixStore> Create(std::shared_ptr<StateDisk> disk, std::shared_ptr<StateMover> mover,
                                             std::weak_ptr<PrefixCache> cache, ExportState export_state);

  // Gives the cache what earlier processes left, the latest first, until it is full. States that cannot be read are
  // passed over. Gives the number of states. May throw std::bad_alloc.
  uint64_t Restore(ImportState import_state);

  void OnKept(absl::string_view scope, absl::Span<const uint32_t> tokens) noexcept override;
  void OnEnd(CopyState copy_state) noexcept override;

  // States on disk.
  uint64_t num_saved() const;

 private:
  class SaveMove;

  // A state on disk.
  struct Saved {
    uint64_t hash;  // of its label
    DiskBlock block;
  };
  using SavedStates = std::list<Saved>;
  using Labels = std::list<DiskLabel>;  // that move from list to list without an allocation
  enum class Taker { kMover, kEngine };
  enum class Age { kLatest, kOldest };

  PrefixStore(std::shared_ptr<StateDisk> disk, std::shared_ptr<StateMover> mover, std::weak_ptr<PrefixCache> cache,
              ExportState export_state);

  // Has the mover write the next label, if it does not do so already.
  void Drive() noexcept;
  // Hands `moves` to the mover if labels wait; then there is always one move, and no second one.
  void GoOn(DiskMoves& moves) noexcept;
  void SaveNext();
  // The label that waits longest; none: nothing waits.
  Labels TakeWaiting(Taker taker) noexcept;
  // The engine has been stopped: it gives the mover no state any more, and writes this label and the rest itself.
  void LeaveToEngine(Labels& label) noexcept;
  void EndSaving() noexcept;
  absl::Status Save(const DiskLabel& label, CopyState copy_state);
  absl::StatusOr<DiskBlock> ReserveBlock();
  bool IsSaved(uint64_t hash) const;
  void Remember(uint64_t hash, DiskBlock block, Age age);
  // Lets go of the state that was written longest ago. False: there is none.
  bool DropOldest() noexcept;

  const std::shared_ptr<StateDisk> disk_;
  const std::shared_ptr<StateMover> mover_;
  const std::weak_ptr<PrefixCache> cache_;
  const ExportState export_state_;
  const uint64_t max_saved_;

  mutable Mutex mutex_;
  CondVar saved_one_;
  Labels waiting_ ABSL_GUARDED_BY(mutex_);
  bool is_driven_ ABSL_GUARDED_BY(mutex_) = false;  // the mover has a move
  bool is_saving_ ABSL_GUARDED_BY(mutex_) = false;  // the mover has a label, and may ask the engine for its state
  bool has_ended_ ABSL_GUARDED_BY(mutex_) = false;  // the engine writes what waits, not the mover
  SavedStates saved_ ABSL_GUARDED_BY(mutex_);       // the latest first
  std::unordered_set<uint64_t> hashes_ ABSL_GUARDED_BY(mutex_);  // of saved_
};

}  // namespace skein

#endif  // SKEIN_ENGINE_PREFIX_STORE_H_
