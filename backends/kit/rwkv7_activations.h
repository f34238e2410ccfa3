// The blocks of activations that one step of an RWKV-7 segment works in. Names are the paper's.
#ifndef SKEIN_BACKENDS_KIT_RWKV7_ACTIVATIONS_H_
#define SKEIN_BACKENDS_KIT_RWKV7_ACTIVATIONS_H_

#include <cstdint>

#include "kit/ops.h"
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
};

// Floats of memory that the activations take per row.
inline uint64_t Rwkv7ActivationFloats(const skein_backend_model& m) {
  return 11 * uint64_t{m.d_model} + m.rank_decay + m.rank_iclr + m.rank_value + m.rank_gate + m.d_ffn;
}

// Lays the activations of a step of `num_rows` rows out in `memory` of num_rows * Rwkv7ActivationFloats.
inline Rwkv7Activations LayOutRwkv7(const skein_backend_model& m, uint32_t num_rows, uint32_t num_output_rows,
                                    float* memory) {
  const auto take = [&memory, num_rows](uint32_t width) {
    const Rows rows = {memory, num_rows, width};
    memory += size_t{num_rows} * width;
    return rows;
  };
  const uint32_t C = m.d_model;
  Rwkv7Activations act;
  for (Rows* rows :
       {&act.x, &act.v_first, &act.xr, &act.xw, &act.xk, &act.xv, &act.xa, &act.xg, &act.r, &act.k, &act.v}) {
    *rows = take(C);
  }
  act.channel = take(m.d_ffn);
  act.decay_rank = take(m.rank_decay);
  act.iclr_rank = take(m.rank_iclr);
  act.value_rank = take(m.rank_value);
  act.gate_rank = take(m.rank_gate);
  act.y = act.xr;
  act.w = act.xw;
  act.kk = act.xk;
  act.value_gate = act.xv;
  act.a = act.xa;
  act.g = act.xg;
  act.hidden = {act.xr.data, num_output_rows, C};
  return act;
}

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_KIT_RWKV7_ACTIVATIONS_H_
