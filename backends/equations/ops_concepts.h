// The ops that each generation needs, for the compiler. Their definitions are in ops.h.
#ifndef SKEIN_BACKENDS_EQUATIONS_OPS_CONCEPTS_H_
#define SKEIN_BACKENDS_EQUATIONS_OPS_CONCEPTS_H_

#include <cstddef>
#include <initializer_list>

#include "equations/operands.h"

namespace skein::kit {

template <typename Ops>
concept CommonOps = requires(Ops& ops, const typename Ops::Matrix& matrix, const typename Ops::EmbeddingRows& embedding,
                             std::initializer_list<Product<typename Ops::Matrix>> products,
                             std::initializer_list<Blend> blends, Rows rows, const Norm& norm, size_t state) {
  ops.Embed(embedding, norm, rows);
  ops.NormShift(rows, norm, state, blends);
  ops.Multiply(products);
  ops.NormOutputs(rows, norm, rows);
  ops.Logits(matrix, rows);
};

// The channel-mix of RWKV-4, 5 and 6.
template <typename Ops>
concept GatedChannelMixOps = CommonOps<Ops> && requires(Ops& ops, Rows rows) {
  ops.GatedAdd(rows, rows, rows);
};

template <typename Ops>
concept Rwkv4Ops = GatedChannelMixOps<Ops> && requires(Ops& ops, const Wkv4Inputs& inputs, size_t state, Rows rows) {
  ops.Wkv4(inputs, state, rows);
};

template <typename Ops>
concept Rwkv5Ops = GatedChannelMixOps<Ops> &&
    requires(Ops& ops, const Wkv5Inputs& inputs, const Norm& norm, size_t state, Rows rows) {
  ops.Wkv5(inputs, state, rows);
  ops.NormGate(rows, norm, rows, rows);
};

template <typename Ops>
concept Rwkv6Ops = Rwkv5Ops<Ops> &&
    requires(Ops& ops, std::initializer_list<Blend> blends, std::initializer_list<DataBlend> data_blends,
             const ShiftedRows& shifted, Rows rows, const Norm& norm, size_t state, const float* vector) {
  ops.NormShift(rows, norm, state, blends, shifted);
  ops.DataShift(shifted, data_blends);
  ops.Decay6(rows, vector, rows);
};

template <typename Ops>
concept Rwkv7Ops = CommonOps<Ops> &&
    requires(Ops& ops, const KeysInputs& keys, const KeysOutputs& key_outputs, const ValueResidualInputs& values,
             const Wkv7Inputs& inputs, const Norm& norm, size_t state, Rows rows, const float* vector) {
  ops.Decay7(rows, vector, rows);
  ops.Keys(keys, key_outputs);
  ops.ValueResidual(values, rows);
  ops.Wkv7(inputs, state, rows);
  ops.NormBonusGate(rows, norm, inputs, vector, rows, rows);
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_OPS_CONCEPTS_H_
