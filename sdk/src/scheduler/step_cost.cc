#include "scheduler/step_cost.h"

#include <algorithm>
#include <cmath>

namespace skein {
namespace {

// The first steps of a model touch its memory for the first time, so the fastest of them counts.
constexpr uint32_t kNumFirst = 3;
// The part of an error that one step corrects, and the largest error that a slow step can claim: together a twentieth.
constexpr double kCorrection = 0.1;
constexpr double kMostSlower = 1.5;

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
  return RowsTime(static_cast<double>(rows)) + entry_us_ * static_cast<double>(entries);
}

double StepCost::PromptTime(uint64_t num_tokens) const {
  const uint64_t rest = num_tokens % max_rows_;
  return static_cast<double>(num_tokens / max_rows_) * Time(max_rows_, 1) + (rest > 0 ? Time(rest, 1) : 0);
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

void StepCost::Observe(uint64_t rows, uint64_t entries, double us) {
  if (us <= 0) return;
  const auto num_rows = static_cast<double>(rows);
  if (num_observed_++ == 0) Begin(num_rows, us);
  const double expected = Time(rows, entries);
  const double ratio = us / expected;
  const auto [first, part] = Find(num_rows);
  for (const auto& [index, share] : {std::pair(first, 1 - part), std::pair(first + 1, part)}) {
    Point& point = points_[index];
    if (share == 0) continue;
    if (share >= 0.5 && point.num_observed < kNumFirst) {
      if (point.num_observed++ == 0 || ratio < 1) Move(index, point.us * ratio);
      continue;
    }
    Move(index, point.us * (1 + share * kCorrection * (std::min(ratio, kMostSlower) - 1)));
  }
  entry_us_ *= 1 + kCorrection * (std::min(ratio, kMostSlower) - 1);
}

void StepCost::ObserveEntries(uint64_t entries, double us_of_many, double us_of_one) {
  entry_us_ = std::max(0.0, us_of_many - us_of_one) / static_cast<double>(std::max<uint64_t>(1, entries - 1));
}

void StepCost::Move(size_t index, double us) {
  points_[index].us = us;
  for (size_t i = 0; i < index; ++i) points_[i].us = std::min(points_[i].us, us);
  for (size_t i = index + 1; i < points_.size(); ++i) points_[i].us = std::max(points_[i].us, us);
}

}  // namespace skein
