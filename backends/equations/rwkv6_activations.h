// The blocks of activations that one step of an RWKV-6 segment works in. Names are the paper's.
#ifndef SKEIN_BACKENDS_EQUATIONS_RWKV6_ACTIVATIONS_H_
#define SKEIN_BACKENDS_EQUATIONS_RWKV6_ACTIVATIONS_H_

#include <array>
#include <cstdint>

#include "equations/activations.h"
#include "equations/gated_channel_mix.h"
#include "equations/operands.h"
#include "skein/backend.h"

namespace skein::kit {

struct Rwkv6Activations {
  Rows x;            // the residual stream
  Rows n, n_before;  // the token's row and that of the token before, normalised
  Rows z;            // their first blend, from which the mixes of the second shift are made
  Rows rank_w, rank_k, rank_v, rank_r, rank_g, decay_rank;  // between the two factors of each low-rank product
  Rows mw;
  Rows r, decay, k, v, g, y;  // [T, A]
  GatedChannelMixActivations channel_mix;
  // Over rows of the channel-mix, which is after the time-mix:
  Rows mr, mk, mv, mg;
  // Each over the row from which it is made:
  Rows xw, xr, xk, xv, xg;  // over mw, mr, mk, mv, mg
  Rows w;                   // over decay
  Rows gated;               // over y
  Rows hidden;              // over xr: the wanted rows after the output norm

  Rwkv6Activations(const skein_backend_model& m, uint32_t num_output_rows, RowDealer& dealer) {
    for (Rows* rows : {&x, &n, &n_before, &z, &mw}) *rows = dealer.Take(m.d_model);
    for (Rows* rows : {&rank_w, &rank_k, &rank_v, &rank_r, &rank_g}) *rows = dealer.Take(m.rank_mix);
    decay_rank = dealer.Take(m.rank_decay);
    for (Rows* rows : {&r, &decay, &k, &v, &g, &y}) *rows = dealer.Take(m.d_att);
    channel_mix = LayOutChannelMix(m, dealer);
    xw = mw;
    xr = mr = channel_mix.xr;
    xk = mk = channel_mix.xk;
    xv = mv = channel_mix.gate;
    xg = mg = channel_mix.value;
    w = decay;
    gated = y;
    hidden = FirstRows(xr, num_output_rows);
  }

  // The rows that cross a cut between segments, by SKEIN_CARRY_*.
  static constexpr uint32_t kNumCarries = 1;
  std::array<Rows, kNumCarries> Carries() const { return {x}; }
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_RWKV6_ACTIVATIONS_H_
