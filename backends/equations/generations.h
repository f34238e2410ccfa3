// The generations that the in-tree backends run, by number.
//
// A Generation is
//   Weights<Matrix, EmbeddingRows>  what the equations read: Visit(desc, visit) lists every tensor (model_ends.h), and
//                                   sets `ends` and `layers`
//   Activations                     what they work in: Activations(model, num_output_rows, dealer) lays it out, with x
//                                   and hidden; Carries() are the rows that cross a cut, kNumCarries how many
//   RunLayer(ops, layer, act)       the equations: one layer of a step
#ifndef SKEIN_BACKENDS_EQUATIONS_GENERATIONS_H_
#define SKEIN_BACKENDS_EQUATIONS_GENERATIONS_H_

#include <cstdint>
#include <string>
#include <utility>

#include "equations/rwkv4.h"
#include "equations/rwkv5.h"
#include "equations/rwkv6.h"
#include "equations/rwkv7.h"
#include "skein/backend.h"
#include "support/boundary.h"

namespace skein::kit {

// As skein_backend_device.generations says it.
constexpr uint32_t kGenerations = 1u << 4 | 1u << 5 | 1u << 6 | 1u << 7;

// Returns function(Generation()) for the generation of that number. Throws UNIMPLEMENTED if there is none.
template <typename Function>
decltype(auto) WithGeneration(uint32_t generation, Function&& function) {
  switch (generation) {
    case 4:
      return std::forward<Function>(function)(Rwkv4());
    case 5:
      return std::forward<Function>(function)(Rwkv5());
    case 6:
      return std::forward<Function>(function)(Rwkv6());
    case 7:
      return std::forward<Function>(function)(Rwkv7());
    default:
      throw plugin::Error(SKEIN_UNIMPLEMENTED, "RWKV generation " + std::to_string(generation));
  }
}

// A segment's layers, its embedding and its output head, as far as it has them. With several threads, every thread
// calls it with an ops object of its own.
template <typename Generation, typename Ops, typename Weights, typename Activations>
void RunSegment(Ops& ops, const Weights& weights, const Activations& act) {
  Enter(ops, weights.ends, act.x);
  for (const auto& layer : weights.layers) Generation::RunLayer(ops, layer, act);
  Leave(ops, weights.ends, act.x, act.hidden);
}

// Floats that a row of a step takes in the activations.
template <typename Generation>
uint64_t ActivationFloatsPerRow(const skein_backend_model& model) {
  RowDealer counter(nullptr, 0);
  const typename Generation::Activations counted(model, 0, counter);
  return counter.floats_per_row();
}

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_GENERATIONS_H_
