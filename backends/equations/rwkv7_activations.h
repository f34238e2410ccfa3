// The blocks of activations that one step of an RWKV-7 segment works in. Names are the paper's.
#ifndef SKEIN_BACKENDS_EQUATIONS_RWKV7_ACTIVATIONS_H_
#define SKEIN_BACKENDS_EQUATIONS_RWKV7_ACTIVATIONS_H_

#include <array>
#include <cstdint>

#include "equations/activations.h"
#include "equations/operands.h"
#include "skein/backend.h"

namespace skein::kit {

struct Rwkv7Activations {
  Rows x;        // the residual stream
  Rows v_first;  // value of layer 0, for every later layer
  Rows xr, xw, xk, xv, xa, xg;
  Rows r, key, value;
  Rows channel;                                       // [T, F]
  Rows decay_rank, rate_rank, value_rank, gate_rank;  // between the two factors of each low-rank product
  // Over rows that the first products alone read:
  Rows y, decay, kk, value_gate, rate, g;  // over xr, xw, xk, xv, xa, xg
  // Each over the row from which it is made:
  Rows w, b, k, v, gated;  // over decay, rate, key, value, y
  Rows hidden;             // over xr: the wanted rows after the output norm

  Rwkv7Activations(const skein_backend_model& m, uint32_t num_output_rows, RowDealer& dealer) {
    const uint32_t C = m.d_model;
    for (Rows* rows : {&x, &v_first, &xr, &xw, &xk, &xv, &xa, &xg, &r, &key, &value}) *rows = dealer.Take(C);
    channel = dealer.Take(m.d_ffn);
    decay_rank = dealer.Take(m.rank_decay);
    rate_rank = dealer.Take(m.rank_iclr);
    value_rank = dealer.Take(m.rank_value);
    gate_rank = dealer.Take(m.rank_gate);
    y = gated = xr;
    decay = w = xw;
    kk = xk;
    value_gate = xv;
    rate = b = xa;
    g = xg;
    k = key;
    v = value;
    hidden = FirstRows(xr, num_output_rows);
  }

  // The rows that cross a cut between segments, by SKEIN_CARRY_*.
  static constexpr uint32_t kNumCarries = 2;
  std::array<Rows, kNumCarries> Carries() const { return {x, v_first}; }
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_RWKV7_ACTIVATIONS_H_
