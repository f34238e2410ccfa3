// The weights of an RWKV-5.0, 5.1 or 5.2 segment as rwkv5.h reads them, and one list (model_ends.h) that says for each
// its role and shape, and what the page reads in place of the parameter (vector_form.h).
#ifndef SKEIN_BACKENDS_EQUATIONS_RWKV5_WEIGHTS_H_
#define SKEIN_BACKENDS_EQUATIONS_RWKV5_WEIGHTS_H_

#include <cstdint>
#include <vector>

#include "equations/gated_channel_mix.h"
#include "equations/layer_state.h"
#include "equations/model_ends.h"
#include "equations/ops.h"
#include "equations/vector_form.h"
#include "skein/backend.h"

namespace skein::kit {

// Matrix: what an ops set multiplies by. All pointers stay those of the segment's weight store.
template <typename Matrix>
struct Rwkv5Layer {
  LayerState state;

  Norm time_norm;
  const float *mix_k, *mix_v, *mix_r;  // shares of the token before
  const float* mix_g = nullptr;        // NULL in RWKV-5.0, which has no gate
  const Matrix *receptance, *key, *value, *output;
  const Matrix* gate = nullptr;  // NULL in RWKV-5.0
  const float *decay, *bonus;    // [A]; in RWKV-5.0 and 5.1 equal within a head
  Norm group_norm;

  GatedChannelMix<Matrix> channel_mix;
};

template <typename Matrix, typename EmbeddingRows>
struct Rwkv5Weights {
  ModelEnds<Matrix, EmbeddingRows> ends;
  std::vector<Rwkv5Layer<Matrix>> layers;

  // Lists every tensor of the segment, and sets the rest.
  template <typename Visitor>
  void Visit(const skein_segment_desc& desc, Visitor&& visit);
};

template <typename Matrix, typename EmbeddingRows>
template <typename Visitor>
void Rwkv5Weights<Matrix, EmbeddingRows>::Visit(const skein_segment_desc& desc, Visitor&& visit) {
  const skein_backend_model& m = desc.model;
  const uint32_t C = m.d_model, A = m.d_att;
  const uint32_t H = m.num_heads, N = m.head_size;
  const bool has_gate = m.variant >= 1;
  const bool is_per_channel = m.variant >= 2;  // decay and bonus; before, per head
  const Formula bonus_formula = m.variant == 0 ? Formula::kExp : Formula::kAsIs;

  VisitEnds(desc, ends, visit);
  layers.resize(desc.num_layers);
  for (uint32_t i = 0; i < desc.num_layers; ++i) {
    Rwkv5Layer<Matrix>& layer = layers[i];
    const uint32_t index = desc.first_layer + i;
    layer.state = LayerStateAt(m, i);

    VisitNorm(visit, SKEIN_ROLE_TIME_NORM_W, SKEIN_ROLE_TIME_NORM_B, index, C, m.norm_epsilon, layer.time_norm);
    visit(SKEIN_ROLE_V4_MIX_K, index, layer.mix_k, {C}, {Formula::kOneMinus});
    visit(SKEIN_ROLE_V4_MIX_V, index, layer.mix_v, {C}, {Formula::kOneMinus});
    visit(SKEIN_ROLE_V4_MIX_R, index, layer.mix_r, {C}, {Formula::kOneMinus});
    if (has_gate) visit(SKEIN_ROLE_V5_MIX_G, index, layer.mix_g, {C}, {Formula::kOneMinus});
    visit(SKEIN_ROLE_TIME_RECEPTANCE, index, layer.receptance, {A, C});
    visit(SKEIN_ROLE_TIME_KEY, index, layer.key, {A, C});
    visit(SKEIN_ROLE_TIME_VALUE, index, layer.value, {A, C});
    if (has_gate) visit(SKEIN_ROLE_TIME_GATE, index, layer.gate, {A, C});
    if (is_per_channel) {
      visit(SKEIN_ROLE_V5_DECAY, index, layer.decay, {H, N}, {Formula::kExpMinusExp});
      visit(SKEIN_ROLE_V5_BONUS, index, layer.bonus, {H, N});
    } else {
      visit(SKEIN_ROLE_V5_DECAY, index, layer.decay, {H}, {Formula::kExpMinusExp, N});
      visit(SKEIN_ROLE_V5_BONUS, index, layer.bonus, {H}, {bonus_formula, N});
    }
    VisitNorm(visit, SKEIN_ROLE_TIME_GROUP_NORM_W, SKEIN_ROLE_TIME_GROUP_NORM_B, index, A, m.group_norm_epsilon,
              layer.group_norm);
    visit(SKEIN_ROLE_TIME_OUTPUT, index, layer.output, {C, A});

    VisitChannelMix(m, kChannelMix4, index, layer.channel_mix, visit);
  }
}

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_RWKV5_WEIGHTS_H_
