// The time that a step takes, by the rows and the entries in it: measured, and corrected as steps are run.
//
// The usual time is taken as s * (f(rows) + c * entries). `f` is a table at 1, 2, 4, ... rows and straight between
// them. `c` is what a stream costs beside its rows: its state, and its row of the head. `s` is how much slower the
// machine is than the table says, at steps of all sizes: other processes come and go. It follows within some 20 steps.
//
// Now and then a step takes much longer. That is not its usual time, but the sum of many steps is longer by it:
// Overrun.
#ifndef SKEIN_SCHEDULER_STEP_COST_H_
#define SKEIN_SCHEDULER_STEP_COST_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace skein {

// A value. Threads: one at a time. Allocates nothing once it is made.
class StepCost {
 public:
  // For steps of at most `max_rows` rows, at least 1.
  explicit StepCost(uint32_t max_rows);

  // A step of `rows` rows in `entries` entries took `us`. One slow step says little: it moves the usual time by a
  // twentieth at most. The third in a row counts in full. A step without rows says nothing.
  void Observe(uint64_t rows, uint64_t entries, double us);

  // Says what an entry costs, by two steps of the same rows: one of many entries, and one of a single entry.
  void ObserveEntries(uint64_t entries, double us_of_many, double us_of_one);

  // The usual time of a step; 0 as long as none was observed. It never falls with more rows or more entries.
  double Time(uint64_t rows, uint64_t entries) const;

  // The time that steps took in the last second, by the time that is usual for them now; at least 1. One step alone
  // adds a tenth at most.
  double Overrun() const;

  // The usual time to read a prompt of `num_tokens` alone, in the largest steps.
  double PromptTime(uint64_t num_tokens) const;

  // The most rows that a step of `rows` rows in `entries` entries can have beside them in one entry more, so that it
  // takes no longer than `us`; at most `most`, which is the result as long as no step was observed.
  uint64_t RowsThatFit(uint64_t rows, uint64_t entries, double us, uint64_t most) const;

  uint32_t max_rows() const { return max_rows_; }
  bool is_known() const { return num_observed_ > 0; }

 private:
  struct Point {
    double rows = 0;
    double us = 0;
    uint32_t num_observed = 0;
  };

  double RowsTime(double rows) const;
  // The part of a ratio of times, observed by usual, that is to be believed.
  double Believe(double ratio);
  void CountOverrun(double us, double usual_us);
  // The first point of the pair that `rows` lies between, and how far it is towards the second.
  std::pair<size_t, double> Find(double rows) const;
  void Begin(double rows, double us);
  // Moves a point, and those that would make the table fall.
  void Move(size_t index, double us);

  uint32_t max_rows_;
  std::vector<Point> points_;  // at least two
  double entry_us_ = 0;
  double slowness_ = 1;
  double last_ratios_[2] = {1, 1};
  // Sums over the last second, of which older steps count less.
  double recent_us_ = 0;
  double recent_table_us_ = 0;
  uint64_t num_observed_ = 0;
};

}  // namespace skein

#endif  // SKEIN_SCHEDULER_STEP_COST_H_
