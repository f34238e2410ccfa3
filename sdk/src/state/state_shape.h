// Which parts a state has, and where each lies in the canonical layout (skein/backend.h): layer after layer, and in a
// layer its part of each, in the order of Parts. Knows numbers, not models.
#ifndef SKEIN_STATE_STATE_SHAPE_H_
#define SKEIN_STATE_STATE_SHAPE_H_

#include <cstdint>
#include <vector>

namespace skein {

// One part of the state of a layer, such as its token shift.
struct StatePart {
  const char* name;             // "att_shift"; as in proto/skein/v1/snapshot.proto
  std::vector<uint64_t> shape;  // of a layer
  uint64_t num_floats;          // of a layer
};

// The dimensions that decide; their letters are those of model/config.h.
struct StateShape {
  uint32_t generation = 7;
  uint32_t variant = 0;
  uint32_t num_layers = 0;  // L
  uint32_t d_model = 0;     // C
  uint32_t d_att = 0;       // A; used in generation 4
  uint32_t num_heads = 0;   // H; not in generation 4, as the next
  uint32_t head_size = 0;   // N
  uint32_t vocab_size = 0;  // V

  std::vector<StatePart> Parts() const;
  // Of all layers.
  uint64_t NumFloats() const;
};

}  // namespace skein

#endif  // SKEIN_STATE_STATE_SHAPE_H_
