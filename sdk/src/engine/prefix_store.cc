#include "engine/prefix_store.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "base/checksum.h"
#include "base/status.h"
#include "numbers/finite.h"

namespace skein {
namespace {

// Labels that wait to be written. They hold their tokens and no state.
constexpr size_t kMaxWaiting = 1024;

uint64_t HashOf(const DiskLabel& label) {
  return Checksum(label.tokens.data(), label.tokens.size() * sizeof(uint32_t)) +
         31 * Checksum(label.scope.data(), label.scope.size());
}

absl::Span<uint8_t> BytesOf(std::vector<float>& values) {
  return {reinterpret_cast<uint8_t*>(values.data()), values.size() * sizeof(float)};
}

}  // namespace

// Writes one state, and comes again while others wait.
class PrefixStore::SaveMove final : public DiskMove {
 public:
  explicit SaveMove(std::weak_ptr<PrefixStore> store) : store_(std::move(store)) {}

  absl::Status Work() override {
    const std::shared_ptr<PrefixStore> store = store_.lock();
    if (store == nullptr) return absl::OkStatus();
    next_.push_back(std::make_unique<SaveMove>(store_));
    store->SaveNext();
    return absl::OkStatus();
  }
  void End(absl::Status) noexcept override {
    if (const std::shared_ptr<PrefixStore> store = store_.lock()) store->GoOn(next_);
  }

