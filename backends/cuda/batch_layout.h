// A step's rows, sequences, slots and wishes for logits in one block of memory, which is filled on the host and copied
// to the device as a whole (kernels/batch.h, kernels/sample.h). Host code alone; calls no CUDA.
#ifndef SKEIN_BACKENDS_CUDA_BATCH_LAYOUT_H_
#define SKEIN_BACKENDS_CUDA_BATCH_LAYOUT_H_

#include <cstdint>
#include <optional>
#include <span>

#include "cuda/kernels/batch.h"
#include "cuda/kernels/sample.h"
#include "kit/step_plan.h"
#include "skein/backend.h"

namespace skein::cuda {

// The size of a step, as kernels see it.
struct StepCounts {
  uint32_t num_rows = 0;
  uint32_t num_sequences = 0;
  uint32_t num_outputs = 0;
  uint32_t num_logits = 0;   // the first of the outputs: their logits go to the host
  uint32_t num_reduced = 0;  // behind them: their logits are computed, and stay on the device

  // The outputs that have logits. The others are hidden rows.
  uint32_t num_logit_rows() const { return num_logits + num_reduced; }

  friend bool operator==(const StepCounts&, const StepCounts&) = default;
};

StepCounts CountsOf(const kit::StepPlan& plan);

// The next larger size for which one captured graph serves: a step with one row a sequence, and logits for all of them
// or for none. Outputs that fill it up are counted as reduced, so that they do not go to the host. nullopt: the step is
// of another kind, or beyond `most_rows`.
std::optional<StepCounts> BucketOf(const StepCounts& counts, uint32_t most_rows);

// The slots of one sequence, as kernels/batch.h has them.
struct SlotPair {
  uint32_t read;
  uint32_t write;
};

class BatchLayout {
 public:
  explicit BatchLayout(const StepCounts& counts);

  // Of any step that `desc` allows.
  static uint64_t MostBytes(const skein_segment_desc& desc);

  uint64_t bytes() const { return bytes_; }

  // The block at `memory`, in the host's or a device's memory. Follows no address.
  Batch At(unsigned char* memory) const;
  // [num_sequences]: the last row of each.
  uint32_t* LastRows(unsigned char* memory) const { return reinterpret_cast<uint32_t*>(memory + last_rows_); }
  // [num_logit_rows]: what is wanted of the logits of each.
  LogitWish* Wishes(unsigned char* memory) const { return reinterpret_cast<LogitWish*>(memory + wishes_); }

  // Writes the block of a plan but its wishes, `slots` being those of its entries in turn. Where the layout has more
  // sequences or outputs than the plan, the rest are rows that read `initial_slot`, write nothing, and that nobody
  // looks at.
  void Fill(const kit::StepPlan& plan, std::span<const SlotPair> slots, uint32_t initial_slot,
            unsigned char* memory) const;
  // Writes the wishes of a plan. Of the rest nothing is wanted.
  void FillWishes(std::span<const LogitWish> wishes, unsigned char* memory) const;

 private:
  void FillSequences(const kit::StepPlan& plan, std::span<const SlotPair> slots, uint32_t initial_slot,
                     unsigned char* memory) const;

  StepCounts counts_;
  // Offsets in bytes.
  uint64_t sequences_, tokens_, row_sequences_, output_rows_, last_rows_, wishes_;
  uint64_t bytes_;
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_BATCH_LAYOUT_H_
