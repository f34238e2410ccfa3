// The generations that the in-tree backends run, and what follows from each one's list of weights.
//
// A Generation is
//   Weights<Matrix, EmbeddingRows>   what the page reads; Visit(desc, visit) lists every tensor (model_ends.h)
//   Activations              what the page works in; Activations(model, num_output_rows, dealer) lays it out, Carries()
//                            are the rows that cross a cut, kNumCarries how many
//   RunLayer(ops, layer, activations)       the page: one layer of a step
#ifndef SKEIN_BACKENDS_EQUATIONS_GENERATIONS_H_
#define SKEIN_BACKENDS_EQUATIONS_GENERATIONS_H_

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "equations/rwkv4.h"
#include "equations/rwkv5.h"
#include "equations/rwkv6.h"
#include "equations/rwkv7.h"
#include "host/weight_store.h"
#include "numbers/roles.h"
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

// What a segment expects to be put, in the order of its generation's list.
template <typename Matrix>
std::vector<ExpectedTensor> ExpectedTensors(const skein_segment_desc& desc) {
  std::vector<ExpectedTensor> expected;
  const auto add = [&](uint32_t role, uint32_t layer, auto*& tensor, const VectorForm& form = {}) {
    using Tensor = std::remove_cvref_t<decltype(*tensor)>;
    const Use use = std::is_same_v<Tensor, float>
                        ? Use::kVector
                        : (std::is_same_v<Tensor, EmbeddingRows> ? Use::kEmbedding : Use::kMatrix);
    const RoleInfo& info = *FindRole(role, desc.model);  // there: a list has the roles of its versions alone
    expected.push_back({.role = role, .layer = layer, .use = use, .shape = RoleShape(info, desc.model), .form = form});
  };
  WithGeneration(desc.model.generation, [&](auto generation) {
    typename decltype(generation)::template Weights<Matrix, EmbeddingRows> unbound;
    unbound.Visit(desc, add);
  });
  return expected;
}

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_EQUATIONS_GENERATIONS_H_
