// Compiled for AVX-512 and AMX with BF16, and reached only where the processor has both. The matrix unit takes sixteen
// rows in the time of one, and a tile's worth of weights at a time: a few rows read them faster through the vector
// unit, which here sums as the matrix unit does, so that a row's result is the same to the bit with few rows and with
// many.
#include <immintrin.h>

#include <cstring>

#include "onednn/amx_tiles.h"
#include "onednn/packed_matrix.h"
#include "onednn/panel_bf16.h"
#include "onednn/prefetch.h"
#include "onednn/row_blocks.h"

namespace skein::onednn {
namespace {

constexpr uint32_t kTileInputs = 32;
constexpr uint64_t kPairBytes = kPanelWidth * 2 * sizeof(uint16_t);  // two inputs of all outputs

// Asks for what is multiplied next.
void PrefetchTile(const std::byte* weights) {
  for (uint64_t i = 0; i < kTileInputs / 2 * kPairBytes; i += 64) Prefetch(weights + i);
}

constexpr uint32_t kVectors = 4;  // of 16 outputs: a panel
// Rows that the vector unit takes: their sums, two for each output, fit the registers.
constexpr uint32_t kMaxVectorRows = 3;

// While it lives, the thread's vector unit treats subnormals as the matrix unit always does: as 0.
class FlushSubnormals {
 public:
  FlushSubnormals() : before_(_mm_getcsr()) {
    constexpr unsigned kFlushToZero = 0x8000, kDenormalsAreZero = 0x0040;
    _mm_setcsr(before_ | kFlushToZero | kDenormalsAreZero);
  }
  ~FlushSubnormals() { _mm_setcsr(before_); }
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;

 private:
  const unsigned before_;
};

// A pair of bf16 values in each 32 bits: the first, and the second, as floats.
inline __m512 First(__m512i pairs) { return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)); }
inline __m512 Second(__m512i pairs) {
  return _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(static_cast<int32_t>(0xFFFF0000u))));
}

// In the order of TDPBF16PS: over the 16 pairs of inputs of a tile, the first of each pair is summed by itself and so
// is the second, each from 0; then the two are added, and their sum to the result.
template <uint32_t kRows>
void MultiplyByVectors(const std::byte* panel, uint32_t num_inputs, const uint16_t* x, float* tile, uint32_t ahead) {
  __m512 results[kRows][kVectors];
  SKEIN_UNROLL
  for (uint32_t r = 0; r < kRows; ++r) {
    SKEIN_UNROLL
    for (uint32_t v = 0; v < kVectors; ++v) results[r][v] = _mm512_setzero_ps();
  }
  for (uint32_t input = 0; input < num_inputs; input += kTileInputs) {
    __m512 first[kRows][kVectors], second[kRows][kVectors];
    SKEIN_UNROLL
    for (uint32_t r = 0; r < kRows; ++r) {
      SKEIN_UNROLL
      for (uint32_t v = 0; v < kVectors; ++v) first[r][v] = second[r][v] = _mm512_setzero_ps();
    }
    for (uint32_t pair = input / 2; pair < (input + kTileInputs) / 2; ++pair, panel += kPairBytes) {
      __m512 x_first[kRows], x_second[kRows];
      SKEIN_UNROLL
      for (uint32_t r = 0; r < kRows; ++r) {
        int32_t bits;
        std::memcpy(&bits, x + size_t{r} * num_inputs + 2 * pair, sizeof(bits));
        x_first[r] = First(_mm512_set1_epi32(bits));
        x_second[r] = Second(_mm512_set1_epi32(bits));
      }
      SKEIN_UNROLL
      for (uint32_t v = 0; v < kVectors; ++v) {
        PrefetchAhead(panel + 64 * v, ahead);
        const __m512i weights = _mm512_loadu_si512(panel + 64 * v);
        SKEIN_UNROLL
        for (uint32_t r = 0; r < kRows; ++r) {
          first[r][v] = _mm512_fmadd_ps(x_first[r], First(weights), first[r][v]);
          second[r][v] = _mm512_fmadd_ps(x_second[r], Second(weights), second[r][v]);
        }
      }
    }
    SKEIN_UNROLL
    for (uint32_t r = 0; r < kRows; ++r) {
      SKEIN_UNROLL
      for (uint32_t v = 0; v < kVectors; ++v) {
        results[r][v] = _mm512_add_ps(results[r][v], _mm512_add_ps(first[r][v], second[r][v]));
      }
    }
  }
  SKEIN_UNROLL
  for (uint32_t r = 0; r < kRows; ++r) {
    SKEIN_UNROLL
    for (uint32_t v = 0; v < kVectors; ++v) _mm512_storeu_ps(tile + r * kPanelWidth + 16 * v, results[r][v]);
  }
}

}  // namespace

void MultiplyPanelBf16Amx(const std::byte* panel, uint32_t num_inputs, const uint16_t* x, uint32_t num_rows,
                          float* tile, uint32_t ahead) {
  if (num_rows <= kMaxVectorRows) {
    const FlushSubnormals flush;
    ForEachRowBlock<kMaxVectorRows>(
        num_rows, [&](auto rows, uint32_t) { MultiplyByVectors<rows()>(panel, num_inputs, x, tile, ahead); });
    return;
  }
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
