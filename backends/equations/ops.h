// What an ops set must offer: the small vocabulary in which the equations of the RWKV generations are written (rwkv4.h
// to rwkv7.h), and which each in-tree backend supplies for its device. The ops are coarse, so that a layer is a few
// passes over memory. Here are the values they speak of, and, as concepts, their names: what all generations use, and
// what each needs beside. An op's comment is its definition. The reference backend is the same in code. How an op is
// spread over threads, in which type weights lie, and in which order a state's numbers lie in memory is an ops set's
// own affair.
//
// An ops object is made for one step and knows its batch (batch.h). If a step runs on several threads, each runs the
// whole page with an ops object of its own, and does its share inside every op; an op returns when its results may be
// read. Ops do not throw.
//
// Letters: T rows (tokens of all streams of the step, one after the other), C d_model, A d_att, H heads, N head size
// (A = H N; in RWKV-7 A = C), F d_ffn, V vocabulary, R a rank. Everything is float32 and row-major. Sources: the papers
// of RWKV-4, arXiv:2305.13048, of RWKV-5 and 6, arXiv:2404.05892, and of RWKV-7, arXiv:2503.14456, and for the
// constants that they leave open, the models' reference implementation.
#ifndef SKEIN_BACKENDS_EQUATIONS_OPS_H_
#define SKEIN_BACKENDS_EQUATIONS_OPS_H_

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

// The affine part and epsilon of a LayerNorm, weight and bias [C], or of a GroupNorm with a group per head, [A].
struct Norm {
  const float* weight = nullptr;
  const float* bias = nullptr;
  float epsilon = 0;
};

// One of the blends that leave a token shift: out = n + (n' - n) * mix, where n is the token's row and n' the one
// before. DataShift adds to the mix, token by token, what it finds in `out`.
struct Blend {
  const float* mix;  // [C]; NULL: leave this blend out (RWKV-5.0 has no gate)
  Rows out;          // [T, C]
};

// What happens to a product on its way to memory.
enum class Then {
  kStore,
  kTanh,
  kSigmoid,
  kSilu,        // y * sigmoid(y)
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

// What drives the state of RWKV-4, channel by channel: rows [T, A], vectors [A].
struct Wkv4Inputs {
  Rows r;              // receptance, in (0, 1)
  Rows k;              // key
  Rows v;              // value
  const float* decay;  // logarithm of what a token leaves of the past, below 0
  const float* bonus;  // added to the key of the token itself
};

// What drives the state of RWKV-5 and 6; rows are [T, A], head h in channels [h N, (h + 1) N).
struct Wkv5Inputs {
  Rows r;              // receptance
  Rows k;              // key
  Rows v;              // value
  const float* w;      // decay, in [0, 1): [A] for all tokens, or rows [T, A]
  size_t w_stride;     // floats from a token's decay to the next one's: 0 or A
  const float* bonus;  // [A]: weight of the token itself, by key channel
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

// `state` arguments are offsets in floats into the state of each sequence of the batch: a sequence reads the state at
// `read_state` and leaves the new one at `write_state`, which may be the same place, or NULL to discard it.
// clang-format off

// The ops of every generation.
template <typename Ops>
concept CommonOps = requires(Ops& ops, const typename Ops::Matrix& matrix, const typename Ops::EmbeddingRows& embedding, Rows rows,
                             const Norm& norm, size_t state, std::initializer_list<Blend> blends,
                             std::initializer_list<Product<typename Ops::Matrix>> products,
                             std::span<const uint32_t> row_indices, std::span<float* const> addresses) {
  // x[t] = LayerNorm(E[token of row t]), E [V, C]. LayerNorm(x) = (x - mean) / sqrt(variance + epsilon) * weight +
  // bias, with the biased variance.
  // (embedding, norm, x)
  { ops.Embed(embedding, norm, rows) };

  // n[t] = LayerNorm(x[t]); n'[t] = n[t - 1], or for the first token of a sequence the shift row [C] of its state, which
  // becomes n of its last token. For each blend: out[t] = n[t] + (n'[t] - n[t]) * mix.
  // (x, norm, state, blends)
  { ops.NormShift(rows, norm, state, blends) };

  // Products that depend on none of each other's results.
  { ops.Multiply(products) };

  // out[i] = LayerNorm(x[rows[i]]).
  // (x, norm, rows, out)
  { ops.NormRows(rows, norm, row_indices, rows) };

  // out[i] = W in[i] for the first out.size() rows of `in`. The addresses are apart, as each stream's logits are.
  // (weight, in, out)
  { ops.Logits(matrix, rows, addresses) };
};

// The channel-mix of RWKV-4, 5 and 6.
template <typename Ops>
concept GatedChannelMixOps = CommonOps<Ops> && requires(Ops& ops, Rows rows) {
  // x = x + gate * value.
  // (x, gate, value)
  { ops.GatedAdd(rows, rows, rows) };
};

template <typename Ops>
concept Rwkv4Ops = GatedChannelMixOps<Ops> && requires(Ops& ops, const Wkv4Inputs& inputs, size_t state, Rows rows) {
  // Per sequence and channel, token by token, with the state (a, b, p), which stands for the sums a e^p and b e^p over
  // the past; it lies as a [A], b [A], p [A].
  //   q = max(p, bonus + k);  y = r * (e^(p - q) a + e^(bonus + k - q) v) / (e^(p - q) b + e^(bonus + k - q))
  //   q = max(p + decay, k);  a = e^(p + decay - q) a + e^(k - q) v;  b = e^(p + decay - q) b + e^(k - q);  p = q
  // (inputs, state, y)
  { ops.Wkv4(inputs, state, rows) };
};

template <typename Ops>
concept Rwkv5Ops = GatedChannelMixOps<Ops> && requires(Ops& ops, const Wkv5Inputs& inputs, const Norm& norm,
                                                       size_t state, Rows rows) {
  // Per sequence and head, token by token, with the wkv state S [N keys][N values]:
  // y = (S + (bonus * k) v^T)^T r, then S = diag(w) S + k v^T.
  // (inputs, state, y)
  { ops.Wkv5(inputs, state, rows) };

  // y = GroupNorm(y) * g, in place. g without data: no gate.
  // (y, norm, g)
  { ops.NormGate(rows, norm, rows) };
};

template <typename Ops>
concept Rwkv6Ops = Rwkv5Ops<Ops> && requires(Ops& ops, Rows rows, const float* vector,
                                             std::initializer_list<Blend> blends) {
  // The token shift whose mix depends on the token. For each blend: out = n + (n' - n) * (mix + out), in place.
  // (n, n', blends)
  { ops.DataShift(rows, rows, blends) };

  // w = exp(-exp(d + w)), in place; d [A]. From 0, which wipes the state, to below 1.
  // (w, d)
  { ops.Decay6(rows, vector) };
};

template <typename Ops>
concept Rwkv7Ops = CommonOps<Ops> && requires(Ops& ops, const Wkv7Inputs& inputs, const Norm& norm, size_t state,
                                              Rows rows, const float* vector) {
  // w = exp(-e^(-1/2) sigmoid(w0 + w)), in place; w0 [C]. Between 0.545 and 1: the state cannot be wiped in one token.
  // (w, w0)
  { ops.Decay7(rows, vector) };

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
};
// clang-format on

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_OPS_H_
