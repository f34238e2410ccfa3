// The contract of an ops set: the small vocabulary in which the equations of the RWKV generations are written (rwkv4.h
// to rwkv7.h), and which each in-tree backend supplies for its device. To be read: nothing includes this file but the
// test that compares it with the concepts (ops_concepts.h). backends/reference/ops.cc says the same in plain loops.
//
// An ops object is made for one step and knows the step's batch: which rows belong to which stream, where the states
// are, and which outputs are wanted. If a step runs on several threads, each thread has an ops object of its own, runs
// all equations with it, and does its share inside every op. On return from an op its results may be read by the next
// op: on a device, by the next in the queue. Ops do not throw.
//
// The ops are coarse, so that a layer is a few passes over memory. How an op is spread over threads, in which type the
// weights lie, and in which order the numbers of a state lie in memory is the affair of the ops set.
//
// Letters and shapes are those of operands.h; σ is the logistic function, ⊙ the product element by element. Sources:
// the papers of RWKV-4, arXiv:2305.13048, of RWKV-5 and 6, arXiv:2404.05892, and of RWKV-7, arXiv:2503.14456, and for
// the constants that they leave open, the models' reference implementation.
//
// Unless a comment says otherwise, an output overlaps no input of the same op. `state` is an offset in floats into the
// state of each stream: an op reads the state from before the step there, and leaves the state after it.
#ifndef SKEIN_BACKENDS_EQUATIONS_OPS_H_
#define SKEIN_BACKENDS_EQUATIONS_OPS_H_

#include <cstddef>
#include <initializer_list>

#include "equations/operands.h"

namespace skein::kit {

class OpsContract {
 public:
  class Matrix;         // W [outputs, inputs], in any form
  class EmbeddingRows;  // E [V, C], whose rows are looked up by token id

  // --- every generation ---

  // x[t] = LayerNorm(E[token of row t]).
  // LayerNorm(x) = (x - mean) / sqrt(variance + epsilon) ⊙ weight + bias, with the biased variance.
  void Embed(const EmbeddingRows& embedding, const Norm& norm, Rows x);

  // n[t] = LayerNorm(x[t]);  n'[t] = n[t - 1], or for the first token of a stream the shift row [C] of its state, which
  // becomes n of its last token.
  // For each blend: out[t] = n[t] + (n'[t] - n[t]) ⊙ mix.
  void NormShift(Rows x, const Norm& norm, size_t state, std::initializer_list<Blend> blends);

  // For each product: out = then(in Wᵀ). No product reads what another one writes.
  void Multiply(std::initializer_list<Product<Matrix>> products);

  // hidden[i] = LayerNorm(x[row of the i-th wanted output]), for as many outputs as `hidden` has rows. First come the
  // outputs whose logits are wanted.
  void NormOutputs(Rows x, const Norm& norm, Rows hidden);

  // logits of the i-th wanted output = W hidden[i], for the outputs whose logits are wanted, each to its own place.
  void Logits(const Matrix& weight, Rows hidden);

  // --- the channel-mix of RWKV-4, 5 and 6 ---

  // x = x + gate ⊙ value.
  void GatedAdd(Rows x, Rows gate, Rows value);

  // --- RWKV-4 ---

  // Per stream and channel, token by token, with the state (a, b, p), which lies as a [A], b [A], p [A]. It stands for
  // the sums a e^p and b e^p over the past.
  //   q = max(p, u + k);  y = r (e^(p - q) a + e^(u + k - q) v) / (e^(p - q) b + e^(u + k - q))
  //   q = max(p + d, k);  a = e^(p + d - q) a + e^(k - q) v;  b = e^(p + d - q) b + e^(k - q);  p = q
  void Wkv4(const Wkv4Inputs& inputs, size_t state, Rows y);

  // --- RWKV-5 and 6 ---

  // Per stream and head, token by token, with the state S [N keys][N values]:
  //   y = (S + (u ⊙ k) vᵀ)ᵀ r;  S = diag(w) S + k vᵀ
  void Wkv5(const Wkv5Inputs& inputs, size_t state, Rows y);

  // out = GroupNorm(y) ⊙ g, with a group per head. `g` without data: no gate. `out` may lie over `y`.
  void NormGate(Rows y, const Norm& norm, Rows g, Rows out);

  // --- RWKV-6 ---

  // As NormShift, and leaves the two rows that were blended. n' is n + (n' - n), as rounded.
  void NormShift(Rows x, const Norm& norm, size_t state, std::initializer_list<Blend> blends, const ShiftedRows& kept);

  // For each blend: out = n + (n' - n) ⊙ (mix + m).
  void DataShift(const ShiftedRows& rows, std::initializer_list<DataBlend> blends);

  // w = exp(-exp(bias + decay)); bias [A]. From 0, which wipes the state, to below 1. `w` may lie over `decay`.
  void Decay6(Rows decay, const float* bias, Rows w);

  // --- RWKV-7 ---

  // w = exp(-e^(-1/2) σ(bias + decay)); bias [C]. Between 0.545 and 1: one token cannot wipe the state. `w` may lie
  // over `decay`.
  void Decay7(Rows decay, const float* bias, Rows w);

  // Per head:
  //   a = σ(rate_bias + rate);  kk = key ⊙ key_k / max(|key ⊙ key_k|, 1e-12)
  //   k = key ⊙ (1 + (a - 1) ⊙ key_a);  b = kk ⊙ a
  void Keys(const KeysInputs& inputs, const KeysOutputs& outputs);

  // v = value + (v_first - value) ⊙ σ(gate_bias + gate). `v` may lie over `value`.
  void ValueResidual(const ValueResidualInputs& inputs, Rows v);

  // Per stream and head, token by token, with the state S [N values][N keys]:
  //   S = S (diag(w) - kk bᵀ) + v kᵀ;  y = S r
  void Wkv7(const Wkv7Inputs& inputs, size_t state, Rows y);

  // out = (GroupNorm(y) + (sum over the head of r ⊙ k ⊙ bonus) v) ⊙ g; bonus [C]. `out` may lie over `y`.
  void NormBonusGate(Rows y, const Norm& norm, const Wkv7Inputs& inputs, const float* bonus, Rows g, Rows out);
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_OPS_H_
