// RWKV-5 "Eagle" in its three versions, one line a step. The last version is that of the paper, arXiv:2404.05892. Ops
// are defined in ops.h, letters and shapes of rows in operands.h, names and shapes of the weights in rwkv5_weights.h.
// The channel-mix is in gated_channel_mix.h. All rows of a step go through together; only Wkv5 walks from token to
// token.
//   5.0  no gate; decay and bonus are one number per head
//   5.1  a gate behind the norm of the heads
//   5.2  decay and bonus per channel of the key
#ifndef SKEIN_BACKENDS_EQUATIONS_RWKV5_H_
#define SKEIN_BACKENDS_EQUATIONS_RWKV5_H_

#include "equations/gated_channel_mix.h"
#include "equations/operands.h"
#include "equations/ops_concepts.h"
#include "equations/rwkv5_activations.h"
#include "equations/rwkv5_weights.h"

namespace skein::kit {

// x = x + TimeMix(LayerNorm(x)).
template <Rwkv5Ops Ops>
void TimeMix(Ops& ops, const Rwkv5Layer<typename Ops::Matrix>& layer, const Rwkv5Activations& act) {
  const bool has_gate = layer.gate != nullptr;  // not in 5.0, where its blend and its product are left out

  // With n = LayerNorm(x), and n' of the token before: x_q = n + (n' - n) ⊙ mix_q, where mix_q = 1 - μ_q.
  ops.NormShift(act.x, layer.time_norm, layer.state.time_shift,
                {{layer.mix_r, act.xr}, {layer.mix_k, act.xk}, {layer.mix_v, act.xv}, {layer.mix_g, act.xg}});

  ops.Multiply({{layer.receptance, act.xr, act.r},           // r = W_r x_r
                {layer.key, act.xk, act.k},                  // k = W_k x_k
                {layer.value, act.xv, act.v},                // v = W_v x_v
                {layer.gate, act.xg, act.g, Then::kSilu}});  // g = silu(W_g x_g)

  // In each head, with w = exp(-exp(time_decay)): y = (S + (u ⊙ k) vᵀ)ᵀ r;  S = diag(w) S + k vᵀ
  ops.Wkv5({.r = act.r, .k = act.k, .v = act.v, .w = layer.decay, .w_stride = 0, .bonus = layer.bonus}, layer.state.wkv,
           act.y);
  ops.NormGate(act.y, layer.group_norm, has_gate ? act.g : Rows{}, act.gated);  // gated = GroupNorm(y) ⊙ g
  ops.Multiply({{layer.output, act.gated, act.x, Then::kAdd}});                 // x = x + W_o gated
}

// The generation, as generations.h describes it.
struct Rwkv5 {
  template <typename Matrix, typename EmbeddingRows>
  using Weights = Rwkv5Weights<Matrix, EmbeddingRows>;
  using Activations = Rwkv5Activations;

  template <Rwkv5Ops Ops>
  static void RunLayer(Ops& ops, const Rwkv5Layer<typename Ops::Matrix>& layer, const Rwkv5Activations& act) {
    TimeMix(ops, layer, act);
    ChannelMix(ops, layer.channel_mix, layer.state.channel_shift, act.x, act.channel_mix);
  }
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_RWKV5_H_
