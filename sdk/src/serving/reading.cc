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
  ReadJob(const Model& model, Reading& reading, std::shared_ptr<Latch> latch)
      : output_(reading.output),
        row_floats_(output_ == SKEIN_STEP_HIDDEN ? model.config().d_model : model.config().vocab_size),
        first_row_(reading.first_row),
        reading_(&reading),
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
    reading_->status = status;
    reading_ = nullptr;
    latch_->CountDown();  // the caller may be gone from here on
  }

  const uint32_t output_;
  const uint64_t row_floats_;
  const uint64_t first_row_;
  Reading* reading_;  // nullptr once the job has ended
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

}  // namespace

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
  const auto latch = std::make_shared<Latch>();
  for (size_t next = 0; next < readings.size();) {
    size_t num_running = seats.ok() ? latch->WaitForAtMost(seats->size() - 1) : 0;
    JobList jobs;
    for (; next < readings.size() && (!seats.ok() || num_running < seats->size()); ++next) {
      Reading& reading = readings[next];
      if (reading.status.ok()) reading.status = seats.status();
      const bool is_empty = reading.tokens.empty() && !reading.at.pending.has_value();
      if (!reading.status.ok() || is_empty) continue;
      // The jobs that run have to be waited for, so that nothing is thrown here.
      reading.status = Guarded([&] {
        jobs.emplace_back(std::make_shared<ReadJob>(*model, reading, latch));
        return absl::OkStatus();
      });
      if (!reading.status.ok()) continue;
      latch->Add();
      ++num_running;
    }
    model->engine()->Add(jobs);
  }
  latch->WaitForAtMost(0);
}

}  // namespace skein
