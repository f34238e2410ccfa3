// RWKV-6 "Finch" (x060): the equations of the paper, arXiv:2404.05892, over the ops of ops.h. One line a step; what
// each op computes is said there, names and shapes of the weights in rwkv6_weights.h, the channel-mix in
// gated_channel_mix.h. All rows of a step go through together; only Wkv5 walks from token to token. It is RWKV-5.2 with
// token shift and decay that depend on the data.
#ifndef SKEIN_BACKENDS_EQUATIONS_RWKV6_H_
#define SKEIN_BACKENDS_EQUATIONS_RWKV6_H_

#include "equations/gated_channel_mix.h"
#include "equations/ops.h"
#include "equations/rwkv6_activations.h"
#include "equations/rwkv6_weights.h"

namespace skein::kit {

// x += TimeMix(LayerNorm(x)).
template <Rwkv6Ops Ops>
void TimeMix(Ops& ops, const Rwkv6Layer<typename Ops::Matrix>& layer, const Rwkv6Activations& act) {
  // The token shift: a first blend of the token with the one before says how much of each the other five take.
  ops.NormShift(act.x, layer.time_norm, layer.state.time_shift,
                {{layer.mix_x, act.z}, {layer.mix_none, act.n}, {layer.mix_all, act.n_before}});
  ops.Multiply({{layer.mix_down_w, act.z, act.rank_w, Then::kTanh},
                {layer.mix_down_k, act.z, act.rank_k, Then::kTanh},
                {layer.mix_down_v, act.z, act.rank_v, Then::kTanh},
                {layer.mix_down_r, act.z, act.rank_r, Then::kTanh},
                {layer.mix_down_g, act.z, act.rank_g, Then::kTanh}});
  ops.Multiply({{layer.mix_up_w, act.rank_w, act.xw},
                {layer.mix_up_k, act.rank_k, act.xk},
                {layer.mix_up_v, act.rank_v, act.xv},
                {layer.mix_up_r, act.rank_r, act.xr},
                {layer.mix_up_g, act.rank_g, act.xg}});
  ops.DataShift(act.n, act.n_before,
                {{layer.mix_w, act.xw},
                 {layer.mix_k, act.xk},
                 {layer.mix_v, act.xv},
                 {layer.mix_r, act.xr},
                 {layer.mix_g, act.xg}});

  ops.Multiply({{layer.receptance, act.xr, act.r},
                {layer.key, act.xk, act.k},
                {layer.value, act.xv, act.v},
                {layer.gate, act.xg, act.g, Then::kSilu},
                {layer.decay_down, act.xw, act.decay_rank, Then::kTanh}});
  ops.Multiply({{layer.decay_up, act.decay_rank, act.w}});
  ops.Decay6(act.w, layer.decay_bias);

  ops.Wkv5({.r = act.r, .k = act.k, .v = act.v, .w = act.w.data, .w_stride = act.w.width, .bonus = layer.bonus},
           layer.state.wkv, act.y);
  ops.NormGate(act.y, layer.group_norm, act.g);
  ops.Multiply({{layer.output, act.y, act.x, Then::kAdd}});
}

// The generation, as segment.h takes it.
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
