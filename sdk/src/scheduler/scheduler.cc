#include "scheduler/scheduler.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace skein {
namespace {

// No time between now and the end of all days overflows when such terms are added.
constexpr double kLongestEstimateUs = 1e15;

int64_t DueTimeOf(const Urgency& urgency, int64_t age_limit_us, int64_t read_us) {
  const int64_t aged = urgency.arrival_us + age_limit_us;
  if (urgency.first_token_deadline_us == kNoDeadline) return aged;
  return std::min(aged, urgency.first_token_deadline_us - read_us);
}

}  // namespace

int64_t RankOf(const Urgency& urgency, int64_t age_limit_us, int64_t read_us) {
  const int64_t natural = urgency.arrival_us - urgency.priority * age_limit_us + read_us;
  if (urgency.first_token_deadline_us == kNoDeadline) return natural;
  return std::min(natural, urgency.first_token_deadline_us - read_us);
}

double LongestStepUs(const SchedulerLimits& limits, const StepCost& cost, uint64_t num_decoding) {
  if (num_decoding == 0) return std::numeric_limits<double>::infinity();
  const double alone = cost.Time(num_decoding, num_decoding);
  return std::min(std::max(static_cast<double>(limits.step_us), limits.step_stretch * alone),
                  std::max(Scheduler::kStretch * alone, Scheduler::kShortStepUs));
}

Scheduler::Scheduler(const SchedulerLimits& limits) : limits_(limits), cost_(limits.max_tokens) {
  shares_.reserve(std::min(limits.max_entries, limits.max_tokens));
}

void Scheduler::Add(Sequence& sequence, uint64_t num_tokens, bool decodes, uint64_t num_known) noexcept {
  if (sequence.is_present_) return Continue(sequence, num_tokens, decodes);
  if (sequence.tenant_ == nullptr) sequence.tenant_ = common_;
  if (sequence.id_ == 0) {
    sequence.id_ = ++num_ids_;
    const auto read_us = static_cast<int64_t>(std::min(cost_.PromptTime(num_known), kLongestEstimateUs));
    sequence.rank_ = RankOf(sequence.urgency_, limits_.age_limit_us, read_us);
    sequence.due_us_ = DueTimeOf(sequence.urgency_, limits_.age_limit_us, read_us);
  }
  sequence.is_present_ = true;
  sequence.waits_since_us_ = std::max(now_us_, sequence.urgency_.arrival_us);
  ++num_sequences_;
  Enter(*sequence.tenant_);
  SetTokens(sequence, num_tokens, decodes);
}

void Scheduler::Continue(Sequence& sequence, uint64_t num_tokens, bool decodes) noexcept {
  if (!sequence.is_present_ || (sequence.place_.is_queued() && sequence.num_tokens_ == num_tokens)) return;
  Dequeue(sequence);
  SetTokens(sequence, num_tokens, decodes);
}

void Scheduler::TakeBack(const Sequence& sequence, uint64_t num_tokens, bool decodes) noexcept {
  TenantQueues& tenant = *sequence.tenant_;
  tenant.service_ -= ServiceOf(tenant, num_tokens, decodes);
  SortIn(tenant);
}

void Scheduler::Postpone(Sequence& sequence) noexcept {
  Dequeue(sequence);
  sequence.num_tokens_ = 0;
  sequence.keeps_turn_ = true;
  SetAwaited(sequence, false);
  SortIn(*sequence.tenant_);
}

void Scheduler::Remove(Sequence& sequence) noexcept {
  if (!sequence.is_present_) return;
  TenantQueues& tenant = *sequence.tenant_;
  Dequeue(sequence);
  SetAwaited(sequence, false);
  sequence.is_present_ = false;
  --num_sequences_;
  if (sequence.is_running_) StopRunning(sequence);
  if (--tenant.num_sequences_ == 0) floor_ = tenant.service_;
  SortIn(tenant);
}

void Scheduler::Enter(TenantQueues& tenant) noexcept {
  if (tenant.num_sequences_++ > 0) return;
  if (tenant.id_ == 0) tenant.id_ = ++num_ids_;
  tenant.service_ = std::max(tenant.service_, active_tenants_.empty() ? floor_ : active_tenants_.front_key());
}

void Scheduler::SortIn(TenantQueues& tenant) noexcept {
  tenant.service_ = std::max(tenant.service_, needed_from_ - kCreditSteps * limits_.max_tokens);
  const auto put = [&tenant](TenantQueues::Order& order, TenantQueues::Order::Place& place, bool belongs) {
    place.Leave();
    if (belongs) order.Insert(tenant, tenant.service_, tenant.id_, place);
  };
  put(active_tenants_, tenant.active_place_, tenant.num_sequences_ > 0);
  const bool waits = !tenant.waiting_.empty();
  const bool may_preempt = waits && Outranks(tenant.waiting_.front());
  put(starting_tenants_, tenant.starting_place_, waits && (may_preempt || !tenant.is_full()));
  put(preempting_tenants_, tenant.preempting_place_, may_preempt);
  put(reading_tenants_, tenant.reading_place_, !tenant.reading_.empty());
  put(decoding_tenants_, tenant.decoding_place_, !tenant.decoding_.empty());
}

