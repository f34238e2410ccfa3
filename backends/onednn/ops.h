// The ops of equations/ops.h on several threads: every thread of a step has an Ops of its own, runs all equations with
// it, and does a part of each op. An op is a phase or two (phases.h), and is over when all its chunks are done. A
// thread begins with its own share. Shares are contiguous. They depend only on shapes and on the number of threads, so
// that a thread meets the same weights in every step.
//
// Outside of a chunk no op reads or writes rows or states: other threads may be phases ahead.
#ifndef SKEIN_BACKENDS_ONEDNN_OPS_H_
#define SKEIN_BACKENDS_ONEDNN_OPS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "equations/operands.h"
#include "equations/ops_concepts.h"
#include "host/batch.h"
#include "host/weight_store.h"
#include "kit/work.h"
#include "onednn/kernels/elementwise.h"
#include "onednn/kernels/panel_kernels.h"
#include "onednn/kernels/time_mix.h"
#include "onednn/matmul.h"
#include "onednn/packed_matrix.h"
#include "onednn/panel_primitives.h"
#include "onednn/phases.h"
#include "onednn/prepared_input.h"
#include "onednn/weights_trail.h"

namespace skein::onednn {

// The objects that the threads of a step share.
struct SharedStep {
  const kit::Batch& batch;
  const MatMulPolicy& policy;
  Arithmetic arithmetic;
  uint32_t head_size;       // 0 in generation 4
  bool states_pass_caches;  // kernels/time_mix.h
  std::byte* inputs;        // scratch for the inputs of one Multiply, in forms other than float32
  Progress& progress;

  std::atomic<bool> has_failed = false;  // oneDNN reported an error; the results are worth nothing
};

// The objects that each thread has to itself.
struct Scratch {
  PanelPrimitives* primitives;
  float* tile;      // [kMaxTileRows][64]
  float* expanded;  // a kF32 panel of the widest matrix
  float* state;     // a wkv matrix, for states that are not kept
  uint32_t* steps;  // active steps of the widest input (kernels/active_steps.h)
  WeightsTrail* trail;
  Turn* turn;
};

class Ops {
 public:
  using Matrix = PackedMatrix;
  using EmbeddingRows = kit::EmbeddingRows;

  // For thread `index` of up to `count`. `shared` outlives the ops.
  Ops(SharedStep& shared, const Scratch& scratch, uint32_t index, uint32_t count, PhaseWalk::Rest rest)
      : shared_(shared), scratch_(scratch), walk_(shared.progress, *scratch.turn, index, count, rest) {
    scratch_.trail->Restart();
  }

  // The multiplications of this thread.
  const kit::Work& work() const { return work_; }

  void Embed(const EmbeddingRows& embedding, const kit::Norm& norm, kit::Rows x);
  void NormShift(kit::Rows x, const kit::Norm& norm, size_t state, std::initializer_list<kit::Blend> blends,
                 const kit::ShiftedRows& kept = {});
  void Multiply(std::initializer_list<kit::Product<Matrix>> products);
  void NormOutputs(kit::Rows x, const kit::Norm& norm, kit::Rows hidden);
  void Logits(const Matrix& weight, kit::Rows hidden);

  void GatedAdd(kit::Rows x, kit::Rows gate, kit::Rows value);

  void Wkv4(const kit::Wkv4Inputs& inputs, size_t state, kit::Rows y);

  void Wkv5(const kit::Wkv5Inputs& inputs, size_t state, kit::Rows y);
  void NormGate(kit::Rows y, const kit::Norm& norm, kit::Rows g, kit::Rows out);

  void DataShift(const kit::ShiftedRows& rows, std::initializer_list<kit::DataBlend> blends);
  void Decay6(kit::Rows decay, const float* bias, kit::Rows w);

  void Decay7(kit::Rows decay, const float* bias, kit::Rows w);
  void Keys(const kit::KeysInputs& inputs, const kit::KeysOutputs& outputs);
  void ValueResidual(const kit::ValueResidualInputs& inputs, kit::Rows v);
  void Wkv7(const kit::Wkv7Inputs& inputs, size_t state, kit::Rows y);
  void NormBonusGate(kit::Rows y, const kit::Norm& norm, const kit::Wkv7Inputs& inputs, const float* bonus, kit::Rows g,
                     kit::Rows out);

