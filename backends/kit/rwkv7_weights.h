// The weights of an RWKV-7 segment as rwkv7.h reads them, and one list that says for each its role and shape: what a
// segment expects, checks and binds all follow from it. Shapes and the names in checkpoints are in skein/backend.h.
#ifndef SKEIN_BACKENDS_KIT_RWKV7_WEIGHTS_H_
#define SKEIN_BACKENDS_KIT_RWKV7_WEIGHTS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kit/ops.h"
#include "skein/backend.h"

namespace skein::kit {

// Where a layer's part of a state lies: offsets in floats from the beginning of the segment's state. Layout per layer,
// as in backend.h: time_shift [C], channel_shift [C], wkv [H][N][N].
struct Rwkv7LayerState {
  size_t time_shift = 0;
  size_t channel_shift = 0;
  size_t wkv = 0;
};

inline uint64_t Rwkv7LayerStateFloats(const skein_backend_model& model) {
  return (2 + uint64_t{model.head_size}) * model.d_model;
}

// Matrix: what an ops set multiplies by. All pointers stay those of the segment's weight store.
template <typename Matrix>
struct Rwkv7Layer {
  bool is_first = false;  // of the whole model: its value is v_first, and it has no value residual
  Rwkv7LayerState state;

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

// Table: rows that are looked up by token id.
template <typename Matrix, typename Table>
struct Rwkv7Weights {
  const Table* embedding = nullptr;  // NULL: the segment starts from the carries
  Norm embedding_norm;
  std::vector<Rwkv7Layer<Matrix>> layers;
  Norm output_norm;
  const Matrix* head = nullptr;  // NULL: the segment ends with the carries
};

// Calls visit(role, layer index in the model, pointer to fill, shape...) for each tensor of the segment, and sets the
// rest. A pointer to float is a vector, whatever its shape.
template <typename Matrix, typename Table, typename Visitor>
void VisitRwkv7(const skein_segment_desc& desc, Rwkv7Weights<Matrix, Table>& weights, Visitor&& visit) {
  const skein_backend_model& m = desc.model;
  const uint32_t C = m.d_model, F = m.d_ffn, V = m.vocab_size;
  const auto visit_norm = [&](Norm& norm, uint32_t weight_role, uint32_t bias_role, uint32_t layer, float epsilon) {
    norm.epsilon = epsilon;
    visit(weight_role, layer, norm.weight, C);
    visit(bias_role, layer, norm.bias, C);
  };

  if (desc.flags & SKEIN_SEGMENT_EMBEDDING) {
    visit(SKEIN_ROLE_EMBEDDING, 0u, weights.embedding, V, C);
    visit_norm(weights.embedding_norm, SKEIN_ROLE_EMBEDDING_NORM_W, SKEIN_ROLE_EMBEDDING_NORM_B, 0, m.norm_epsilon);
  }
  weights.layers.resize(desc.num_layers);
  for (uint32_t i = 0; i < desc.num_layers; ++i) {
    Rwkv7Layer<Matrix>& layer = weights.layers[i];
    const uint32_t index = desc.first_layer + i;
    layer.is_first = index == 0;
    layer.state.time_shift = i * Rwkv7LayerStateFloats(m);
    layer.state.channel_shift = layer.state.time_shift + C;
    layer.state.wkv = layer.state.channel_shift + C;

    visit_norm(layer.time_norm, SKEIN_ROLE_TIME_NORM_W, SKEIN_ROLE_TIME_NORM_B, index, m.norm_epsilon);
    visit(SKEIN_ROLE_V7_MIX_R, index, layer.mix_r, C);
    visit(SKEIN_ROLE_V7_MIX_W, index, layer.mix_w, C);
    visit(SKEIN_ROLE_V7_MIX_K, index, layer.mix_k, C);
    visit(SKEIN_ROLE_V7_MIX_V, index, layer.mix_v, C);
    visit(SKEIN_ROLE_V7_MIX_A, index, layer.mix_a, C);
    visit(SKEIN_ROLE_V7_MIX_G, index, layer.mix_g, C);
    visit(SKEIN_ROLE_TIME_RECEPTANCE, index, layer.receptance, C, C);
    visit(SKEIN_ROLE_TIME_KEY, index, layer.key, C, C);
    visit(SKEIN_ROLE_TIME_VALUE, index, layer.value, C, C);
    visit(SKEIN_ROLE_V7_DECAY_BIAS, index, layer.decay_bias, C);
    visit(SKEIN_ROLE_V7_DECAY_DOWN, index, layer.decay_down, m.rank_decay, C);
    visit(SKEIN_ROLE_V7_DECAY_UP, index, layer.decay_up, C, m.rank_decay);
    visit(SKEIN_ROLE_V7_ICLR_BIAS, index, layer.iclr_bias, C);
    visit(SKEIN_ROLE_V7_ICLR_DOWN, index, layer.iclr_down, m.rank_iclr, C);
    visit(SKEIN_ROLE_V7_ICLR_UP, index, layer.iclr_up, C, m.rank_iclr);
    if (!layer.is_first) {
      visit(SKEIN_ROLE_V7_VALUE_BIAS, index, layer.value_bias, C);
      visit(SKEIN_ROLE_V7_VALUE_DOWN, index, layer.value_down, m.rank_value, C);
      visit(SKEIN_ROLE_V7_VALUE_UP, index, layer.value_up, C, m.rank_value);
    }
    visit(SKEIN_ROLE_V7_GATE_DOWN, index, layer.gate_down, m.rank_gate, C);
    visit(SKEIN_ROLE_V7_GATE_UP, index, layer.gate_up, C, m.rank_gate);
    visit(SKEIN_ROLE_V7_KEY_K, index, layer.key_k, C);
    visit(SKEIN_ROLE_V7_KEY_A, index, layer.key_a, C);
    visit(SKEIN_ROLE_V7_BONUS, index, layer.bonus, m.num_heads, m.head_size);
    visit_norm(layer.group_norm, SKEIN_ROLE_TIME_GROUP_NORM_W, SKEIN_ROLE_TIME_GROUP_NORM_B, index,
               m.group_norm_epsilon);
    visit(SKEIN_ROLE_TIME_OUTPUT, index, layer.output, C, C);

    visit_norm(layer.channel_norm, SKEIN_ROLE_CHANNEL_NORM_W, SKEIN_ROLE_CHANNEL_NORM_B, index, m.norm_epsilon);
    visit(SKEIN_ROLE_V7_CHANNEL_MIX, index, layer.channel_mix, C);
    visit(SKEIN_ROLE_CHANNEL_KEY, index, layer.channel_key, F, C);
    visit(SKEIN_ROLE_CHANNEL_VALUE, index, layer.channel_value, C, F);
  }
  if (desc.flags & SKEIN_SEGMENT_HEAD) {
    visit_norm(weights.output_norm, SKEIN_ROLE_OUTPUT_NORM_W, SKEIN_ROLE_OUTPUT_NORM_B, 0, m.norm_epsilon);
    visit(SKEIN_ROLE_HEAD, 0u, weights.head, V, C);
  }
}

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_KIT_RWKV7_WEIGHTS_H_
