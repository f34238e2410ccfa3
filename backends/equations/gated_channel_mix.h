// The channel-mix that RWKV-4, 5 and 6 share: its weights, its activations and its equations. The generations differ in
// the roles and the sense of the two mixes only.
#ifndef SKEIN_BACKENDS_EQUATIONS_GATED_CHANNEL_MIX_H_
#define SKEIN_BACKENDS_EQUATIONS_GATED_CHANNEL_MIX_H_

#include <cstddef>
#include <cstdint>

#include "equations/activations.h"
#include "equations/model_ends.h"
#include "equations/operands.h"
#include "equations/ops_concepts.h"
#include "equations/vector_form.h"
#include "skein/backend.h"

namespace skein::kit {

template <typename Matrix>
struct GatedChannelMix {
  Norm norm;
  const float *mix_k, *mix_r;
  const Matrix *key, *receptance, *value;
};

// The roles of the mixes, and their conversion to shares of the token before.
struct ChannelMixRoles {
  uint32_t mix_k, mix_r;
  Formula formula;
};
constexpr ChannelMixRoles kChannelMix4 = {SKEIN_ROLE_V4_CHANNEL_MIX_K, SKEIN_ROLE_V4_CHANNEL_MIX_R, Formula::kOneMinus};
constexpr ChannelMixRoles kChannelMix6 = {SKEIN_ROLE_V6_CHANNEL_MIX_K, SKEIN_ROLE_V6_CHANNEL_MIX_R, Formula::kAsIs};

// Lists the weights of layer `layer` of the model; see model_ends.h.
template <typename Matrix, typename Visitor>
void VisitChannelMix(const skein_backend_model& m, const ChannelMixRoles& roles, uint32_t layer,
                     GatedChannelMix<Matrix>& mix, Visitor& visit) {
  VisitNorm(visit, SKEIN_ROLE_CHANNEL_NORM_W, SKEIN_ROLE_CHANNEL_NORM_B, layer, m.norm_epsilon, mix.norm);
  visit(roles.mix_k, layer, mix.mix_k, {roles.formula});
  visit(roles.mix_r, layer, mix.mix_r, {roles.formula});
  visit(SKEIN_ROLE_CHANNEL_KEY, layer, mix.key);
  visit(SKEIN_ROLE_CHANNEL_RECEPTANCE, layer, mix.receptance);
  visit(SKEIN_ROLE_CHANNEL_VALUE, layer, mix.value);
}

struct GatedChannelMixActivations {
  Rows xk, xr, gate, value;  // [T, C]
  Rows channel;              // [T, F]
};

inline GatedChannelMixActivations LayOutChannelMix(const skein_backend_model& m, RowDealer& dealer) {
  GatedChannelMixActivations act;
  for (Rows* rows : {&act.xk, &act.xr, &act.gate, &act.value}) *rows = dealer.Take(m.d_model);
  act.channel = dealer.Take(m.d_ffn);
  return act;
}

// x = x + ChannelMix(LayerNorm(x)).
template <GatedChannelMixOps Ops>
void ChannelMix(Ops& ops, const GatedChannelMix<typename Ops::Matrix>& mix, size_t shift, Rows x,
                const GatedChannelMixActivations& act) {
  // With n = LayerNorm(x), and n' of the token before: x_q = n + (n' - n) ⊙ mix_q
  ops.NormShift(x, mix.norm, shift, {{mix.mix_k, act.xk}, {mix.mix_r, act.xr}});
  ops.Multiply({{mix.key, act.xk, act.channel, Then::kReluSquare},     // channel = max(W_k x_k, 0)²
                {mix.receptance, act.xr, act.gate, Then::kSigmoid}});  // gate = σ(W_r x_r)
  ops.Multiply({{mix.value, act.channel, act.value}});                 // value = W_v channel
  ops.GatedAdd(x, act.gate, act.value);                                // x = x + gate ⊙ value
}

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_GATED_CHANNEL_MIX_H_
