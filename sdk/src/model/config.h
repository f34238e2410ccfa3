// The dimensions of a model, as a value. Letters are those of the RWKV papers.
#ifndef SKEIN_MODEL_CONFIG_H_
#define SKEIN_MODEL_CONFIG_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "skein/backend.h"

namespace skein {

struct ModelConfig {
  uint32_t generation = 7;  // 4 to 7
  uint32_t variant = 0;     // within generation 5: 0, 1 or 2 for RWKV-5.0, 5.1, 5.2
  uint32_t num_layers = 0;  // L
  uint32_t d_model = 0;     // C
  uint32_t d_att = 0;       // A; equals C in generation 7
  uint32_t d_ffn = 0;       // F
  uint32_t vocab_size = 0;  // V
  uint32_t num_heads = 0;   // H; 0 in generation 4, as is the next
  uint32_t head_size = 0;   // N
  uint32_t rank_mix = 0;    // R_m; generation 6
  uint32_t rank_decay = 0;  // R_w; generations 6 and 7
  uint32_t rank_iclr = 0;   // R_a; generation 7, as the next two
  uint32_t rank_value = 0;  // R_v; 0 in a model of one layer, which has no value residual
  uint32_t rank_gate = 0;   // R_g
  float norm_epsilon = 1e-5f;
  float group_norm_epsilon = 64e-5f;  // without meaning in generation 4

  // OK if these dimensions make a model that this version runs. The message starts with the field at fault, as in
  // `head_size 0; expected a divisor of d_model 768`. UNIMPLEMENTED: another generation; INVALID_ARGUMENT: all else.
  // The sizes of every tensor of a valid config fit in 64 bits.
  absl::Status Validate() const;

  // "RWKV-7", "RWKV-5.2".
  std::string VersionName() const;

  // Floats in the canonical state of one stream (backend.h): per layer att_shift[C], ffn_shift[C], and wkv[H][N][N], or
  // in generation 4 aa[A], bb[A], pp[A].
  uint64_t StateFloats() const;

  skein_backend_model ToBackend() const;

 private:
  absl::Status CheckVersion() const;
  absl::Status CheckHeads() const;
  absl::Status CheckRanks() const;
};

}  // namespace skein

#endif  // SKEIN_MODEL_CONFIG_H_
