// RWKV-4 "Dove": the equations of the paper, arXiv:2305.13048, over the ops of ops.h. One line a step; what each op
// computes is said there, names and shapes of the weights in rwkv4_weights.h, the channel-mix in gated_channel_mix.h.
// All rows of a step go through together; only Wkv4 walks from token to token.
#ifndef SKEIN_BACKENDS_EQUATIONS_RWKV4_H_
#define SKEIN_BACKENDS_EQUATIONS_RWKV4_H_

#include "equations/gated_channel_mix.h"
#include "equations/ops.h"
#include "equations/rwkv4_activations.h"
#include "equations/rwkv4_weights.h"

namespace skein::kit {

// x += TimeMix(LayerNorm(x)).
template <Rwkv4Ops Ops>
void TimeMix(Ops& ops, const Rwkv4Layer<typename Ops::Matrix>& layer, const Rwkv4Activations& act) {
  ops.NormShift(act.x, layer.time_norm, layer.state.time_shift,
                {{layer.mix_r, act.xr}, {layer.mix_k, act.xk}, {layer.mix_v, act.xv}});

  ops.Multiply(
      {{layer.receptance, act.xr, act.r, Then::kSigmoid}, {layer.key, act.xk, act.k}, {layer.value, act.xv, act.v}});

  ops.Wkv4({.r = act.r, .k = act.k, .v = act.v, .decay = layer.decay, .bonus = layer.bonus}, layer.state.wkv, act.y);
  ops.Multiply({{layer.output, act.y, act.x, Then::kAdd}});
}

// The generation, as segment.h takes it.
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
