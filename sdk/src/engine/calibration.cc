#include "engine/calibration.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/status.h"
#include "engine/step_clock.h"

namespace skein {
namespace {

constexpr double kLongestStepUs = 50'000;
constexpr std::chrono::milliseconds kTime{500};
// The first step of a size touches memory for the first time.
constexpr int kStepsOfASize = 2;
// Streams in the step that tells what a stream costs beside its row.
constexpr uint32_t kNumStreams = 8;

class Calibration {
 public:
  Calibration(StepRunner& runner, StatePool& pool) : runner_(runner), pool_(pool) {}

  // The faster time of two steps of `num_entries` streams with `num_tokens` tokens each, in microseconds.
  absl::StatusOr<double> Time(uint32_t num_entries, uint32_t num_tokens) {
    double fastest = 0;
    for (int i = 0; i < kStepsOfASize; ++i) {
      SKEIN_ASSIGN_OR_RETURN(const double us, TimeOnce(num_entries, num_tokens));
      fastest = i == 0 ? us : std::min(fastest, us);
    }
    return fastest;
  }

 private:
  absl::StatusOr<double> TimeOnce(uint32_t num_entries, uint32_t num_tokens) {
    tokens_.assign(size_t{num_entries} * num_tokens, 0);
    entries_.assign(num_entries, {});
    while (slots_.size() < num_entries) {
      slots_.push_back(pool_.Acquire());
      if (slots_.back().empty()) return absl::ResourceExhaustedError("calibration: no slot is free");
    }
    for (uint32_t i = 0; i < num_entries; ++i) {
      entries_[i].read_slot = SKEIN_SLOT_INITIAL;
      entries_[i].write_slot = slots_[i].slot();
      entries_[i].first_token = i * num_tokens;
      entries_[i].num_tokens = num_tokens;
    }
    const StepClock::time_point start = StepClock::now();
    SKEIN_RETURN_IF_ERROR(runner_.Begin(tokens_, absl::MakeSpan(entries_)));
    SKEIN_RETURN_IF_ERROR(runner_.Finish());
    return std::chrono::duration<double, std::micro>(StepClock::now() - start).count();
  }

  StepRunner& runner_;
  StatePool& pool_;
  std::vector<StateRef> slots_;
  std::vector<uint32_t> tokens_;
  std::vector<skein_step_entry> entries_;
};

}  // namespace

absl::Status Calibrate(StepRunner& runner, StatePool& pool, uint32_t max_entries, StepCost& cost,
                       absl::FunctionRef<bool()> must_stop) noexcept {
  return Guarded([&]() -> absl::Status {
    const StepClock::time_point end = StepClock::now() + kTime;
    Calibration calibration(runner, pool);
    const uint32_t num_streams = std::min({kNumStreams, max_entries, cost.max_rows()});
    for (uint64_t rows = 1; rows <= cost.max_rows(); rows *= 2) {
      if (must_stop() || StepClock::now() > end || 2 * cost.Time(rows / 2, 1) > kLongestStepUs) break;
      SKEIN_ASSIGN_OR_RETURN(const double us, calibration.Time(1, static_cast<uint32_t>(rows)));
      cost.Observe(rows, 1, us);
      if (rows != num_streams || rows == 1) continue;
      SKEIN_ASSIGN_OR_RETURN(const double us_of_many, calibration.Time(num_streams, 1));
      cost.ObserveEntries(num_streams, us_of_many, us);
    }
    return absl::OkStatus();
  });
}

}  // namespace skein
