// The ops of equations/ops.h on several threads: every participant of a step has an Ops of its own, runs all equations
// with it, and does its share inside each op. Every op ends with a barrier. Shares are contiguous. They depend only on
// shapes and on the number of participants, so that a thread meets the same weights in every step.
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
#include "onednn/prepared_input.h"
#include "onednn/spin_barrier.h"
#include "onednn/weights_trail.h"

namespace skein::onednn {

// The objects that the participants of a step share.
struct SharedStep {
  const kit::Batch& batch;
  const MatMulPolicy& policy;
  Arithmetic arithmetic;
  uint32_t head_size;       // 0 in generation 4
  bool is_one_token_each;   // of every sequence
  bool states_pass_caches;  // kernels/time_mix.h
  std::byte* inputs;        // scratch for the inputs of one Multiply, in forms other than float32

  SpinBarrier barrier = {};
  std::atomic<bool> has_failed = false;  // oneDNN reported an error; the results are worth nothing
};

// The objects that each participant has to itself.
struct Scratch {
  PanelPrimitives* primitives;
  float* tile;      // [kMaxTileRows][64]
  float* expanded;  // a kF32 panel of the widest matrix
  float* state;     // a wkv matrix, for states that are not kept
  uint32_t* steps;  // active steps of the widest input (kernels/active_steps.h)
  WeightsTrail* trail;
};

class Ops {
 public:
  using Matrix = PackedMatrix;
  using EmbeddingRows = kit::EmbeddingRows;

  // For participant `index` of `count`. `shared` outlives the ops.
  Ops(SharedStep& shared, const Scratch& scratch, uint32_t index, uint32_t count)
      : shared_(shared), scratch_(scratch), index_(index), count_(count) {
    scratch_.trail->Restart();
  }

  // The multiplications of this participant.
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
  struct Share {
    uint64_t begin, end;
  };

  // This participant's part of `total`, in multiples of `step`; the parts of all participants are the whole.
  Share ShareOf(uint64_t total, uint64_t step = 1) const;

  // Calls body(row, begin, end) for this participant's part of `num_rows` rows of `width` channels, cut at multiples of
  // `step` channels.
  template <typename Body>
  void ForMyChannels(uint32_t num_rows, uint32_t width, uint64_t step, const Body& body) const;
  // The same, cut at heads.
  template <typename Body>
  void ForMyHeads(uint32_t num_rows, uint32_t width, const Body& body) const;
  // Calls body(sequence, begin, end) for this participant's part of the recurrences over `width` channels, cut at
  // multiples of `step` channels: all tokens of a sequence, for channels [begin, end).
  template <typename Body>
  void ForMyRecurrences(uint32_t num_rows, uint32_t width, uint64_t step, const Body& body) const;

  // One product's place in a Multiply.
  struct Operand {
    const Matrix* weight;
    kit::Rows in;
    kit::Then then;
    const kit::Rows* out;         // or NULL:
    float* const* out_addresses;  // one per row
    uint32_t num_rows;
    PreparedInput prepared;
    ActiveSteps active;
  };
  void RunProducts(std::span<Operand> operands);
  // Brings the inputs into the forms in which they will be multiplied, each once, and waits for all participants.
  void PrepareInputs(std::span<Operand> operands);
  void RunMyPanels(std::span<Operand> operands);
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
  // The operands of a NormShift, and this participant's part of its rows and channels.
  struct NormShiftShare {
    kit::Rows x;
    const kit::Norm& norm;
    size_t state;
    std::span<const kit::Blend> blends;
    const kit::ShiftedRows& kept;
    Share rows, channels;
  };
  void NormShiftMyRows(const NormShiftShare& mine);
  // Rows [begin, end) of a sequence, which are this participant's.
  void NormShiftSequence(const NormShiftShare& mine, const kit::Sequence& sequence, uint64_t begin, uint64_t end);
  void LayerNorm(const float* row, uint32_t width, const kit::Norm& norm, float* out) const;

  void Synchronize() {
    shared_.barrier.Wait(count_, [this] { return scratch_.trail->FetchLine(); });
  }
  // Between ops that are cut at heads and read nothing but their own rows and heads. With one token per sequence the
  // recurrence is cut in the same places. Each participant then reads only rows that it wrote itself, and need not
  // wait.
  void SynchronizeHeads() {
    if (!shared_.is_one_token_each) Synchronize();
  }

  SharedStep& shared_;
  const ElementwiseKernels& elementwise_ = Elementwise();
  const PanelKernels& panels_ = Panels();
  const TimeMixKernels& time_mix_ = TimeMix();
  const Scratch scratch_;
  const uint32_t index_;
  const uint32_t count_;
  kit::Work work_;
};

static_assert(kit::Rwkv4Ops<Ops> && kit::Rwkv5Ops<Ops> && kit::Rwkv6Ops<Ops> && kit::Rwkv7Ops<Ops>);

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_OPS_H_
