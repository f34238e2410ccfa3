// RWKV-6 "Finch" (x060): the equations of the paper, arXiv:2404.05892, one line a step. It is RWKV-5.2 with token shift
// and decay that depend on the data. Ops are defined in ops.h, letters and shapes of rows in operands.h, names and
// shapes of the weights in rwkv6_weights.h. The channel-mix is in gated_channel_mix.h. All rows of a step go through
// together; only Wkv5 walks from token to token.
#ifndef SKEIN_BACKENDS_EQUATIONS_RWKV6_H_
#define SKEIN_BACKENDS_EQUATIONS_RWKV6_H_

#include "equations/gated_channel_mix.h"
#include "equations/operands.h"
#include "equations/ops_concepts.h"
#include "equations/rwkv6_activations.h"
#include "equations/rwkv6_weights.h"

namespace skein::kit {

// x = x + TimeMix(LayerNorm(x)).
template <Rwkv6Ops Ops>
void TimeMix(Ops& ops, const Rwkv6Layer<typename Ops::Matrix>& layer, const Rwkv6Activations& act) {
  // A first shift says how much of each row the second one takes. With n = LayerNorm(x), and n' of the token before:
  // z = n + (n' - n) ⊙ mix_x
  const ShiftedRows shifted = {act.n, act.n_before};
  ops.NormShift(act.x, layer.time_norm, layer.state.time_shift, {{layer.mix_x, act.z}}, shifted);
  ops.Multiply({{layer.mix_down_w, act.z, act.rank_w, Then::kTanh},  // tanh(D_q z), for q of w k v r g
                {layer.mix_down_k, act.z, act.rank_k, Then::kTanh},
                {layer.mix_down_v, act.z, act.rank_v, Then::kTanh},
                {layer.mix_down_r, act.z, act.rank_r, Then::kTanh},
                {layer.mix_down_g, act.z, act.rank_g, Then::kTanh}});
  ops.Multiply({{layer.mix_up_w, act.rank_w, act.mw},  // m_q = U_q tanh(D_q z)
                {layer.mix_up_k, act.rank_k, act.mk},
                {layer.mix_up_v, act.rank_v, act.mv},
                {layer.mix_up_r, act.rank_r, act.mr},
                {layer.mix_up_g, act.rank_g, act.mg}});
  ops.DataShift(shifted, {{layer.mix_w, act.mw, act.xw},  // x_q = n + (n' - n) ⊙ (mix_q + m_q)
                          {layer.mix_k, act.mk, act.xk},
                          {layer.mix_v, act.mv, act.xv},
                          {layer.mix_r, act.mr, act.xr},
                          {layer.mix_g, act.mg, act.xg}});

  ops.Multiply({{layer.receptance, act.xr, act.r},                          // r = W_r x_r
                {layer.key, act.xk, act.k},                                 // k = W_k x_k
                {layer.value, act.xv, act.v},                               // v = W_v x_v
                {layer.gate, act.xg, act.g, Then::kSilu},                   // g = silu(W_g x_g)
                {layer.decay_down, act.xw, act.decay_rank, Then::kTanh}});  // tanh(D x_w)
  ops.Multiply({{layer.decay_up, act.decay_rank, act.decay}});              // decay = U tanh(D x_w)
  ops.Decay6(act.decay, layer.decay_bias, act.w);                           // w = exp(-exp(bias + decay))

  // In each head: y = (S + (u ⊙ k) vᵀ)ᵀ r;  S = diag(w) S + k vᵀ
  ops.Wkv5({.r = act.r, .k = act.k, .v = act.v, .w = act.w.data, .w_stride = act.w.width, .bonus = layer.bonus},
           layer.state.wkv, act.y);
  ops.NormGate(act.y, layer.group_norm, act.g, act.gated);       // gated = GroupNorm(y) ⊙ g
  ops.Multiply({{layer.output, act.gated, act.x, Then::kAdd}});  // x = x + W_o gated
}

// The generation, as generations.h describes it.
struct Rwkv6 {
  template <typename Matrix, typename EmbeddingRows>
  using Weights = Rwkv6Weights<Matrix, EmbeddingRows>;
  using Activations = Rwkv6Activations;

  template <Rwkv6Ops Ops>
  static void RunLayer(Ops& ops, const Rwkv6Layer<typename Ops::Matrix>& layer, const Rwkv6Activations& act) {
    TimeMix(ops, layer, act);
    ChannelMix(ops, layer.channel_mix, layer.state.channel_shift, act.x, act.channel_mix);
  }
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_RWKV6_H_
