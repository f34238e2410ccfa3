// The weights of an RWKV-5.0, 5.1 or 5.2 segment as rwkv5.h reads them, and one list (model_ends.h) that gives each its
// role and, for a vector, the values that the page reads in place of the parameters (vector_form.h).
#ifndef SKEIN_BACKENDS_EQUATIONS_RWKV5_WEIGHTS_H_
#define SKEIN_BACKENDS_EQUATIONS_RWKV5_WEIGHTS_H_

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
struct Rwkv5Layer {
  LayerState state;

  Norm time_norm;
  const float *mix_k, *mix_v, *mix_r;  // 1 - μ: shares of the token before
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
  const bool has_gate = m.variant >= 1;
  const bool is_per_channel = m.variant >= 2;  // decay and bonus; before, per head
  const Formula bonus_formula = m.variant == 0 ? Formula::kExp : Formula::kAsIs;

  VisitEnds(desc, ends, visit);
  layers.resize(desc.num_layers);
  for (uint32_t i = 0; i < desc.num_layers; ++i) {
    Rwkv5Layer<Matrix>& layer = layers[i];
    const uint32_t index = desc.first_layer + i;
    layer.state = LayerStateAt(m, i);

    VisitNorm(visit, SKEIN_ROLE_TIME_NORM_W, SKEIN_ROLE_TIME_NORM_B, index, m.norm_epsilon, layer.time_norm);
    visit(SKEIN_ROLE_V4_MIX_K, index, layer.mix_k, {Formula::kOneMinus});
    visit(SKEIN_ROLE_V4_MIX_V, index, layer.mix_v, {Formula::kOneMinus});
    visit(SKEIN_ROLE_V4_MIX_R, index, layer.mix_r, {Formula::kOneMinus});
    if (has_gate) visit(SKEIN_ROLE_V5_MIX_G, index, layer.mix_g, {Formula::kOneMinus});
    visit(SKEIN_ROLE_TIME_RECEPTANCE, index, layer.receptance);
    visit(SKEIN_ROLE_TIME_KEY, index, layer.key);
    visit(SKEIN_ROLE_TIME_VALUE, index, layer.value);
    if (has_gate) visit(SKEIN_ROLE_TIME_GATE, index, layer.gate);
    if (is_per_channel) {
      visit(SKEIN_ROLE_V5_DECAY, index, layer.decay, {Formula::kExpMinusExp});
      visit(SKEIN_ROLE_V5_BONUS, index, layer.bonus);
    } else {
      visit(SKEIN_ROLE_V5_DECAY, index, layer.decay, {Formula::kExpMinusExp, m.head_size});
      visit(SKEIN_ROLE_V5_BONUS, index, layer.bonus, {bonus_formula, m.head_size});
    }
    VisitNorm(visit, SKEIN_ROLE_TIME_GROUP_NORM_W, SKEIN_ROLE_TIME_GROUP_NORM_B, index, m.group_norm_epsilon,
              layer.group_norm);
    visit(SKEIN_ROLE_TIME_OUTPUT, index, layer.output);

    VisitChannelMix(m, kChannelMix4, index, layer.channel_mix, visit);
  }
}

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_RWKV5_WEIGHTS_H_
