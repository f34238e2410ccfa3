#include "scheduler/step_cost.h"

#include <algorithm>
#include <cmath>

namespace skein {
namespace {

// The first steps of a model touch its memory for the first time, so the fastest of them counts.
constexpr uint32_t kNumFirst = 3;
// The parts of an error that one step corrects, at the sizes next to its own and at all, and the largest error that a
// slow step can claim: together a twentieth.
constexpr double kCorrection = 0.05;
constexpr double kCorrectionOfAll = 0.1;
constexpr double kMostSlower = 1.33;

// The memory of Overrun, and the most time that one step adds.
constexpr double kRecentUs = 1e6;
constexpr double kLongestOverrunUs = 1e5;

}  // namespace

StepCost::StepCost(uint32_t max_rows) : max_rows_(max_rows) {
  for (uint64_t rows = 1; rows < max_rows; rows *= 2) points_.push_back({static_cast<double>(rows)});
  points_.push_back({static_cast<double>(max_rows)});
  if (points_.size() == 1) points_.push_back({2});
}

std::pair<size_t, double> StepCost::Find(double rows) const {
  size_t index = 0;
  while (index + 2 < points_.size() && points_[index + 1].rows <= rows) ++index;
  const double width = points_[index + 1].rows - points_[index].rows;
  return {index, std::clamp((rows - points_[index].rows) / width, 0.0, 1.0)};
}

double StepCost::RowsTime(double rows) const {
  // A longer step than the longest costs in proportion.
  if (rows > points_.back().rows) return points_.back().us * rows / points_.back().rows;
  const auto [index, part] = Find(rows);
  return points_[index].us + part * (points_[index + 1].us - points_[index].us);
}

double StepCost::Time(uint64_t rows, uint64_t entries) const {
  return slowness_ * (RowsTime(static_cast<double>(rows)) + entry_us_ * static_cast<double>(entries));
}

double StepCost::PromptTime(uint64_t num_tokens) const {
  const uint64_t num_full = num_tokens / max_rows_;
  const uint64_t rest = num_tokens % max_rows_;
  return static_cast<double>(num_full) * Time(max_rows_, 1) + (rest > 0 ? Time(rest, 1) : 0);
}

uint64_t StepCost::RowsThatFit(uint64_t rows, uint64_t entries, double us, uint64_t most) const {
  uint64_t low = 0, high = most;
  while (low < high) {
    const uint64_t middle = high - (high - low) / 2;
    if (Time(rows + middle, entries + 1) <= us) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

void StepCost::Begin(double rows, double us) {
  for (Point& point : points_) point.us = us * std::max(1.0, point.rows / rows);
}

double StepCost::Believe(double ratio) {
  // A ratio on which three steps in a row agree is no accident.
  const double agreed = std::min({ratio, last_ratios_[0], last_ratios_[1]});
  last_ratios_[1] = std::exchange(last_ratios_[0], ratio);
  return std::max(agreed, std::min(ratio, kMostSlower));
}

void StepCost::CountOverrun(double us, double usual_us) {
  us = std::min(us, usual_us + kLongestOverrunUs);
  const double kept = std::exp(-us / kRecentUs);
  recent_us_ = kept * recent_us_ + us;
  recent_table_us_ = kept * recent_table_us_ + usual_us / slowness_;
}

double StepCost::Overrun() const {
  // Before there were steps for a second, the rest counts as usual.
  const double rest_us = std::max(0.0, kRecentUs - recent_us_);
  return std::max(1.0, (recent_us_ + rest_us) / (recent_table_us_ * slowness_ + rest_us));
}

void StepCost::Observe(uint64_t rows, uint64_t entries, double us) {
  if (rows == 0 || us <= 0) return;
  const auto num_rows = static_cast<double>(rows);
  if (num_observed_++ == 0) Begin(num_rows, us);
  const double ratio = us / Time(rows, entries);
  const auto [first, part] = Find(num_rows);
  Point& nearest = points_[part < 0.5 ? first : first + 1];
  if (nearest.num_observed < kNumFirst) {
    if (nearest.num_observed++ == 0 || ratio < 1) Move(part < 0.5 ? first : first + 1, nearest.us * ratio);
    return;
  }
  CountOverrun(us, Time(rows, entries));
  const double error = Believe(ratio) - 1;
  for (const auto& [index, share] : {std::pair(first, 1 - part), std::pair(first + 1, part)}) {
    Move(index, points_[index].us * (1 + share * kCorrection * error));
  }
  entry_us_ *= 1 + kCorrection * error;
  slowness_ *= 1 + kCorrectionOfAll * error;
}

void StepCost::ObserveEntries(uint64_t entries, double us_of_many, double us_of_one) {
  const double us = std::max(0.0, us_of_many - us_of_one) / static_cast<double>(std::max<uint64_t>(1, entries - 1));
  entry_us_ = us / slowness_;
}

void StepCost::Move(size_t index, double us) {
  points_[index].us = us;
  for (size_t i = 0; i < index; ++i) points_[i].us = std::min(points_[i].us, us);
  for (size_t i = index + 1; i < points_.size(); ++i) points_[i].us = std::max(points_[i].us, us);
}

}  // namespace skein