void Scheduler::SetAwaited(Sequence& sequence, bool is_awaited) noexcept {
  num_awaited_ -= sequence.is_awaited_;
  sequence.is_awaited_ = is_awaited;
  num_awaited_ += sequence.is_awaited_;
}

void Scheduler::SetTokens(Sequence& sequence, uint64_t num_tokens, bool decodes) noexcept {
  sequence.num_tokens_ = num_tokens;
  sequence.decodes_ = decodes;
  SetAwaited(sequence, num_tokens == 0);
  if (num_tokens > 0) Enqueue(sequence);
  SortIn(*sequence.tenant_);
}

void Scheduler::Enqueue(Sequence& sequence) noexcept {
  TenantQueues& tenant = *sequence.tenant_;
  // A single token costs the others so little that it need not wait for a step with time to spare.
  if (sequence.num_tokens_ == 1 && !sequence.is_running_ && HaveAllPlaces(tenant)) Begin(sequence);
  if (!sequence.is_running_) {
    tenant.waiting_.Insert(sequence, sequence.rank_, sequence.id_, sequence.place_);
  } else if (sequence.num_tokens_ > 1) {
    tenant.reading_.Insert(sequence, sequence.rank_, sequence.id_, sequence.place_);
  } else {
    if (!sequence.keeps_turn_) {
      turn_us_ = std::max(turn_us_ + 1, now_us_);
      sequence.turn_us_ = turn_us_ - sequence.urgency_.priority * limits_.age_limit_us;
    }
    tenant.decoding_.Insert(sequence, sequence.turn_us_, sequence.id_, sequence.place_);
    ++num_decoding_;
  }
}

void Scheduler::Dequeue(Sequence& sequence) noexcept {
  if (!sequence.place_.is_queued()) return;
  if (sequence.is_running_ && sequence.num_tokens_ == 1) --num_decoding_;
  sequence.place_.Leave();
}

void Scheduler::Begin(Sequence& sequence) noexcept {
  TenantQueues& tenant = *sequence.tenant_;
  if ((is_full() || tenant.is_full()) && Outranks(sequence)) Preempt(tenant.running_.front());
  sequence.is_running_ = true;
  sequence.runs_since_us_ = now_us_;
  sequence.waited_us_ += std::max<int64_t>(0, now_us_ - sequence.waits_since_us_);
  ++num_running_;
  // Of equals the last to come is the first to go.
  tenant.running_.Insert(sequence, StandingOf(sequence), ~sequence.id_, sequence.running_place_);
}

void Scheduler::StopRunning(Sequence& sequence) noexcept {
  sequence.is_running_ = false;
  sequence.running_place_.Leave();
  --num_running_;
}

void Scheduler::Preempt(Sequence& sequence) noexcept {
  Dequeue(sequence);
  StopRunning(sequence);
  const int64_t ran_us = now_us_ - sequence.runs_since_us_;
  sequence.rank_ += ran_us;
  sequence.due_us_ += ran_us;
  sequence.waits_since_us_ = now_us_;
  // One whose next token is awaited is queued when it has it.
  if (sequence.num_tokens_ == 0) return;
  sequence.tenant_->waiting_.Insert(sequence, sequence.rank_, sequence.id_, sequence.place_);
}

bool Scheduler::HaveAllPlaces(const TenantQueues& tenant) const {
  const uint32_t bound = tenant.max_running.load(std::memory_order_relaxed);
  return (limits_.max_running == 0 || num_sequences_ <= limits_.max_running) &&
         (bound == 0 || tenant.num_sequences_ <= bound);
}

int64_t Scheduler::StandingOf(const Sequence& sequence) const {
  if (sequence.urgency_.keeps_place) return std::numeric_limits<int64_t>::max();
  return sequence.urgency_.priority + sequence.waited_us_ / limits_.age_limit_us;
}

bool Scheduler::Outranks(const Sequence& waiting) {
  const SequenceQueue& running = waiting.tenant_->running_;
  return !running.empty() && running.front_key() < waiting.urgency_.priority;
}

