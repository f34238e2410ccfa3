// The blocks of activations that one step of an RWKV-7 segment works in. Names are the paper's.
#ifndef SKEIN_BACKENDS_EQUATIONS_RWKV7_ACTIVATIONS_H_
#define SKEIN_BACKENDS_EQUATIONS_RWKV7_ACTIVATIONS_H_

#include <array>
#include <cstdint>

#include "equations/activations.h"
#include "equations/ops.h"
#include "skein/backend.h"

namespace skein::kit {

struct Rwkv7Activations {
  Rows x;        // the residual stream
  Rows v_first;  // value of layer 0, for every later layer
  Rows xr, xw, xk, xv, xa, xg;
  Rows decay_rank, iclr_rank, value_rank, gate_rank;  // between the two halves of each low-rank product
  Rows r, k, v;
  Rows channel;  // [T, F]
  // What comes after the first products takes the place of what only they read.
  Rows y, w, kk, value_gate, a, g;  // of xr, xw, xk, xv, xa, xg
  Rows hidden;                      // of xr: the output rows after the last norm, as many as are wanted

  Rwkv7Activations(const skein_backend_model& m, uint32_t num_output_rows, RowDealer& dealer) {
    const uint32_t C = m.d_model;
    for (Rows* rows : {&x, &v_first, &xr, &xw, &xk, &xv, &xa, &xg, &r, &k, &v}) *rows = dealer.Take(C);
    channel = dealer.Take(m.d_ffn);
    decay_rank = dealer.Take(m.rank_decay);
    iclr_rank = dealer.Take(m.rank_iclr);
    value_rank = dealer.Take(m.rank_value);
    gate_rank = dealer.Take(m.rank_gate);
    y = xr;
    w = xw;
    kk = xk;
    value_gate = xv;
    a = xa;
    g = xg;
    hidden = FirstRows(xr, num_output_rows);
  }

  // What crosses a cut between segments, by SKEIN_CARRY_*.
  static constexpr uint32_t kNumCarries = 2;
  std::array<Rows, kNumCarries> Carries() const { return {x, v_first}; }
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_RWKV7_ACTIVATIONS_H_
