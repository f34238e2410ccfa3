// RWKV-7 "Goose" (x070): the equations of the paper, arXiv:2503.14456, one line a step. Ops are defined in ops.h,
// letters and shapes of rows in operands.h, names and shapes of the weights in rwkv7_weights.h. All rows of a step go
// through together; only Wkv7 walks from token to token.
#ifndef SKEIN_BACKENDS_EQUATIONS_RWKV7_H_
#define SKEIN_BACKENDS_EQUATIONS_RWKV7_H_

#include "equations/operands.h"
#include "equations/ops_concepts.h"
#include "equations/rwkv7_activations.h"
#include "equations/rwkv7_weights.h"

namespace skein::kit {

// x = x + TimeMix(LayerNorm(x)).
template <Rwkv7Ops Ops>
void TimeMix(Ops& ops, const Rwkv7Layer<typename Ops::Matrix>& layer, const Rwkv7Activations& act) {
  // The value of layer 0 is v_first, which every later layer blends into its own value.
  const Rows value = layer.is_first ? act.v_first : act.value;
  const Rows v = layer.is_first ? act.v_first : act.v;

  // With n = LayerNorm(x), and n' of the token before: x_q = n + (n' - n) ⊙ mix_q
  ops.NormShift(act.x, layer.time_norm, layer.state.time_shift,
                {{layer.mix_r, act.xr},
                 {layer.mix_w, act.xw},
                 {layer.mix_k, act.xk},
                 {layer.mix_v, act.xv},
                 {layer.mix_a, act.xa},
                 {layer.mix_g, act.xg}});

  ops.Multiply({{layer.receptance, act.xr, act.r},                           // r = W_r x_r
                {layer.key, act.xk, act.key},                                // key = W_k x_k
                {layer.value, act.xv, value},                                // value = W_v x_v
                {layer.decay_down, act.xw, act.decay_rank, Then::kTanh},     // tanh(D_w x_w)
                {layer.iclr_down, act.xa, act.rate_rank},                    // D_a x_a
                {layer.value_down, act.xv, act.value_rank},                  // D_v x_v, but not in layer 0
                {layer.gate_down, act.xg, act.gate_rank, Then::kSigmoid}});  // σ(D_g x_g)
  ops.Multiply({{layer.decay_up, act.decay_rank, act.decay},                 // decay = U_w tanh(D_w x_w)
                {layer.iclr_up, act.rate_rank, act.rate},                    // rate = U_a D_a x_a
                {layer.value_up, act.value_rank, act.value_gate},            // value_gate = U_v D_v x_v
                {layer.gate_up, act.gate_rank, act.g}});                     // g = U_g σ(D_g x_g)

  ops.Decay7(act.decay, layer.decay_bias, act.w);  // w = exp(-e^(-1/2) σ(w0 + decay))
  // In each head, with a = σ(a0 + rate):
  // kk = key ⊙ key_k / |key ⊙ key_k|;  k = key ⊙ (1 + (a - 1) ⊙ key_a);  b = kk ⊙ a
  ops.Keys({.key = act.key, .rate = act.rate, .rate_bias = layer.iclr_bias, .key_k = layer.key_k, .key_a = layer.key_a},
           {.k = act.k, .kk = act.kk, .b = act.b});
  if (!layer.is_first) {  // v = value + (v_first - value) ⊙ σ(v0 + value_gate)
    ops.ValueResidual({.value = value, .v_first = act.v_first, .gate = act.value_gate, .gate_bias = layer.value_bias},
                      v);
  }

  // In each head: S = S (diag(w) - kk bᵀ) + v kᵀ;  y = S r
  const Wkv7Inputs inputs = {.r = act.r, .w = act.w, .k = act.k, .v = v, .kk = act.kk, .b = act.b};
  ops.Wkv7(inputs, layer.state.wkv, act.y);
  // gated = (GroupNorm(y) + (sum over the head of r ⊙ k ⊙ bonus) v) ⊙ g
  ops.NormBonusGate(act.y, layer.group_norm, inputs, layer.bonus, act.g, act.gated);
  ops.Multiply({{layer.output, act.gated, act.x, Then::kAdd}});  // x = x + W_o gated
}

// x = x + ChannelMix(LayerNorm(x)).
template <Rwkv7Ops Ops>
void ChannelMix(Ops& ops, const Rwkv7Layer<typename Ops::Matrix>& layer, const Rwkv7Activations& act) {
  // x_k = n + (n' - n) ⊙ mix
  ops.NormShift(act.x, layer.channel_norm, layer.state.channel_shift, {{layer.channel_mix, act.xk}});
  ops.Multiply({{layer.channel_key, act.xk, act.channel, Then::kReluSquare}});  // channel = max(W_k x_k, 0)²
  ops.Multiply({{layer.channel_value, act.channel, act.x, Then::kAdd}});        // x = x + W_v channel
}

// The generation, as generations.h describes it.
struct Rwkv7 {
  template <typename Matrix, typename EmbeddingRows>
  using Weights = Rwkv7Weights<Matrix, EmbeddingRows>;
  using Activations = Rwkv7Activations;

  template <Rwkv7Ops Ops>
  static void RunLayer(Ops& ops, const Rwkv7Layer<typename Ops::Matrix>& layer, const Rwkv7Activations& act) {
    TimeMix(ops, layer, act);
    ChannelMix(ops, layer, act);
  }
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_RWKV7_H_
