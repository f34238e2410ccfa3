// The ops between the products: norms with token shift, gates, decays, keys, value residual, the norms after the
// recurrences. A function works on one row, or on some heads of one row. equations/ops.h has the formulas.
#ifndef SKEIN_BACKENDS_ONEDNN_KERNELS_ELEMENTWISE_H_
#define SKEIN_BACKENDS_ONEDNN_KERNELS_ELEMENTWISE_H_

#include <cstddef>
#include <span>

#include "equations/operands.h"

namespace skein::onednn {

// The figures of a row that a LayerNorm needs.
struct Moments {
  float mean = 0;
  float scale = 1;  // 1 / sqrt(variance + epsilon)
};

// The token before: a row of x with its moments, or a row that is normalised already.
struct PreviousRow {
  const float* row;
  bool is_normalized;
  Moments moments;
};

// A row of a kit::Blend, of kit::ShiftedRows, of a kit::DataBlend, and so on.
struct RowBlend {
  const float* mix;
  float* out;
};
struct ShiftedRow {
  float *n, *n_before;  // NULL: not kept
};
struct RowDataBlend {
  const float* mix;
  const float* m;
  float* out;
};
struct KeysRowInputs {
  const float *key, *rate;
  const float *rate_bias, *key_k, *key_a;
};
struct KeysRowOutputs {
  float *k, *kk, *b;
};
struct ValueResidualRowInputs {
  const float *value, *v_first, *gate;
  const float* gate_bias;
};
struct NormBonusGateRowInputs {
  const float *y, *r, *k, *v, *g;
  const float* bonus;
};

// Pure functions. Pointers are to the whole row, and only channels [begin, end) are written; where there is a
// `head_size`, `begin` and `end` are multiples of it. An output may be an input where the op of that name allows it.
struct ElementwiseKernels {
  Moments (*moments_of)(const float* x, size_t width, float epsilon);

  // out = (x - mean) * scale * weight + bias. `out` may be x.
  void (*normalize)(const float* x, const Moments& moments, const kit::Norm& norm, size_t begin, size_t end,
                    float* out);

  // For each blend: out = n + (n' - n) * mix, with n and n' the normalised rows.
  void (*norm_shift_row)(const float* x, const Moments& moments, const PreviousRow& previous, const kit::Norm& norm,
                         std::span<const RowBlend> blends, const ShiftedRow& kept, size_t begin, size_t end);

  void (*gated_add_row)(float* x, const float* gate, const float* value, size_t begin, size_t end);

  // `g` may be NULL.
  void (*norm_gate_row)(const float* y, const kit::Norm& norm, const float* g, size_t head_size, size_t begin,
                        size_t end, float* out);

  // For each blend: out = n + (n' - n) * (mix + m).
  void (*data_shift_row)(const ShiftedRow& row, std::span<const RowDataBlend> blends, size_t begin, size_t end);

  void (*decay6_row)(const float* decay, const float* bias, size_t begin, size_t end, float* w);

  void (*decay7_row)(const float* decay, const float* bias, size_t begin, size_t end, float* w);

  void (*keys_row)(const KeysRowInputs& inputs, const KeysRowOutputs& outputs, size_t head_size, size_t begin,
                   size_t end);

  void (*value_residual_row)(const ValueResidualRowInputs& inputs, size_t begin, size_t end, float* v);

  void (*norm_bonus_gate_row)(const NormBonusGateRowInputs& inputs, const kit::Norm& norm, size_t head_size,
                              size_t begin, size_t end, float* out);
};

// The kernels for the best instruction set that Highway may use.
const ElementwiseKernels& Elementwise();

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_KERNELS_ELEMENTWISE_H_
