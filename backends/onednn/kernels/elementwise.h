// The ops between the products, row by row: norms with token shift, gates, decays, keys, value residual, the norms
// after the recurrences. Formulas are in equations/ops.h; here is what one row, or some heads of one row, takes. For
// every instruction set of Highway, chosen at run time. Pure functions; pointers are to the whole row, and only
// channels [begin, end) are written.
#ifndef SKEIN_BACKENDS_ONEDNN_KERNELS_ELEMENTWISE_H_
#define SKEIN_BACKENDS_ONEDNN_KERNELS_ELEMENTWISE_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "equations/ops.h"

namespace skein::onednn {

// What a LayerNorm needs to know of a row.
struct Moments {
  float mean = 0;
  float scale = 1;  // 1 / sqrt(variance + epsilon)
};
Moments MomentsOf(const float* x, size_t width, float epsilon);

// out = (x - mean) * scale * weight + bias. `out` may be x.
void Normalize(const float* x, const Moments& moments, const kit::Norm& norm, size_t begin, size_t end, float* out);

// The token before: a row of x with its moments, or a row that is normalised already.
struct PreviousRow {
  const float* row;
  bool is_normalized;
  Moments moments;
};
struct RowBlend {
  const float* mix;
  float* out;
};
// For each blend: out = n + (n' - n) * mix, with n and n' the normalised rows.
void NormShiftRow(const float* x, const Moments& moments, const PreviousRow& previous, const kit::Norm& norm,
                  std::span<const RowBlend> blends, size_t begin, size_t end);

void GatedAddRow(float* x, const float* gate, const float* value, size_t begin, size_t end);

// `g` may be NULL. `begin` and `end` are multiples of `head_size`.
void NormGateRow(float* y, const kit::Norm& norm, const float* g, size_t head_size, size_t begin, size_t end);

// For each blend: out = n + (n' - n) * (mix + out).
void DataShiftRow(const float* n, const float* n_before, std::span<const RowBlend> blends, size_t begin, size_t end);

void Decay6Row(float* w, const float* d, size_t begin, size_t end);

void Decay7Row(float* w, const float* w0, size_t begin, size_t end);

// `begin` and `end` are multiples of `head_size`.
void KeysRow(float* k, float* a, float* kk, const float* a0, const float* k_k, const float* k_a, size_t head_size,
             size_t begin, size_t end);

void ValueResidualRow(float* v, const float* v_first, const float* gate, const float* v0, size_t begin, size_t end);

struct NormBonusGateInputs {
  const float *r, *k, *v, *g;
  const float* bonus;
};
// `begin` and `end` are multiples of `head_size`.
void NormBonusGateRow(float* y, const kit::Norm& norm, const NormBonusGateInputs& inputs, size_t head_size,
                      size_t begin, size_t end);

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_KERNELS_ELEMENTWISE_H_