absl::Span<const Share> Scheduler::Schedule(int64_t now_us, uint32_t max_entries, uint32_t max_decodes) noexcept {
  shares_.clear();
  now_us_ = std::max(now_us_, now_us);
  Room room = {std::min(limits_.max_entries, max_entries), limits_.max_tokens, max_decodes};
  const double longest_us =
      LongestStepUs(limits_, cost_, num_awaited_ + std::min({num_decoding_, room.entries, room.tokens, room.decodes}));
  Room kept = KeptForPrompt(room);
  bool has_time = true;  // for prompts
  while (room.entries > 0 && room.tokens > 0) {
    Sequence* prompt = has_time ? NextPrompt() : nullptr;
    if (DecodesFirst(prompt, kept, room)) {
      GiveShare(decoding_tenants_.front().decoding_.front(), 1, room);
      --room.decodes;
      continue;
    }
    if (prompt == nullptr) break;
    const uint64_t most = std::min(prompt->num_tokens_, room.tokens);
    const uint64_t num_tokens = std::max(std::min(kept.tokens, most), TokensInTime(longest_us, most, room));
    has_time = num_tokens > 0;
    if (!has_time) continue;
    GiveShare(*prompt, num_tokens, room);
    // A prompt of which a part is left is the last of its step: those that gave way to it would make the step longer,
    // and its last token alone would look like that of a stream.
    if (prompt->num_tokens_ > 0) break;
    kept = {};
  }
  NoteNeed();
  return shares_;
}

Scheduler::Room Scheduler::KeptForPrompt(const Room& room) noexcept {
  const Sequence* first = NextPrompt();
  if (first == nullptr) return {};
  // The streams that decode leave no place.
  const bool is_crowded = num_decoding_ > 0 && num_decoding_ >= std::min(room.entries, room.tokens);
  if (is_crowded ? first->tenant_->service_ > decoding_tenants_.front_key() : now_us_ < first->due_us_) return {};
  if (room.entries <= 1 || room.tokens <= 1) {
    // A step of one share cannot be divided, so the two kinds take turns.
    was_prompts_turn_ = !was_prompts_turn_;
    if (!was_prompts_turn_) return {};
  }
  const uint64_t part = std::min<uint64_t>({room.tokens / 2, limits_.min_prompt_tokens, first->num_tokens_});
  return {1, std::max<uint64_t>(1, part)};
}

bool Scheduler::DecodesFirst(const Sequence* prompt, const Room& kept, const Room& room) const {
  if (decoding_tenants_.empty() || room.decodes == 0) return false;
  if (prompt == nullptr) return true;
  return room.entries > kept.entries && room.tokens > kept.tokens &&
         decoding_tenants_.front_key() <= prompt->tenant_->service_ + kLeadSteps * limits_.max_tokens;
}

uint64_t Scheduler::TokensInTime(double longest_us, uint64_t most, const Room& room) const {
  const uint64_t num_rows = limits_.max_tokens - room.tokens;
  const uint64_t num_tokens = cost_.RowsThatFit(num_rows, shares_.size(), longest_us, most);
  // Whole tiles, if there is one.
  const uint64_t rest = (num_rows + num_tokens) % limits_.tile;
  return num_tokens < most && num_tokens > rest ? num_tokens - rest : num_tokens;
}

void Scheduler::NoteNeed() noexcept {
  double least = std::numeric_limits<double>::infinity();
  // Also of those that have to wait for a place.
  for (const TenantQueues::Order* tenants : {&starting_tenants_, &reading_tenants_, &decoding_tenants_}) {
    if (!tenants->empty()) least = std::min(least, tenants->front_key());
  }
  // Where all have what they want, nobody has a claim.
  if (!std::isfinite(least) && !active_tenants_.empty()) least = active_tenants_.back_key();
  if (std::isfinite(least)) needed_from_ = std::max(needed_from_, least);
}

// It is of the tenant that had the least service, and of its two first ones that of the smaller rank.
Sequence* Scheduler::NextPrompt() const {
  const TenantQueues::Order& starting = is_full() ? preempting_tenants_ : starting_tenants_;
  const TenantQueues::Order& reading = reading_tenants_;
  if (starting.empty() && reading.empty()) return nullptr;
  if (starting.empty()) return &reading.front().reading_.front();
  if (reading.empty() || starting.front_key() < reading.front_key()) return &starting.front().waiting_.front();
  TenantQueues& tenant = reading.front();
  const bool starts = &tenant == &starting.front() && tenant.waiting_.front_key() < tenant.reading_.front_key();
  return starts ? &tenant.waiting_.front() : &tenant.reading_.front();
}

double Scheduler::ServiceOf(const TenantQueues& tenant, uint64_t num_tokens, bool decodes) const {
  const double charge = decodes ? limits_.decode_charge : limits_.prefill_charge;
  return charge * static_cast<double>(num_tokens) / tenant.weight.load(std::memory_order_relaxed);
}

void Scheduler::GiveShare(Sequence& sequence, uint64_t num_tokens, Room& room) noexcept {
  TenantQueues& tenant = *sequence.tenant_;
  Dequeue(sequence);
  if (!sequence.is_running_) Begin(sequence);
  sequence.keeps_turn_ = false;
  tenant.service_ += ServiceOf(tenant, num_tokens, sequence.decodes_);
  SetTokens(sequence, sequence.num_tokens_ - num_tokens, false);
  shares_.push_back({&sequence, static_cast<uint32_t>(num_tokens)});
  --room.entries;
  room.tokens -= num_tokens;
}

}  // namespace skein
