// The dimensions of a model, as a value. Letters are those of the RWKV papers.
#ifndef SKEIN_MODEL_CONFIG_H_
#define SKEIN_MODEL_CONFIG_H_

#include <cstdint>

#include "absl/status/status.h"
#include "skein/backend.h"

namespace skein {

struct ModelConfig {
  uint32_t generation = 7;
  uint32_t variant = 0;
  uint32_t num_layers = 0;  // L
  uint32_t d_model = 0;     // C
  uint32_t d_att = 0;       // A; equals C in generation 7
  uint32_t d_ffn = 0;       // F
  uint32_t vocab_size = 0;  // V
  uint32_t num_heads = 0;   // H
  uint32_t head_size = 0;   // N
  uint32_t rank_decay = 0;  // R_w
  uint32_t rank_iclr = 0;   // R_a
  uint32_t rank_value = 0;  // R_v; 0 in a model of one layer, which has no value residual
  uint32_t rank_gate = 0;   // R_g
  float norm_epsilon = 1e-5f;
  float group_norm_epsilon = 64e-5f;

  // OK if these dimensions make a model that this version runs. The message starts with the field at fault, as in
  // `head_size 0; expected a divisor of d_model 768`. UNIMPLEMENTED: another generation; INVALID_ARGUMENT: all else.
  // The sizes of every tensor of a valid config fit in 64 bits.
  absl::Status Validate() const;

  // Floats in the canonical state of one stream: per layer att_shift[C], ffn_shift[C], wkv[H][N][N].
  uint64_t StateFloats() const;

  skein_backend_model ToBackend() const;
};

}  // namespace skein

#endif  // SKEIN_MODEL_CONFIG_H_
