// RWKV-5 "Eagle" in its three versions, the last of which is that of the paper, arXiv:2404.05892, over the ops of
// ops.h. One line a step; what each op computes is said there, names and shapes of the weights in rwkv5_weights.h, the
// channel-mix in gated_channel_mix.h. All rows of a step go through together; only Wkv5 walks from token to token.
//   5.0  no gate; decay and bonus are one number per head
//   5.1  a gate behind the norm of the heads
//   5.2  decay and bonus per channel of the key
#ifndef SKEIN_BACKENDS_EQUATIONS_RWKV5_H_
#define SKEIN_BACKENDS_EQUATIONS_RWKV5_H_

#include "equations/gated_channel_mix.h"
#include "equations/ops.h"
#include "equations/rwkv5_activations.h"
#include "equations/rwkv5_weights.h"

namespace skein::kit {

// x += TimeMix(LayerNorm(x)).
template <Rwkv5Ops Ops>
void TimeMix(Ops& ops, const Rwkv5Layer<typename Ops::Matrix>& layer, const Rwkv5Activations& act) {
  ops.NormShift(act.x, layer.time_norm, layer.state.time_shift,
                {{layer.mix_r, act.xr}, {layer.mix_k, act.xk}, {layer.mix_v, act.xv}, {layer.mix_g, act.xg}});

  ops.Multiply({{layer.receptance, act.xr, act.r},
                {layer.key, act.xk, act.k},
                {layer.value, act.xv, act.v},
                {layer.gate, act.xg, act.g, Then::kSilu}});

  ops.Wkv5({.r = act.r, .k = act.k, .v = act.v, .w = layer.decay, .w_stride = 0, .bonus = layer.bonus}, layer.state.wkv,
           act.y);
  ops.NormGate(act.y, layer.group_norm, layer.gate == nullptr ? Rows{} : act.g);
  ops.Multiply({{layer.output, act.y, act.x, Then::kAdd}});
}

// The generation, as segment.h takes it.
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
