// The blocks of activations that one step of an RWKV-6 segment works in. Names are the paper's.
#ifndef SKEIN_BACKENDS_EQUATIONS_RWKV6_ACTIVATIONS_H_
#define SKEIN_BACKENDS_EQUATIONS_RWKV6_ACTIVATIONS_H_

#include <array>
#include <cstdint>

#include "equations/activations.h"
#include "equations/gated_channel_mix.h"
#include "equations/ops.h"
#include "skein/backend.h"

namespace skein::kit {

struct Rwkv6Activations {
  Rows x;                                                   // the residual stream
  Rows n, n_before;                                         // the token and the one before it, normalised
  Rows z;                                                   // their first blend, from which the other mixes are made
  Rows rank_w, rank_k, rank_v, rank_r, rank_g, decay_rank;  // between the two halves of each low-rank product
  Rows xw;
  Rows r, w, k, v, g, y;  // [T, A]
  GatedChannelMixActivations channel_mix;
  // In the memory of the channel-mix, which comes after the time-mix:
  Rows xr, xk, xv, xg;
  Rows hidden;  // of xr: the output rows after the last norm, as many as are wanted

  Rwkv6Activations(const skein_backend_model& m, uint32_t num_output_rows, RowDealer& dealer) {
    for (Rows* rows : {&x, &n, &n_before, &z, &xw}) *rows = dealer.Take(m.d_model);
    for (Rows* rows : {&rank_w, &rank_k, &rank_v, &rank_r, &rank_g}) *rows = dealer.Take(m.rank_mix);
    decay_rank = dealer.Take(m.rank_decay);
    for (Rows* rows : {&r, &w, &k, &v, &g, &y}) *rows = dealer.Take(m.d_att);
    channel_mix = LayOutChannelMix(m, dealer);
    xr = channel_mix.xr;
    xk = channel_mix.xk;
    xv = channel_mix.gate;
    xg = channel_mix.value;
    hidden = FirstRows(xr, num_output_rows);
  }

  // What crosses a cut between segments, by SKEIN_CARRY_*.
  static constexpr uint32_t kNumCarries = 1;
  std::array<Rows, kNumCarries> Carries() const { return {x}; }
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_RWKV6_ACTIVATIONS_H_
