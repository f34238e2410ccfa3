// RWKV-4 "Dove": the equations of the paper, arXiv:2305.13048, one line a step. Ops are defined in ops.h, letters and
// shapes of rows in operands.h, names and shapes of the weights in rwkv4_weights.h. The channel-mix is in
// gated_channel_mix.h. All rows of a step go through together; only Wkv4 walks from token to token.
#ifndef SKEIN_BACKENDS_EQUATIONS_RWKV4_H_
#define SKEIN_BACKENDS_EQUATIONS_RWKV4_H_

#include "equations/gated_channel_mix.h"
#include "equations/operands.h"
#include "equations/ops_concepts.h"
#include "equations/rwkv4_activations.h"
#include "equations/rwkv4_weights.h"

namespace skein::kit {

// x = x + TimeMix(LayerNorm(x)).
template <Rwkv4Ops Ops>
void TimeMix(Ops& ops, const Rwkv4Layer<typename Ops::Matrix>& layer, const Rwkv4Activations& act) {
  // With n = LayerNorm(x), and n' of the token before: x_q = n + (n' - n) ⊙ mix_q, where mix_q = 1 - μ_q.
  ops.NormShift(act.x, layer.time_norm, layer.state.time_shift,
                {{layer.mix_r, act.xr}, {layer.mix_k, act.xk}, {layer.mix_v, act.xv}});

  ops.Multiply({{layer.receptance, act.xr, act.r, Then::kSigmoid},  // r = σ(W_r x_r)
                {layer.key, act.xk, act.k},                         // k = W_k x_k
                {layer.value, act.xv, act.v}});                     // v = W_v x_v

  // For each channel, with what a token leaves of the past, e^d, where d = -exp(time_decay):
  //   q = max(p, u + k);  y = r (e^(p - q) a + e^(u + k - q) v) / (e^(p - q) b + e^(u + k - q))
  //   q = max(p + d, k);  a = e^(p + d - q) a + e^(k - q) v;  b = e^(p + d - q) b + e^(k - q);  p = q
  ops.Wkv4({.r = act.r, .k = act.k, .v = act.v, .decay = layer.decay, .bonus = layer.bonus}, layer.state.wkv, act.y);
  ops.Multiply({{layer.output, act.y, act.x, Then::kAdd}});  // x = x + W_o y
}

// The generation, as generations.h describes it.
struct Rwkv4 {
  template <typename Matrix, typename EmbeddingRows>
  using Weights = Rwkv4Weights<Matrix, EmbeddingRows>;
  using Activations = Rwkv4Activations;

  template <Rwkv4Ops Ops>
  static void RunLayer(Ops& ops, const Rwkv4Layer<typename Ops::Matrix>& layer, const Rwkv4Activations& act) {
    TimeMix(ops, layer, act);
    ChannelMix(ops, layer.channel_mix, layer.state.channel_shift, act.x, act.channel_mix);
  }
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_RWKV4_H_
