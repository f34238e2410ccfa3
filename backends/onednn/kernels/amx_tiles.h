// The matrix registers of AMX. For files that are compiled for it.
#ifndef SKEIN_BACKENDS_ONEDNN_KERNELS_AMX_TILES_H_
#define SKEIN_BACKENDS_ONEDNN_KERNELS_AMX_TILES_H_

#include <immintrin.h>

#include <cstdint>

namespace skein::onednn {

constexpr uint32_t kAmxRows = 16;

// While an object lives, all eight registers of the thread have 16 rows of 64 bytes.
class AmxTiles {
 public:
  __attribute__((always_inline)) AmxTiles() {
    const Config config;
    _tile_loadconfig(&config);
  }
  __attribute__((always_inline)) ~AmxTiles() { _tile_release(); }
  AmxTiles(const AmxTiles&) = delete;
  AmxTiles& operator=(const AmxTiles&) = delete;

 private:
  struct alignas(64) Config {
    uint8_t palette = 1;
    uint8_t start_row = 0;
    uint8_t reserved[14] = {};
    uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  };
};

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_KERNELS_AMX_TILES_H_
