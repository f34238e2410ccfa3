// The dimensions of very small models, no two widths alike.
#ifndef SKEIN_TESTS_UNIT_NUMBERS_TINY_DIMENSIONS_H_
#define SKEIN_TESTS_UNIT_NUMBERS_TINY_DIMENSIONS_H_

#include "numbers/roles.h"
#include "skein/backend.h"

namespace skein::testing {

// L 2, C 8, V 5, F 20. RWKV-7: A 8, H 2, N 4, ranks 3, 2, 1, 6. Others: A 12, H 3, N 4; RWKV-6 has ranks 2 (mix) and 3
// (decay), RWKV-4 no heads.
inline skein_backend_model TinyDimensions(VersionSet version) {
  skein_backend_model model = {};
  model.struct_size = sizeof(model);
  for (const Version& row : kVersions) {
    if (row.bit != version) continue;
    model.generation = row.generation;
    model.variant = row.variant;
  }
  model.num_layers = 2;
  model.d_model = 8;
  model.d_att = version == kV7 ? 8 : 12;
  model.d_ffn = 20;
  model.vocab_size = 5;
  model.head_size = version == kV4 ? 0 : 4;
  model.num_heads = version == kV4 ? 0 : model.d_att / 4;
  if (version == kV6) model.rank_mix = 2;
  if (version == kV6 || version == kV7) model.rank_decay = 3;
  if (version == kV7) {
    model.rank_iclr = 2;
    model.rank_value = 1;
    model.rank_gate = 6;
  }
  return model;
}

}  // namespace skein::testing

#endif  // SKEIN_TESTS_UNIT_NUMBERS_TINY_DIMENSIONS_H_
