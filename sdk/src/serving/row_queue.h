// The rows of output that one job waits for: those of its parts in flight, the oldest first.
#ifndef SKEIN_SERVING_ROW_QUEUE_H_
#define SKEIN_SERVING_ROW_QUEUE_H_

#include <cstdint>
#include <list>
#include <vector>

#include "absl/types/span.h"
#include "engine/feed.h"

namespace skein {

// Threads: one at a time.
class RowQueue {
 public:
  // Room for the rows of a part of `feed` that is about to be issued; it stays where it is until Pop. Where nothing is
  // in flight, what was kept for parts that were taken back goes.
  float* Add(const Feed& feed, uint64_t num_floats) {
    if (feed.num_issued == feed.num_fed) spare_.splice(spare_.end(), rows_);
    std::list<std::vector<float>> added;
    if (spare_.empty()) {
      added.emplace_back();
    } else {
      added.splice(added.end(), spare_, spare_.begin());
    }
    added.front().resize(num_floats);
    rows_.splice(rows_.end(), added);
    return rows_.back().data();
  }

  // Of the oldest part that rows were asked of.
  absl::Span<const float> front() const { return rows_.front(); }
  void Pop() { spare_.splice(spare_.end(), rows_, rows_.begin()); }

  // Gives the memory back; nothing is in flight.
  void Clear() {
    rows_.clear();
    spare_.clear();
  }

 private:
  std::list<std::vector<float>> rows_;
  std::list<std::vector<float>> spare_;  // to be used again
};

}  // namespace skein

#endif  // SKEIN_SERVING_ROW_QUEUE_H_
