// The blocks of activations that one step of an RWKV-5 segment works in. Names are the paper's.
#ifndef SKEIN_BACKENDS_EQUATIONS_RWKV5_ACTIVATIONS_H_
#define SKEIN_BACKENDS_EQUATIONS_RWKV5_ACTIVATIONS_H_

#include <array>
#include <cstdint>

#include "equations/activations.h"
#include "equations/gated_channel_mix.h"
#include "equations/operands.h"
#include "skein/backend.h"

namespace skein::kit {

struct Rwkv5Activations {
  Rows x;              // the residual stream
  Rows r, k, v, g, y;  // [T, A]
  GatedChannelMixActivations channel_mix;
  // Over rows of the channel-mix, which is after the time-mix:
  Rows xr, xk, xv, xg;
  Rows gated;   // over y: y after its norm, times the gate
  Rows hidden;  // over xr: the wanted rows after the output norm

  Rwkv5Activations(const skein_backend_model& m, uint32_t num_output_rows, RowDealer& dealer) {
    x = dealer.Take(m.d_model);
    for (Rows* rows : {&r, &k, &v, &g, &y}) *rows = dealer.Take(m.d_att);
    channel_mix = LayOutChannelMix(m, dealer);
    xr = channel_mix.xr;
    xk = channel_mix.xk;
    xv = channel_mix.gate;
    xg = channel_mix.value;
    gated = y;
    hidden = FirstRows(xr, num_output_rows);
  }

  // The rows that cross a cut between segments, by SKEIN_CARRY_*.
  static constexpr uint32_t kNumCarries = 1;
  std::array<Rows, kNumCarries> Carries() const { return {x}; }
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_RWKV5_ACTIVATIONS_H_
