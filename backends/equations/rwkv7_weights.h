// The weights of an RWKV-7 segment as rwkv7.h reads them, and one list (model_ends.h) that gives each its role.
#ifndef SKEIN_BACKENDS_EQUATIONS_RWKV7_WEIGHTS_H_
#define SKEIN_BACKENDS_EQUATIONS_RWKV7_WEIGHTS_H_

#include <cstdint>
#include <vector>

#include "equations/model_ends.h"
#include "equations/operands.h"
#include "numbers/state_layout.h"
#include "skein/backend.h"

namespace skein::kit {

// Matrix: the form of a matrix that an ops set multiplies by. The segment's weight store owns the targets of the
// pointers.
template <typename Matrix>
struct Rwkv7Layer {
  bool is_first = false;  // of the whole model: its value is v_first, and it has no value residual
  LayerState state;

  Norm time_norm;
  const float *mix_r, *mix_w, *mix_k, *mix_v, *mix_a, *mix_g;
  const Matrix *receptance, *key, *value, *output;
  const Matrix *decay_down, *decay_up, *iclr_down, *iclr_up, *gate_down, *gate_up;
  const Matrix *value_down = nullptr, *value_up = nullptr;  // NULL in the first layer
  const float *decay_bias, *iclr_bias, *value_bias;
  const float *key_k, *key_a, *bonus;
  Norm group_norm;

  Norm channel_norm;
  const float* channel_mix;
  const Matrix *channel_key, *channel_value;
};

template <typename Matrix, typename EmbeddingRows>
struct Rwkv7Weights {
  ModelEnds<Matrix, EmbeddingRows> ends;
  std::vector<Rwkv7Layer<Matrix>> layers;

  // Lists every tensor of the segment, and sets the rest.
  template <typename Visitor>
  void Visit(const skein_segment_desc& desc, Visitor&& visit);
};

template <typename Matrix, typename EmbeddingRows>
template <typename Visitor>
void Rwkv7Weights<Matrix, EmbeddingRows>::Visit(const skein_segment_desc& desc, Visitor&& visit) {
  const skein_backend_model& m = desc.model;
  VisitEnds(desc, ends, visit);
  layers.resize(desc.num_layers);
  for (uint32_t i = 0; i < desc.num_layers; ++i) {
    Rwkv7Layer<Matrix>& layer = layers[i];
    const uint32_t index = desc.first_layer + i;
    layer.is_first = index == 0;
    layer.state = LayerStateAt(m, i);

    VisitNorm(visit, SKEIN_ROLE_TIME_NORM_W, SKEIN_ROLE_TIME_NORM_B, index, m.norm_epsilon, layer.time_norm);
    visit(SKEIN_ROLE_V7_MIX_R, index, layer.mix_r);
    visit(SKEIN_ROLE_V7_MIX_W, index, layer.mix_w);
    visit(SKEIN_ROLE_V7_MIX_K, index, layer.mix_k);
    visit(SKEIN_ROLE_V7_MIX_V, index, layer.mix_v);
    visit(SKEIN_ROLE_V7_MIX_A, index, layer.mix_a);
    visit(SKEIN_ROLE_V7_MIX_G, index, layer.mix_g);
    visit(SKEIN_ROLE_TIME_RECEPTANCE, index, layer.receptance);
    visit(SKEIN_ROLE_TIME_KEY, index, layer.key);
    visit(SKEIN_ROLE_TIME_VALUE, index, layer.value);
    visit(SKEIN_ROLE_V7_DECAY_BIAS, index, layer.decay_bias);
    visit(SKEIN_ROLE_V7_DECAY_DOWN, index, layer.decay_down);
    visit(SKEIN_ROLE_V7_DECAY_UP, index, layer.decay_up);
    visit(SKEIN_ROLE_V7_ICLR_BIAS, index, layer.iclr_bias);
    visit(SKEIN_ROLE_V7_ICLR_DOWN, index, layer.iclr_down);
    visit(SKEIN_ROLE_V7_ICLR_UP, index, layer.iclr_up);
    if (!layer.is_first) {
      visit(SKEIN_ROLE_V7_VALUE_BIAS, index, layer.value_bias);
      visit(SKEIN_ROLE_V7_VALUE_DOWN, index, layer.value_down);
      visit(SKEIN_ROLE_V7_VALUE_UP, index, layer.value_up);
    }
    visit(SKEIN_ROLE_V7_GATE_DOWN, index, layer.gate_down);
    visit(SKEIN_ROLE_V7_GATE_UP, index, layer.gate_up);
    visit(SKEIN_ROLE_V7_KEY_K, index, layer.key_k);
    visit(SKEIN_ROLE_V7_KEY_A, index, layer.key_a);
    visit(SKEIN_ROLE_V7_BONUS, index, layer.bonus);
    VisitNorm(visit, SKEIN_ROLE_TIME_GROUP_NORM_W, SKEIN_ROLE_TIME_GROUP_NORM_B, index, m.group_norm_epsilon,
              layer.group_norm);
    visit(SKEIN_ROLE_TIME_OUTPUT, index, layer.output);

    VisitNorm(visit, SKEIN_ROLE_CHANNEL_NORM_W, SKEIN_ROLE_CHANNEL_NORM_B, index, m.norm_epsilon, layer.channel_norm);
    visit(SKEIN_ROLE_V7_CHANNEL_MIX, index, layer.channel_mix);
    visit(SKEIN_ROLE_CHANNEL_KEY, index, layer.channel_key);
    visit(SKEIN_ROLE_CHANNEL_VALUE, index, layer.channel_value);
  }
}

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_RWKV7_WEIGHTS_H_
