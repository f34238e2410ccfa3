// Compiled for AVX-512 and AMX with BF16, and reached only where the processor has both.
#include <immintrin.h>

#include "onednn/amx_tiles.h"
#include "onednn/packed_matrix.h"
#include "onednn/panel_bf16.h"
#include "onednn/prefetch.h"

namespace skein::onednn {
namespace {

constexpr uint32_t kTileInputs = 32;
constexpr uint64_t kPairBytes = kPanelWidth * 2 * sizeof(uint16_t);  // two inputs of all outputs

// Asks for what is multiplied next.
void PrefetchTile(const std::byte* weights) {
  for (uint64_t i = 0; i < kTileInputs / 2 * kPairBytes; i += 64) PrefetchAhead(weights + i, 0);
}

}  // namespace

void MultiplyPanelBf16Amx(const std::byte* panel, uint32_t num_inputs, const uint16_t* x, uint32_t num_rows,
                          float* tile, uint32_t ahead) {
  const AmxTiles tiles;
  constexpr uint32_t kSumBytes = kPanelWidth * sizeof(float);
  const uint64_t row_bytes = uint64_t{num_inputs} * sizeof(uint16_t);
  for (uint32_t row = 0; row < num_rows; row += kAmxRows) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (uint32_t input = 0; input < num_inputs; input += kTileInputs) {
      const std::byte* weights = panel + input / 2 * kPairBytes;
      if (row == 0 && ahead > 0) PrefetchTile(weights + kTileInputs / 2 * kPairBytes);
      _tile_loadd(4, x + size_t{row} * num_inputs + input, row_bytes);
      _tile_loadd(5, weights, kPairBytes);
      _tile_dpbf16ps(0, 4, 5);
      _tile_loadd(6, weights + 64, kPairBytes);
      _tile_dpbf16ps(1, 4, 6);
      _tile_loadd(5, weights + 128, kPairBytes);
      _tile_dpbf16ps(2, 4, 5);
      _tile_loadd(6, weights + 192, kPairBytes);
      _tile_dpbf16ps(3, 4, 6);
    }
    float* out = tile + size_t{row} * kPanelWidth;
    _tile_stored(0, out, kSumBytes);
    _tile_stored(1, out + 16, kSumBytes);
    _tile_stored(2, out + 32, kSumBytes);
    _tile_stored(3, out + 48, kSumBytes);
  }
}

}  // namespace skein::onednn
