// What an ops set must offer: the small vocabulary in which the equations of an RWKV generation are written (rwkv7.h),
// and which each in-tree backend supplies for its device. The ops are coarse, so that a layer is a few passes over
// memory. Here are the values they speak of, and, as a concept, their names; each op's comment is its definition. The
// reference backend is the same in code. How an op is spread over threads, in which type weights lie, and in which
// order a state's numbers lie in memory is an ops set's own affair.
//
// An ops object is made for one step and knows its batch (batch.h). If a step runs on several threads, each runs the
// whole page with an ops object of its own, and does its share inside every op; an op returns when its results may be
// read. Ops do not throw.
//
// Letters: T rows (tokens of all streams of the step, one after the other), C d_model, H heads, N head size (C = H N),
// F d_ffn, V vocabulary, R a rank. Everything is float32 and row-major. Sources: the RWKV-7 paper, arXiv:2503.14456,
// and for the constants that it leaves open, the models' reference implementation.
#ifndef SKEIN_BACKENDS_KIT_OPS_H_
#define SKEIN_BACKENDS_KIT_OPS_H_

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

namespace skein::kit {

// A block of activations, one row a token, without gaps. Owns nothing.
struct Rows {
  float* data = nullptr;
  uint32_t count = 0;
  uint32_t width = 0;

  float* operator[](size_t row) const { return data + row * width; }
};

// The affine part and epsilon of a LayerNorm, or of a GroupNorm with a group per head: weight, bias [C].
struct Norm {
  const float* weight = nullptr;
  const float* bias = nullptr;
  float epsilon = 0;
};

// One of the blends that leave a token shift: out = n + (n' - n) * mix, where n is the token's row and n' the one
// before.
struct Blend {
  const float* mix;  // [C]
  Rows out;          // [T, C]
};

// What happens to a product on its way to memory.
enum class Then {
  kStore,
  kTanh,
  kSigmoid,
  kReluSquare,  // max(y, 0)^2
  kAdd,         // out += y
};

// out = then(in W^T), row by row: y = W x with W [out.width, in.width]. `out` overlaps no input of the same Multiply.
template <typename Matrix>
struct Product {
  const Matrix* weight;  // NULL: leave this product out (layer 0 has no value residual)
  Rows in;
  Rows out;
  Then then = Then::kStore;
};

// The six rows per token that drive the state of RWKV-7; all [T, C], head h in channels [h N, (h + 1) N).
struct Wkv7Inputs {
  Rows r;   // receptance
  Rows w;   // decay, in (0.54, 1)
  Rows k;   // key
  Rows v;   // value
  Rows kk;  // removal key: unit vector per head
  Rows b;   // kk * a, the replacement key: a is the in-context learning rate
};

// The ops of RWKV-7. `state` arguments are offsets in floats into the state of each sequence of the batch: a sequence
// reads the state at `read_state` and leaves the new one at `write_state`, which may be the same place, or NULL to
// discard it.
// clang-format off
template <typename Ops>
concept Rwkv7Ops = requires(Ops& ops, const typename Ops::Matrix& matrix, const typename Ops::Table& table, Rows rows,
                            const Norm& norm, size_t state, std::initializer_list<Blend> blends, const float* vector,
                            std::initializer_list<Product<typename Ops::Matrix>> products, const Wkv7Inputs& inputs,
                            std::span<const uint32_t> row_indices, std::span<float* const> addresses) {
  // x[t] = LayerNorm(E[token of row t]), E [V, C]. LayerNorm(x) = (x - mean) / sqrt(variance + epsilon) * weight +
  // bias, with the biased variance.
  // (table, norm, x)
  { ops.Embed(table, norm, rows) };

  // n[t] = LayerNorm(x[t]); n'[t] = n[t - 1], or for the first token of a sequence the shift row [C] of its state, which
  // becomes n of its last token. For each blend: out[t] = n[t] + (n'[t] - n[t]) * mix.
  // (x, norm, state, blends)
  { ops.NormShift(rows, norm, state, blends) };

  // Products that depend on none of each other's results.
  { ops.Multiply(products) };

  // w = exp(-e^(-1/2) sigmoid(w0 + w)), in place; w0 [C]. Between 0.545 and 1: the state cannot be wiped in one token.
  // (w, w0)
  { ops.Decay(rows, vector) };

  // Per head: a = sigmoid(a0 + a); kk = k * k_k / max(|k * k_k|, 1e-12), from the unmodified k; then
  // k = k * (1 + (a - 1) * k_a); a = kk * a. In place but for kk; a0, k_k, k_a [C].
  // (k, a, kk, a0, k_k, k_a)
  { ops.Keys(rows, rows, rows, vector, vector, vector) };

  // v = v + (v_first - v) * sigmoid(v0 + gate), in place; v0 [C].
  // (v, v_first, gate, v0)
  { ops.ValueResidual(rows, rows, rows, vector) };

  // Per sequence and head, token by token, with the wkv state S [N values][N keys]:
  // S = S (diag(w) - kk b^T) + v k^T; y = S r.
  // (inputs, state, y)
  { ops.Wkv7(inputs, state, rows) };

  // y = (GroupNorm(y) + (sum over the head of r k bonus) v) * g, in place; bonus [C].
  // (y, norm, inputs, bonus, g)
  { ops.NormBonusGate(rows, norm, inputs, vector, rows) };

  // out[i] = LayerNorm(x[rows[i]]).
  // (x, norm, rows, out)
  { ops.NormRows(rows, norm, row_indices, rows) };

  // out[i] = W in[i] for the first out.size() rows of `in`. The addresses are apart, as each stream's logits are.
  // (weight, in, out)
  { ops.Head(matrix, rows, addresses) };
};
// clang-format on

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_KIT_OPS_H_
