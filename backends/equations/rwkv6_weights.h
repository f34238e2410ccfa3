// The weights of an RWKV-6 segment as rwkv6.h reads them, and one list (model_ends.h) that gives each its
// role and, for a vector, the values that the page reads in place of the parameters (vector_form.h).
#ifndef SKEIN_BACKENDS_EQUATIONS_RWKV6_WEIGHTS_H_
#define SKEIN_BACKENDS_EQUATIONS_RWKV6_WEIGHTS_H_

#include <cstdint>
#include <vector>

#include "equations/gated_channel_mix.h"
#include "equations/model_ends.h"
#include "equations/operands.h"
#include "equations/vector_form.h"
#include "numbers/state_layout.h"
#include "skein/backend.h"

namespace skein::kit {

// Matrix: the form of a matrix that an ops set multiplies by. The segment's weight store owns the targets of the
// pointers.
template <typename Matrix>
struct Rwkv6Layer {
  LayerState state;

  Norm time_norm;
  const float *mix_x, *mix_w, *mix_k, *mix_v, *mix_r, *mix_g;
  const Matrix *mix_down_w, *mix_down_k, *mix_down_v, *mix_down_r, *mix_down_g;
  const Matrix *mix_up_w, *mix_up_k, *mix_up_v, *mix_up_r, *mix_up_g;
  const Matrix *receptance, *key, *value, *gate, *output;
  const Matrix *decay_down, *decay_up;
  const float *decay_bias, *bonus;
  Norm group_norm;

  GatedChannelMix<Matrix> channel_mix;
};

template <typename Matrix, typename EmbeddingRows>
struct Rwkv6Weights {
  ModelEnds<Matrix, EmbeddingRows> ends;
  std::vector<Rwkv6Layer<Matrix>> layers;

  // Lists every tensor of the segment, and sets the rest.
  template <typename Visitor>
  void Visit(const skein_segment_desc& desc, Visitor&& visit);
};

template <typename Matrix, typename EmbeddingRows>
template <typename Visitor>
void Rwkv6Weights<Matrix, EmbeddingRows>::Visit(const skein_segment_desc& desc, Visitor&& visit) {
  const skein_backend_model& m = desc.model;

  VisitEnds(desc, ends, visit);
  layers.resize(desc.num_layers);
  for (uint32_t i = 0; i < desc.num_layers; ++i) {
    Rwkv6Layer<Matrix>& layer = layers[i];
    const uint32_t index = desc.first_layer + i;
    layer.state = LayerStateAt(m, i);

    VisitNorm(visit, SKEIN_ROLE_TIME_NORM_W, SKEIN_ROLE_TIME_NORM_B, index, m.norm_epsilon, layer.time_norm);
    visit(SKEIN_ROLE_V6_MIX_X, index, layer.mix_x);
    visit(SKEIN_ROLE_V6_MIX_W, index, layer.mix_w);
    visit(SKEIN_ROLE_V6_MIX_K, index, layer.mix_k);
    visit(SKEIN_ROLE_V6_MIX_V, index, layer.mix_v);
    visit(SKEIN_ROLE_V6_MIX_R, index, layer.mix_r);
    visit(SKEIN_ROLE_V6_MIX_G, index, layer.mix_g);
    visit(SKEIN_ROLE_V6_MIX_DOWN_W, index, layer.mix_down_w);
    visit(SKEIN_ROLE_V6_MIX_UP_W, index, layer.mix_up_w);
    visit(SKEIN_ROLE_V6_MIX_DOWN_K, index, layer.mix_down_k);
    visit(SKEIN_ROLE_V6_MIX_UP_K, index, layer.mix_up_k);
    visit(SKEIN_ROLE_V6_MIX_DOWN_V, index, layer.mix_down_v);
    visit(SKEIN_ROLE_V6_MIX_UP_V, index, layer.mix_up_v);
    visit(SKEIN_ROLE_V6_MIX_DOWN_R, index, layer.mix_down_r);
    visit(SKEIN_ROLE_V6_MIX_UP_R, index, layer.mix_up_r);
    visit(SKEIN_ROLE_V6_MIX_DOWN_G, index, layer.mix_down_g);
    visit(SKEIN_ROLE_V6_MIX_UP_G, index, layer.mix_up_g);
    visit(SKEIN_ROLE_TIME_RECEPTANCE, index, layer.receptance);
    visit(SKEIN_ROLE_TIME_KEY, index, layer.key);
    visit(SKEIN_ROLE_TIME_VALUE, index, layer.value);
    visit(SKEIN_ROLE_TIME_GATE, index, layer.gate);
    visit(SKEIN_ROLE_V6_DECAY_BIAS, index, layer.decay_bias);
    visit(SKEIN_ROLE_V6_DECAY_DOWN, index, layer.decay_down);
    visit(SKEIN_ROLE_V6_DECAY_UP, index, layer.decay_up);
    visit(SKEIN_ROLE_V5_BONUS, index, layer.bonus);
    VisitNorm(visit, SKEIN_ROLE_TIME_GROUP_NORM_W, SKEIN_ROLE_TIME_GROUP_NORM_B, index, m.group_norm_epsilon,
              layer.group_norm);
    visit(SKEIN_ROLE_TIME_OUTPUT, index, layer.output);

    VisitChannelMix(m, kChannelMix6, index, layer.channel_mix, visit);
  }
}

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_RWKV6_WEIGHTS_H_
