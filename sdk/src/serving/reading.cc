#include "serving/reading.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "engine/engine.h"
#include "engine/feed.h"
#include "engine/job.h"
#include "runtime/option_keys.h"
#include "scheduler/admission.h"
#include "serving/latch.h"
#include "serving/output_rows.h"
#include "serving/row_queue.h"

namespace skein {
namespace {

// As many rows as make a step worth its weights; more would take the streams of other hosts.
constexpr size_t kMaxAtOnce = 32;

class ReadJob final : public Job {
 public:
  // `reading` and `latch` stay valid until the job has counted itself down in `latch`.
  ReadJob(const Model& model, Reading& reading, Ticket ticket, std::shared_ptr<Latch> latch)
      : output_(reading.output),
        row_floats_(output_ == SKEIN_STEP_HIDDEN ? model.config().d_model : model.config().vocab_size),
        first_row_(reading.first_row),
        reading_(&reading),
        ticket_(std::move(ticket)),
        tenant_(model.engine()->observer().tenants().Of(reading.tenant->name())),
        feed_(Feed::Start(reading.at, reading.tokens)),
        latch_(std::move(latch)) {
    feed_.at.history = History();  // no stream goes on from here
    feed_.max_issued = MaxOutputRows(row_floats_);
  }

  Readiness Poll() noexcept override { return is_ended() ? Readiness::kEnded : Readiness::kReady; }
  bool WantsMore() const noexcept override { return !is_ended() && feed_.num_unissued() > 0; }
  Feed& feed() override { return feed_; }

  void WantOutputs(uint32_t num_tokens, skein_step_entry& entry) override {
    const uint64_t first = FirstRow(feed_.num_issued);
    const uint64_t end = feed_.num_issued + num_tokens;
    if (first >= end) return;
    entry.output = output_;
    entry.output_start = static_cast<uint32_t>(first - feed_.num_issued);
    entry.output_rows = rows_.Add(feed_, (end - first) * row_floats_);
  }

  void Advance(uint32_t num_tokens, StateRef written) override {
    if (is_ended()) return;  // by rows in front of these
    const uint64_t first = FirstRow(feed_.num_fed);
    ticket_.OnFed(num_tokens);
    tenant_.OnFed(num_tokens);
    feed_.Advance(num_tokens, std::move(written));
    absl::Status status;
    if (first < feed_.num_fed) {
      status = reading_->reader->OnRows(first, rows_.front());
      rows_.Pop();
    }
    if (!status.ok() || feed_.num_unfed() == 0) End(status);
  }

  void Fail(const absl::Status& status) noexcept override {
    if (!is_ended()) End(status);
  }

 private:
  bool is_ended() const { return reading_ == nullptr; }

  // The first token from number `from` on whose row is wanted.
  uint64_t FirstRow(uint64_t from) const { return std::max(first_row_, from); }

  void End(const absl::Status& status) noexcept {
    feed_.at = StreamState();
    ticket_.Release();
    reading_->status = status;
    reading_ = nullptr;
    latch_->CountDown();  // the caller may be gone from here on
  }

  const uint32_t output_;
  const uint64_t row_floats_;
  const uint64_t first_row_;
  Reading* reading_;  // nullptr once the job has ended
  Ticket ticket_;
  TenantObserver& tenant_;
  Feed feed_;
  const std::shared_ptr<Latch> latch_;
  RowQueue rows_;
};

// Places for readings that run at a time: as many of `wanted` as there are, or the error of the first.
absl::StatusOr<std::vector<StreamSeat>> TakeSeats(const std::shared_ptr<Model>& model, size_t wanted) {
  std::vector<StreamSeat> seats;
  seats.reserve(wanted);
  while (seats.size() < wanted) {
    absl::StatusOr<StreamSeat> seat = StreamSeat::Take(model);
    if (!seat.ok() && seats.empty()) return seat.status();
    if (!seat.ok()) break;
    seats.push_back(*std::move(seat));
  }
  return seats;
}

// Gives `status` to all that have no error of their own.
void FailAll(absl::Span<Reading> readings, const absl::Status& status) {
  for (Reading& reading : readings) {
    if (reading.status.ok()) reading.status = status;
  }
}

// The readings of one call.
class Readings {
 public:
  Readings(const Model& model, absl::Span<Reading> readings, size_t most_at_once)
      : model_(model), left_(readings), most_at_once_(most_at_once) {}

  void Run() {
    size_t num_running = 0;
    while (!left_.empty()) {
      const absl::Status refused = BeginSome(num_running);
      if (!refused.ok() && num_running == 0) return FailAll(left_, refused);
      if (!left_.empty()) num_running = latch_->WaitForAtMost(num_running - 1);
    }
    latch_->WaitForAtMost(0);
  }

 private:
  // Begins readings while there are places, and counts them. An error: the queue has no room for the next one.
  absl::Status BeginSome(size_t& num_running) {
    JobList jobs;
    absl::Status refused;
    for (; !left_.empty() && num_running < most_at_once_; left_.remove_prefix(1)) {
      Reading& reading = left_.front();
      const bool is_empty = reading.tokens.empty() && !reading.at.pending.has_value();
      if (!reading.status.ok() || is_empty) continue;
      // The jobs that run have to be waited for, so that nothing is thrown here.
      const absl::Status begun = Guarded([&] { return Begin(reading, jobs); });
      if (RetryAfterMs(begun) > 0) {
        refused = begun;
        break;
      }
      reading.status = begun;
      if (begun.ok()) ++num_running;
    }
    model_.engine()->Add(jobs);
    return refused;
  }

  absl::Status Begin(Reading& reading, JobList& jobs) {
    const Engine& engine = *model_.engine();
    const uint64_t num_pending = reading.at.pending.has_value() ? 1 : 0;
    const Demand demand = {
        .tenant = reading.tenant, .num_tokens = reading.tokens.size() + num_pending, .priority = reading.priority};
    SKEIN_ASSIGN_OR_RETURN(std::vector<Ticket> tickets, engine.admission().Admit({&demand, 1}, engine.Now()));
    Ticket& ticket = tickets.front();
    const std::shared_ptr<TenantQueues> tenant = ticket.tenant();
    const Urgency urgency = ticket.job().urgency;
    jobs.emplace_back(std::make_shared<ReadJob>(model_, reading, std::move(ticket), latch_), tenant, urgency);
    latch_->Add();
    return absl::OkStatus();
  }

  const Model& model_;
  absl::Span<Reading> left_;  // that were not begun
  const size_t most_at_once_;
  const std::shared_ptr<Latch> latch_ = std::make_shared<Latch>();
};

}  // namespace

absl::Status CheckPriority(int32_t priority) { return request_options::kPriority.Check(priority); }

absl::Status CheckTokens(const Model& model, absl::Span<const uint32_t> tokens) {
  const uint32_t vocab_size = model.config().vocab_size;
  const auto bad =
      std::find_if(tokens.begin(), tokens.end(), [vocab_size](uint32_t token) { return token >= vocab_size; });
  if (bad == tokens.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("token ", bad - tokens.begin(), " is ", *bad,
                                                 "; expected an id below the vocabulary's size ", vocab_size));
}

void ReadAll(const std::shared_ptr<Model>& model, absl::Span<Reading> readings) {
  const absl::StatusOr<std::vector<StreamSeat>> seats = TakeSeats(model, std::min(readings.size(), kMaxAtOnce));
  if (seats.ok()) {
    Readings(*model, readings, seats->size()).Run();
  } else {
    FailAll(readings, seats.status());
  }
}

}  // namespace skein
