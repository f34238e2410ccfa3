// RWKV-7 "Goose" (x070): the equations of the paper, arXiv:2503.14456, over the ops of ops.h. One line a step; what
// each op computes is said there, names and shapes of the weights in rwkv7_weights.h. All rows of a step go through
// together; only Wkv7 walks from token to token.
#ifndef SKEIN_BACKENDS_EQUATIONS_RWKV7_H_
#define SKEIN_BACKENDS_EQUATIONS_RWKV7_H_

#include "equations/ops.h"
#include "equations/rwkv7_activations.h"
#include "equations/rwkv7_weights.h"

namespace skein::kit {

// x += TimeMix(LayerNorm(x)).
template <Rwkv7Ops Ops>
void TimeMix(Ops& ops, const Rwkv7Layer<typename Ops::Matrix>& layer, const Rwkv7Activations& act) {
  const Rows v = layer.is_first ? act.v_first : act.v;  // v_first: the value of layer 0, which all later layers see

  ops.NormShift(act.x, layer.time_norm, layer.state.time_shift,
                {{layer.mix_r, act.xr},
                 {layer.mix_w, act.xw},
                 {layer.mix_k, act.xk},
                 {layer.mix_v, act.xv},
                 {layer.mix_a, act.xa},
                 {layer.mix_g, act.xg}});

  ops.Multiply({{layer.receptance, act.xr, act.r},
                {layer.key, act.xk, act.k},
                {layer.value, act.xv, v},
                {layer.decay_down, act.xw, act.decay_rank, Then::kTanh},
                {layer.iclr_down, act.xa, act.iclr_rank},
                {layer.value_down, act.xv, act.value_rank},
                {layer.gate_down, act.xg, act.gate_rank, Then::kSigmoid}});
  ops.Multiply({{layer.decay_up, act.decay_rank, act.w},
                {layer.iclr_up, act.iclr_rank, act.a},
                {layer.value_up, act.value_rank, act.value_gate},
                {layer.gate_up, act.gate_rank, act.g}});

  ops.Decay7(act.w, layer.decay_bias);
  ops.Keys(act.k, act.a, act.kk, layer.iclr_bias, layer.key_k, layer.key_a);
  if (!layer.is_first) ops.ValueResidual(act.v, act.v_first, act.value_gate, layer.value_bias);

  const Wkv7Inputs inputs = {.r = act.r, .w = act.w, .k = act.k, .v = v, .kk = act.kk, .b = act.a};
  ops.Wkv7(inputs, layer.state.wkv, act.y);
  ops.NormBonusGate(act.y, layer.group_norm, inputs, layer.bonus, act.g);
  ops.Multiply({{layer.output, act.y, act.x, Then::kAdd}});
}

// x += ChannelMix(LayerNorm(x)).
template <Rwkv7Ops Ops>
void ChannelMix(Ops& ops, const Rwkv7Layer<typename Ops::Matrix>& layer, const Rwkv7Activations& act) {
  ops.NormShift(act.x, layer.channel_norm, layer.state.channel_shift, {{layer.channel_mix, act.xk}});
  ops.Multiply({{layer.channel_key, act.xk, act.channel, Then::kReluSquare}});
  ops.Multiply({{layer.channel_value, act.channel, act.x, Then::kAdd}});
}

// The generation, as segment.h takes it.
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
