// A step on its way through the segments of a model: what each segment gets of it, and the carries across the cuts.
#ifndef SKEIN_DEVICES_STEP_PASSAGE_H_
#define SKEIN_DEVICES_STEP_PASSAGE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "plugin/backend.h"

namespace skein {

// The most that a step brings along.
struct PassageRoom {
  uint32_t max_entries = 0;
  uint32_t num_carries = 0;   // the SKEIN_CARRY_* below this number cross a cut
  uint64_t carry_floats = 0;  // of each
  uint32_t num_cuts = 0;
};

// Order: Start; then Enter and Leave for each segment in turn, as long as status() is OK. Used again from Start on. It
// allocates nothing of its own after it is made. Threads: one at a time.
class StepPassage {
 public:
  explicit StepPassage(const PassageRoom& room);

  // `entries` have their statuses; one that failed already is in no segment's way.
  void Start(absl::Span<const uint32_t> tokens, absl::Span<skein_step_entry> entries);

  // Begins the step on the segment with this index. After an error no device works on it.
  void Enter(Segment& segment, size_t index, bool is_last) noexcept;
  // Waits until the segment is done, and takes the statuses of its entries.
  void Leave() noexcept;

  // The segment that it has entered last.
  size_t segment_index() const { return segment_index_; }
  // When it entered that segment.
  std::chrono::steady_clock::time_point entered() const { return entered_; }
  // Whether Leave would not wait.
  bool is_done() const noexcept { return pending_.is_done(); }
  const absl::Status& status() const { return status_; }
  void Fail(const absl::Status& status) noexcept { status_ = status; }

 private:
  // Fills segment_entries_ with what the segment gets.
  void PrepareEntries(bool is_last);
  skein_step PartOfStep(size_t index, bool is_last);

  const uint32_t num_carries_;
  absl::Span<const uint32_t> tokens_;
  absl::Span<skein_step_entry> entries_;
  size_t segment_index_ = 0;
  std::chrono::steady_clock::time_point entered_;
  absl::Status status_;
  // The carries across a cut, [max_tokens, d_model] each. Segments take turns: one reads the side that the one before
  // wrote. Empty with one segment, and one side with two.
  std::vector<float> carries_[2][SKEIN_MAX_CARRIES];
  std::vector<skein_step_entry> segment_entries_;
  SegmentFence pending_;  // the last member: it may still write to the others
};

}  // namespace skein

#endif  // SKEIN_DEVICES_STEP_PASSAGE_H_
