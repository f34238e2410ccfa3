// The weights of an RWKV-4 segment as rwkv4.h reads them, and one list (model_ends.h) that gives each its
// role and, for a vector, the values that the page reads in place of the parameters (vector_form.h).
#ifndef SKEIN_BACKENDS_EQUATIONS_RWKV4_WEIGHTS_H_
#define SKEIN_BACKENDS_EQUATIONS_RWKV4_WEIGHTS_H_

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
struct Rwkv4Layer {
  LayerState state;

  Norm time_norm;
  const float *mix_k, *mix_v, *mix_r;  // 1 - μ: shares of the token before
  const Matrix *receptance, *key, *value, *output;
  const float* decay;  // logarithm of the factor
  const float* bonus;

  GatedChannelMix<Matrix> channel_mix;
};

template <typename Matrix, typename EmbeddingRows>
struct Rwkv4Weights {
  ModelEnds<Matrix, EmbeddingRows> ends;
  std::vector<Rwkv4Layer<Matrix>> layers;

  // Lists every tensor of the segment, and sets the rest.
  template <typename Visitor>
  void Visit(const skein_segment_desc& desc, Visitor&& visit);
};

template <typename Matrix, typename EmbeddingRows>
template <typename Visitor>
void Rwkv4Weights<Matrix, EmbeddingRows>::Visit(const skein_segment_desc& desc, Visitor&& visit) {
  const skein_backend_model& m = desc.model;

  VisitEnds(desc, ends, visit);
  layers.resize(desc.num_layers);
  for (uint32_t i = 0; i < desc.num_layers; ++i) {
    Rwkv4Layer<Matrix>& layer = layers[i];
    const uint32_t index = desc.first_layer + i;
    layer.state = LayerStateAt(m, i);

    VisitNorm(visit, SKEIN_ROLE_TIME_NORM_W, SKEIN_ROLE_TIME_NORM_B, index, m.norm_epsilon, layer.time_norm);
    visit(SKEIN_ROLE_V4_MIX_K, index, layer.mix_k, {Formula::kOneMinus});
    visit(SKEIN_ROLE_V4_MIX_V, index, layer.mix_v, {Formula::kOneMinus});
    visit(SKEIN_ROLE_V4_MIX_R, index, layer.mix_r, {Formula::kOneMinus});
    visit(SKEIN_ROLE_TIME_RECEPTANCE, index, layer.receptance);
    visit(SKEIN_ROLE_TIME_KEY, index, layer.key);
    visit(SKEIN_ROLE_TIME_VALUE, index, layer.value);
    visit(SKEIN_ROLE_V4_DECAY, index, layer.decay, {Formula::kMinusExp});
    visit(SKEIN_ROLE_V4_BONUS, index, layer.bonus);
    visit(SKEIN_ROLE_TIME_OUTPUT, index, layer.output);

    VisitChannelMix(m, kChannelMix4, index, layer.channel_mix, visit);
  }
}

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_RWKV4_WEIGHTS_H_
