#include "engine/prefix_cache.h"

#include <algorithm>
#include <new>

#include "base/checksum.h"

namespace skein {
namespace {

// In front of the end of a prompt there is no state in the middle.
constexpr uint64_t kMinMiddle = 64;
// The most junctions at which one prompt stops.
constexpr int kMaxJunctions = 8;

// Prompts that come back count for so many requests, and so many of them make it worth while to keep all that there is
// room for.
constexpr double kMemory = 64;
constexpr double kFewComeBack = 0.01;

// The hash of a sequence, token by token: FNV-1a over whole tokens, from the scope on.
class PathHash {
 public:
  explicit PathHash(absl::string_view scope) : value_(Checksum(scope.data(), scope.size())) {}

  void Add(uint32_t token) {
    value_ = (value_ ^ token) * 0x100000001b3;
    value_ ^= value_ >> 29;
  }
  uint64_t value() const { return value_ | 1; }  // 0: no hash

 private:
  uint64_t value_;
};

}  // namespace

bool PrefixCache::LetGo(uint32_t num_states) noexcept {
  bool has_any = false;
  for (; num_states > 0; --num_states) {
    StateRef dropped;  // behind the lock
    const MutexLock lock(mutex_);
    PrefixNode* const least = tree_.FindLeast();
    if (least == nullptr) break;
    NoteDropped(*least);
    dropped = tree_.TakeState(*least);
    has_any = true;
  }
  return has_any;
}

void PrefixCache::NoteDropped(const PrefixNode& node) noexcept {
  ++counts_.evictions;
  try {
    PathHash hash(tree_.ScopeOf(node));
    for (const uint32_t token : tree_.PathOf(node)) hash.Add(token);
    dropped_[hash.value() / 2 % dropped_.size()] = hash.value();
  } catch (const std::bad_alloc&) {
    // Then a request that would have been served is told of a cold cache.
  }
}

bool PrefixCache::HasDropped(absl::string_view scope, absl::Span<const uint32_t> tokens) const noexcept {
  PathHash hash(scope);
  return std::any_of(tokens.begin(), tokens.end(), [&](uint32_t token) {
    hash.Add(token);
    return dropped_[hash.value() / 2 % dropped_.size()] == hash.value();
  });
}

bool PrefixCache::IsOver() const {
  const uint64_t num_states = tree_.num_states();
  if (num_states * limits_.state_bytes > limits_.max_bytes) return true;
  return num_states > limits_.max_unused_states && share_that_comes_back_ < kFewComeBack;
}

void PrefixCache::Shrink() noexcept {
  while (true) {
    {
      const MutexLock lock(mutex_);
      if (!IsOver()) return;
    }
    LetGo(1);
  }
}

void PrefixCache::SetKeeper(std::shared_ptr<PrefixKeeper> keeper) noexcept {
  const MutexLock lock(mutex_);
  keeper_ = std::move(keeper);
}

std::shared_ptr<PrefixKeeper> PrefixCache::keeper() const noexcept {
  const MutexLock lock(mutex_);
  return keeper_;
}

bool PrefixCache::Restore(absl::string_view scope, absl::Span<const uint32_t> tokens, StateRef state) {
  const MutexLock lock(mutex_);
  if ((tree_.num_states() + 1) * limits_.state_bytes > limits_.max_bytes) return false;
  if (tokens.empty()) return true;
  PrefixNode& node = tree_.NodeAt(scope, tokens);
  if (!node.has_state()) tree_.SetState(node, std::move(state));
  share_that_comes_back_ = 1;  // the prompts of the earlier process are expected again
  return true;
}

StateRef PrefixCache::Peek(absl::string_view scope, absl::Span<const uint32_t> tokens) const noexcept {
  const MutexLock lock(mutex_);
  const PrefixNode* const node = tree_.Find(scope, tokens).state;
  return node == nullptr || node->num_tokens != tokens.size() ? StateRef() : node->state;
}

void PrefixCache::Count(uint32_t outcome, uint64_t num_cached) noexcept {
  const MutexLock lock(mutex_);
  if (outcome < counts_.requests.size()) ++counts_.requests[outcome];
  counts_.saved_tokens += num_cached;
  const bool comes_back = outcome == SKEIN_CACHE_HIT || outcome == SKEIN_CACHE_EVICTED;
  share_that_comes_back_ += ((comes_back ? 1.0 : 0.0) - share_that_comes_back_) / kMemory;
}

PrefixCounts PrefixCache::counts() const noexcept {
  const MutexLock lock(mutex_);
  PrefixCounts counts = counts_;
  counts.states = tree_.num_states();
  counts.state_bytes = counts.states * limits_.state_bytes;
  return counts;
}

PrefixReading::PrefixReading(std::shared_ptr<PrefixCache> cache, PrefixScope scope, std::vector<uint32_t> prompt,
                             int32_t priority)
    : cache_(std::move(cache)),
      scope_(std::move(scope)),
      num_prompt_tokens_(prompt.size()),
      priority_(priority),
      tokens_(std::move(prompt)) {}

std::unique_ptr<PrefixReading> PrefixReading::Begin(std::shared_ptr<PrefixCache> cache, PrefixScope scope,
                                                    std::vector<uint32_t> prompt, int32_t priority) {
  std::unique_ptr<PrefixReading> reading(
      new PrefixReading(std::move(cache), std::move(scope), std::move(prompt), priority));
  const MutexLock lock(reading->cache_->mutex_);
  reading->Join();
  return reading;
}

PrefixReading::~PrefixReading() { End(); }

void PrefixReading::Join() {
  PrefixTree& tree = cache_->tree_;
  const absl::Span<const uint32_t> tokens(tokens_);
  num_known_ = tree.Find(scope_.text, tokens.first(tokens.size() - 1)).num_known;
  // A junction also where this prompt ends on the way of another.
  if (num_known_ > 0) tree.NodeAt(scope_.text, tokens.first(num_known_));
  tree.AddReader(*this, tree.NodeAt(scope_.text, tokens));
  const PrefixNode* node = PrefixTree::LeafOf(*this)->parent();
  while (node != nullptr && !node->has_state() && node->num_readers() == 1) node = node->parent();
  if (node != nullptr && node->num_tokens >= PrefixCache::kMinTokens) num_expected_ = node->num_tokens;
}

PrefixNode* PrefixReading::FindState() const {
  PrefixNode* node = PrefixTree::LeafOf(*this)->parent();
  while (node != nullptr && !node->has_state()) node = node->parent();
  return node;
}

bool PrefixReading::CanLeaveStateAt(uint64_t num_tokens) const {
  if (!is_reading || num_tokens <= num_read) return false;
  return start_position_ + num_tokens >= feed_->next_position() ||
         std::binary_search(wanted_.begin(), wanted_.end(), num_tokens);
}

void PrefixReading::Want(uint64_t num_tokens) {
  const auto place = std::lower_bound(wanted_.begin(), wanted_.end(), num_tokens);
  if (place != wanted_.end() && *place == num_tokens) return;
  feed_->AddStop(start_position_ + num_tokens);
  wanted_.insert(place, num_tokens);
}

std::shared_ptr<Job> PrefixReading::WaitForAnother(uint64_t num_cached) {
  for (PrefixNode* node = PrefixTree::LeafOf(*this)->parent(); node->num_tokens >= num_cached + PrefixCache::kMinTokens;
       node = node->parent()) {
    PrefixReader* reader = node->promised_by;
    if (reader == nullptr && node->num_readers() > 1) reader = PrefixTree::FindReader(*node);
    if (reader == nullptr) continue;
    auto& other = static_cast<PrefixReading&>(*reader);  // there are no other readers
    // One that is behind would take longer than this prompt alone, and so might one that others go ahead of.
    if (other.priority_ < priority_ || other.num_read < num_cached) continue;
    if (!other.CanLeaveStateAt(node->num_tokens)) continue;
    other.Want(node->num_tokens);
    node->promised_by = &other;
    awaited_ = &other;
    awaited_tokens_ = node->num_tokens;
    next_waiter_ = other.first_waiter_;
    other.first_waiter_ = this;
    ++cache_->counts_.waits;
    return other.job_.lock();
  }
  return nullptr;
}

void PrefixReading::WantJunctions(uint64_t num_cached) {
  uint64_t last = num_prompt_tokens_;
  int num_wanted = 0;
  for (PrefixNode* node = PrefixTree::LeafOf(*this)->parent();
       node->num_tokens >= num_cached + PrefixCache::kMinTokens && num_wanted < kMaxJunctions; node = node->parent()) {
    const bool is_near = last != num_prompt_tokens_ && last - node->num_tokens < PrefixCache::kMinTokens;
    const PrefixReader* const other = node->promised_by;
    if (is_near || (other != nullptr && other->num_read < node->num_tokens)) continue;
    Want(node->num_tokens);
    node->promised_by = this;
    last = node->num_tokens;
    ++num_wanted;
  }
}

uint32_t PrefixReading::ReasonOfMiss() const {
  const absl::Span<const uint32_t> tokens(tokens_);
  if (cache_->HasDropped(scope_.text, tokens.first(num_prompt_tokens_ - 1))) return SKEIN_CACHE_EVICTED;
  return num_known_ < PrefixCache::kMinTokens ? SKEIN_CACHE_COLD : SKEIN_CACHE_NO_STATE;
}

PrefixReading::Found PrefixReading::Start(Feed& feed, int64_t now_us) {
  Found found;
  std::shared_ptr<Job> awaited_job;
  {
    const MutexLock lock(cache_->mutex_);
    feed_ = &feed;
    start_position_ = feed.at.position;
    if (awaited_ != nullptr && now_us >= wait_deadline_us_ && awaited_->num_read == awaited_progress_) {
      is_impatient_ = true;
      StopWaiting();
    }
    PrefixNode* const node = FindState();
    found.num_cached = node == nullptr ? 0 : node->num_tokens;
    try {
      if (awaited_ == nullptr && !is_impatient_) awaited_job = WaitForAnother(found.num_cached);
      if (awaited_ == nullptr) WantJunctions(found.num_cached);
    } catch (const std::bad_alloc&) {
      // Without the states that are not wanted now.
    }
    if (awaited_ != nullptr) {
      found.waits = true;
      if (now_us >= wait_deadline_us_ || wait_deadline_us_ == kNoDeadline) {
        awaited_progress_ = awaited_->num_read;
        wait_deadline_us_ = now_us + PrefixCache::kPatienceUs;
      }
    } else {
      is_reading = true;
      num_read = found.num_cached;
      next_middle_ = num_read + (num_prompt_tokens_ - num_read) / 2;
      if (node != nullptr) {
        cache_->tree_.Use(*node);
        found.state = node->state;
      }
      found.outcome = node != nullptr ? uint32_t{SKEIN_CACHE_HIT} : ReasonOfMiss();
    }
  }
  // Its next part ends where this one waits for.
  if (awaited_job != nullptr) cache_->notify_(std::move(awaited_job));
  return found;
}

bool PrefixReading::KeepsAt(uint64_t num_tokens) {
  if (num_tokens == num_prompt_tokens_) return true;
  if (std::binary_search(wanted_.begin(), wanted_.end(), num_tokens)) return true;
  if (num_tokens < next_middle_ || num_prompt_tokens_ - num_tokens < kMinMiddle) return false;
  next_middle_ = num_tokens + (num_prompt_tokens_ - num_tokens) / 2;
  return true;
}

bool PrefixReading::Put(uint64_t num_tokens, const StateRef& state) noexcept {
  if (num_tokens < PrefixCache::kMinTokens || state.empty()) return false;
  bool is_new = false;
  try {
    PrefixNode& node = cache_->tree_.NodeAt(scope_.text, absl::MakeConstSpan(tokens_).first(num_tokens));
    is_new = !node.has_state();
    if (is_new) cache_->tree_.SetState(node, state);
    if (node.promised_by == this) node.promised_by = nullptr;
  } catch (const std::bad_alloc&) {
    return false;
  }
  return is_new;
}

void PrefixReading::TellKeeper(uint64_t num_tokens) const noexcept {
  if (!scope_.outlives_process) return;
  const std::shared_ptr<PrefixKeeper> keeper = cache_->keeper();
  if (keeper != nullptr) keeper->OnKept(scope_.text, absl::MakeConstSpan(tokens_).first(num_tokens));
}

void PrefixReading::OnFed(uint64_t position, const StateRef& state) noexcept {
  if (is_over_) return;
  const uint64_t num_tokens = position - start_position_;
  bool is_new;
  {
    const MutexLock lock(cache_->mutex_);
    num_read = num_tokens;
    is_new = KeepsAt(num_tokens) && Put(num_tokens, state);
    if (num_tokens >= num_prompt_tokens_) Leave();
  }
  if (is_new) TellKeeper(num_tokens);
  WakeWaiters();
  cache_->Shrink();
}

void PrefixReading::Keep(uint64_t position, const StateRef& state) noexcept {
  const uint64_t num_tokens = position - start_position_;
  if (num_tokens > tokens_.size()) return;
  bool is_new;
  {
    const MutexLock lock(cache_->mutex_);
    is_new = Put(num_tokens, state);
  }
  if (is_new) TellKeeper(num_tokens);
  cache_->Shrink();
}

void PrefixReading::Leave() noexcept {
  if (PrefixTree::LeafOf(*this) != nullptr) cache_->tree_.RemoveReader(*this);
  is_reading = false;
  is_over_ = true;
}

void PrefixReading::StopWaiting() noexcept {
  if (awaited_ == nullptr) return;
  PrefixReading** link = &awaited_->first_waiter_;
  while (*link != this) link = &(*link)->next_waiter_;
  *link = next_waiter_;
  awaited_ = nullptr;
  wait_deadline_us_ = kNoDeadline;
}

void PrefixReading::End() noexcept {
  {
    const MutexLock lock(cache_->mutex_);
    StopWaiting();
    Leave();
  }
  WakeWaiters();
}

void PrefixReading::WakeWaiters() noexcept {
  while (true) {
    std::shared_ptr<Job> job;
    {
      const MutexLock lock(cache_->mutex_);
      job = TakeWaiter();
    }
    if (job == nullptr) return;
    cache_->notify_(std::move(job));
  }
}

std::shared_ptr<Job> PrefixReading::TakeWaiter() noexcept {
  PrefixReading* waiter = first_waiter_;
  while (waiter != nullptr) {
    PrefixReading* const next = waiter->next_waiter_;
    if (is_over_ || waiter->awaited_tokens_ <= num_read) {
      waiter->StopWaiting();
      if (std::shared_ptr<Job> job = waiter->job_.lock()) return job;
    }
    waiter = next;
  }
  return nullptr;
}

}  // namespace skein
