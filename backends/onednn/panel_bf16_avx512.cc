// Compiled for AVX-512 with BF16, and reached only where the processor has both.
#include <immintrin.h>

#include <cstring>
#include <type_traits>

#include "onednn/packed_matrix.h"
#include "onednn/panel_bf16.h"
#include "onednn/prefetch.h"
#include "onednn/row_blocks.h"

namespace skein::onednn {
namespace {

constexpr uint32_t kVectors = 4;  // of 16 outputs: a panel
constexpr uint32_t kMaxRows = 6;  // 24 sums, 4 weights and an activation fit the 32 registers

// sums += two weights by two activations, per output. By assembler, because gcc 12 copies every accumulator to the
// stack around the intrinsic.
inline void AddPairs(__m512& sums, __m512i weights, __m512i activations) {
  asm("vdpbf16ps %2, %1, %0" : "+v"(sums) : "v"(weights), "v"(activations));
}

template <uint32_t kRows>
inline void Multiply(const std::byte* panel, uint32_t num_inputs, const uint16_t* x, float* tile, uint32_t ahead) {
  __m512 sums[kRows][kVectors];
  SKEIN_UNROLL
  for (uint32_t r = 0; r < kRows; ++r) {
    SKEIN_UNROLL
    for (uint32_t v = 0; v < kVectors; ++v) sums[r][v] = _mm512_setzero_ps();
  }
  // Inlined at both places, or the sums would lie in memory.
  const auto add_pairs = [&](uint32_t input, auto activation_bytes) __attribute__((always_inline)) {
    __m512i w[kVectors];
    SKEIN_UNROLL
    for (uint32_t v = 0; v < kVectors; ++v) {
      const std::byte* at = panel + size_t{input} * kPanelWidth * sizeof(uint16_t) + 64 * v;
      PrefetchAhead(at, ahead);
      w[v] = _mm512_loadu_si512(at);
    }
    SKEIN_UNROLL
    for (uint32_t r = 0; r < kRows; ++r) {
      int32_t pair = 0;
      std::memcpy(&pair, x + size_t{r} * num_inputs + input, activation_bytes());
      const __m512i activations = _mm512_set1_epi32(pair);
      SKEIN_UNROLL
      for (uint32_t v = 0; v < kVectors; ++v) AddPairs(sums[r][v], w[v], activations);
    }
  };
  uint32_t input = 0;
  for (; input + 2 <= num_inputs; input += 2) add_pairs(input, std::integral_constant<size_t, 4>());
  if (input < num_inputs) add_pairs(input, std::integral_constant<size_t, 2>());
  SKEIN_UNROLL
  for (uint32_t r = 0; r < kRows; ++r) {
    SKEIN_UNROLL
    for (uint32_t v = 0; v < kVectors; ++v) _mm512_storeu_ps(tile + r * kPanelWidth + 16 * v, sums[r][v]);
  }
}

}  // namespace

void MultiplyPanelBf16Avx512(const std::byte* panel, uint32_t num_inputs, const uint16_t* x, uint32_t num_rows,
                             float* tile, uint32_t ahead) {
  ForEachRowBlock<kMaxRows>(num_rows, [&](auto rows, uint32_t first_row) {
    Multiply<rows()>(panel, num_inputs, x + size_t{first_row} * num_inputs, tile + size_t{first_row} * kPanelWidth,
                     ahead);
  });
}

}  // namespace skein::onednn