 private:
  // A range of items.
  struct Range {
    uint64_t begin, end;
  };

  // The number of chunks of a phase over `num_items`: about `chunk_items` in each, and as many for every thread.
  uint32_t NumChunks(uint64_t num_items, uint64_t chunk_items) const;

  // A phase: calls body(range) for the chunks that are this thread's to do, and waits for the others.
  template <typename Body>
  void RunPhase(uint64_t num_items, uint64_t chunk_items, const Body& body);
  // A phase over `num_rows` rows of `width` channels, cut at multiples of `step` channels: body(row, begin, end).
  template <typename Body>
  void ForChannels(uint32_t num_rows, uint32_t width, uint64_t step, const Body& body);
  // The same, cut at heads.
  template <typename Body>
  void ForHeads(uint32_t num_rows, uint32_t width, const Body& body);
  // A phase over the recurrences over `width` channels, cut at multiples of `step` channels: body(sequence, begin, end)
  // for all tokens of a sequence, and channels [begin, end).
  template <typename Body>
  void ForRecurrences(uint32_t num_rows, uint32_t width, uint64_t step, const Body& body);

  // One product's place in a Multiply.
  struct Operand {
    const Matrix* weight;
    kit::Rows in;
    kit::Then then;
    const kit::Rows* out;         // or NULL:
    float* const* out_addresses;  // one per row
    uint32_t num_rows;
    PreparedInput prepared;
    bool is_first_of_prepared;  // no operand before it has the same prepared input
    ActiveSteps active;

    // The bytes of a panel and of a matrix, for each row: the measure of a chunk.
    uint64_t panel_cost() const { return weight->panel_bytes() * num_rows; }
    uint64_t cost() const { return weight->num_panels() * panel_cost(); }
  };
  void RunProducts(std::span<Operand> operands);
  // Brings the inputs into the forms in which they will be multiplied, each once.
  void PrepareInputs(std::span<Operand> operands);
  void FillInputs(std::span<const Operand> operands, Range items);
  void RunPanels(std::span<Operand> operands);
  // The tiles that begin in this range of the costs of all operands.
  void RunTiles(std::span<const Operand> operands, Range costs);
  // Tells the trail where this thread's share of the products begins.
  void MarkTrail(std::span<const Operand> operands, uint64_t begin);
  // The part of a Multiply that is one panel by some rows.
  PanelProduct ProductOf(const Operand& operand, uint32_t panel, uint32_t first_row, uint32_t num_rows,
                         float* tile) const;
  // The content of the scratch tile: some rows by one panel, or one row by panels that follow each other.
  struct FinishedPanels {
    const Operand* operand = nullptr;
    uint32_t first_panel = 0;
    uint32_t num_panels = 0;
    uint32_t first_row = 0;
    uint32_t num_rows = 0;
  };
  // Adds a panel to `finished`. If the panel does not follow the others there, puts those in their place first.
  void RunTile(const Operand& operand, uint32_t panel, uint32_t first_row, uint32_t num_rows, FinishedPanels& finished);
  void PutInPlace(const FinishedPanels& finished);
  // The operands of a NormShift, and the rows and channels of a chunk.
  struct NormShiftChunk {
    kit::Rows x;
    const kit::Norm& norm;
    size_t state;
    std::span<const kit::Blend> blends;
    const kit::ShiftedRows& kept;
    Range rows, channels;
  };
  void NormShiftRows(const NormShiftChunk& chunk);
  // Rows [begin, end) of a sequence.
  void NormShiftSequence(const NormShiftChunk& chunk, const kit::Sequence& sequence, uint64_t begin, uint64_t end);
  void LayerNorm(const float* row, uint32_t width, const kit::Norm& norm, float* out) const;

  SharedStep& shared_;
  const ElementwiseKernels& elementwise_ = Elementwise();
  const PanelKernels& panels_ = Panels();
  const TimeMixKernels& time_mix_ = TimeMix();
  const Scratch scratch_;
  PhaseWalk walk_;
  kit::Work work_;
};

static_assert(kit::Rwkv4Ops<Ops> && kit::Rwkv5Ops<Ops> && kit::Rwkv6Ops<Ops> && kit::Rwkv7Ops<Ops>);

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_OPS_H_