 private:
  const std::weak_ptr<PrefixStore> store_;
  DiskMoves next_;
};

std::shared_ptr<PrefixStore> PrefixStore::Create(std::shared_ptr<StateDisk> disk, std::shared_ptr<StateMover> mover,
                                                 std::weak_ptr<PrefixCache> cache, ExportState export_state) {
  return std::shared_ptr<PrefixStore>(
      new PrefixStore(std::move(disk), std::move(mover), std::move(cache), std::move(export_state)));
}

PrefixStore::PrefixStore(std::shared_ptr<StateDisk> disk, std::shared_ptr<StateMover> mover,
                         std::weak_ptr<PrefixCache> cache, ExportState export_state)
    : disk_(std::move(disk)),
      mover_(std::move(mover)),
      cache_(std::move(cache)),
      export_state_(std::move(export_state)),
      max_saved_(std::max<uint64_t>(disk_->budget_blocks() / 2, 1)) {}

uint64_t PrefixStore::Restore(ImportState import_state) {
  const std::shared_ptr<PrefixCache> cache = cache_.lock();
  std::vector<float> values(disk_->state_bytes() / sizeof(float));
  uint64_t num_restored = 0;
  bool has_room = cache != nullptr;
  for (RecoveredState& state : disk_->TakeRecovered()) {
    if (has_room) {
      if (!disk_->Read(state.block, BytesOf(values)).ok() || !AllFinite(values)) continue;
      absl::StatusOr<StateRef> imported = import_state(values);
      has_room = imported.ok() && cache->Restore(state.label.scope, state.label.tokens, *std::move(imported));
      if (has_room) ++num_restored;
    }
    Remember(HashOf(state.label), std::move(state.block), Age::kOldest);
  }
  return num_restored;
}

void PrefixStore::OnKept(absl::string_view scope, absl::Span<const uint32_t> tokens) noexcept {
  if (scope.size() > DiskLabel::kMaxScopeBytes || tokens.size() > disk_->max_tokens()) return;
  const bool is_waiting = Guarded([&] {
                            std::list<DiskLabel> label;
                            label.push_back({std::string(scope), {tokens.begin(), tokens.end()}});
                            const MutexLock lock(mutex_);
                            if (waiting_.size() == kMaxWaiting) waiting_.pop_front();
                            waiting_.splice(waiting_.end(), label);
                            return absl::OkStatus();
                          }).ok();
  if (is_waiting) Drive();
}

void PrefixStore::Drive() noexcept {
  {
    const MutexLock lock(mutex_);
    if (is_driven_) return;
    is_driven_ = true;
  }
  DiskMoves moves;
  Guarded([&] {
    moves.push_back(std::make_unique<SaveMove>(weak_from_this()));
    return absl::OkStatus();
  }).IgnoreError();  // without memory it is tried with the next state
  GoOn(moves);
}

void PrefixStore::GoOn(DiskMoves& moves) noexcept {
  {
    const MutexLock lock(mutex_);
    is_driven_ = !moves.empty() && !waiting_.empty() && !has_ended_;
    if (!is_driven_) return;
  }
  if (mover_->Park(moves)) return;
  const MutexLock lock(mutex_);
  is_driven_ = false;  // the disk is busy; the next state tries again
}

void PrefixStore::SaveNext() {
  Labels label = TakeWaiting(Taker::kMover);
  if (label.empty()) return;
  const absl::Status status = Guarded([&] { return Save(label.front(), export_state_); });
  if (absl::IsCancelled(status)) LeaveToEngine(label);
  EndSaving();
}

PrefixStore::Labels PrefixStore::TakeWaiting(Taker taker) noexcept {
  Labels taken;
  const MutexLock lock(mutex_);
  if (waiting_.empty() || (taker == Taker::kMover && has_ended_)) return taken;
  taken.splice(taken.end(), waiting_, waiting_.begin());
  if (taker == Taker::kMover) is_saving_ = true;
  return taken;
}

void PrefixStore::LeaveToEngine(Labels& label) noexcept {
  const MutexLock lock(mutex_);
  has_ended_ = true;
  waiting_.splice(waiting_.begin(), label);
}

void PrefixStore::EndSaving() noexcept {
  const MutexLock lock(mutex_);
  is_saving_ = false;
  saved_one_.NotifyAll();
}

void PrefixStore::OnEnd(CopyState copy_state) noexcept {
  {
    const MutexLock lock(mutex_);
    has_ended_ = true;
    while (is_saving_) saved_one_.Wait(mutex_);
  }
  for (Labels label = TakeWaiting(Taker::kEngine); !label.empty(); label = TakeWaiting(Taker::kEngine)) {
    Guarded([&] {
      return Save(label.front(), copy_state);
    }).IgnoreError();  // then the next process reads a prompt more
  }
}

absl::Status PrefixStore::Save(const DiskLabel& label, CopyState copy_state) {
  const uint64_t hash = HashOf(label);
  if (IsSaved(hash)) return absl::OkStatus();
  std::vector<float> values(disk_->state_bytes() / sizeof(float));
  {
    const std::shared_ptr<PrefixCache> cache = cache_.lock();
    const StateRef state = cache == nullptr ? StateRef() : cache->Peek(label.scope, label.tokens);
    if (state.empty()) return absl::OkStatus();  // it went meanwhile
    SKEIN_RETURN_IF_ERROR(copy_state(state, absl::MakeSpan(values)));
  }
  SKEIN_ASSIGN_OR_RETURN(DiskBlock block, ReserveBlock());
  SKEIN_RETURN_IF_ERROR(disk_->Write(block, BytesOf(values), &label));
  Remember(hash, std::move(block), Age::kLatest);
  return absl::OkStatus();
}

absl::StatusOr<DiskBlock> PrefixStore::ReserveBlock() {
  while (num_saved() >= max_saved_) DropOldest();
  absl::StatusOr<DiskBlock> block = disk_->Reserve();
  while (absl::IsResourceExhausted(block.status()) && DropOldest()) block = disk_->Reserve();
  return block;
}

bool PrefixStore::IsSaved(uint64_t hash) const {
  const MutexLock lock(mutex_);
  return hashes_.contains(hash);
}

void PrefixStore::Remember(uint64_t hash, DiskBlock block, Age age) {
  SavedStates state;
  state.push_back({hash, std::move(block)});
  const MutexLock lock(mutex_);
  if (!hashes_.insert(hash).second) return;
  saved_.splice(age == Age::kLatest ? saved_.begin() : saved_.end(), state);
}

bool PrefixStore::DropOldest() noexcept {
  SavedStates oldest;  // its block is freed behind the lock
  const MutexLock lock(mutex_);
  if (saved_.empty()) return false;
  oldest.splice(oldest.end(), saved_, std::prev(saved_.end()));
  hashes_.erase(oldest.front().hash);
  return true;
}

uint64_t PrefixStore::num_saved() const {
  const MutexLock lock(mutex_);
  return saved_.size();
}

}  // namespace skein
