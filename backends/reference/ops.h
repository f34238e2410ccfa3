// The definition of every op of equations/ops.h, in the plainest loops: one thread, any shape, no blocking. Another
// backend is right if it gives the same within the rounding of float32, for the same inputs and the same arithmetic of
// products (arithmetic.h).
#ifndef SKEIN_BACKENDS_REFERENCE_OPS_H_
#define SKEIN_BACKENDS_REFERENCE_OPS_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "equations/operands.h"
#include "equations/ops_concepts.h"
#include "host/batch.h"
#include "host/weight_store.h"
#include "kit/work.h"
#include "reference/matrix.h"
#include "reference/row_product.h"

namespace skein::reference {

class Ops {
 public:
  using Matrix = reference::Matrix;
  using EmbeddingRows = kit::EmbeddingRows;

  // `scratch_state`: a wkv matrix [head_size][head_size], for states that are not kept. `head_size` is 0 in
  // generation 4. `row_product`: with room for the inputs of every matrix. All arguments outlive the ops.
  Ops(const kit::Batch& batch, uint32_t head_size, float* scratch_state, RowProduct& row_product)
      : batch_(batch), head_size_(head_size), scratch_state_(scratch_state), row_product_(row_product) {}

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
  // out = then(W x), for a row of a Multiply or of Logits.
  void MultiplyRow(const Matrix& weight, const float* x, kit::Then then, float* out);

  // The wkv matrix of a head, at offset `head_state`, where it is to be written, with the values from before.
  float* HeadState(const kit::Sequence& sequence, size_t head_state) const;

  const kit::Batch& batch_;
  const uint32_t head_size_;
  float* const scratch_state_;
  RowProduct& row_product_;
  kit::Work work_;
};

static_assert(kit::Rwkv4Ops<Ops> && kit::Rwkv5Ops<Ops> && kit::Rwkv6Ops<Ops> && kit::Rwkv7Ops<Ops>);

}  // namespace skein::reference

#endif  // SKEIN_BACKENDS_REFERENCE_OPS_H_
