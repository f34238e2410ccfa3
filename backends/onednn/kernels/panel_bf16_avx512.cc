// Compiled for AVX-512 with BF16, and reached only where the processor has both.
#include <immintrin.h>

#include <cstring>
#include <type_traits>

#include "onednn/kernels/panel.h"
#include "onednn/kernels/panel_bf16.h"
#include "onednn/kernels/prefetch.h"
#include "onednn/kernels/row_blocks.h"

namespace skein::onednn {
namespace {

constexpr uint32_t kVectors = 4;  // of 16 outputs: a panel
constexpr uint32_t kMaxRows = 6;  // 24 sums, 4 weights and an activation fit the 32 registers

// sums += two weights by two activations, per output. By assembler, because gcc 12 copies every accumulator to the
// stack around the intrinsic.
inline void AddPairs(__m512& sums, __m512i weights, __m512i activations) {
  asm("vdpbf16ps %2, %1, %0" : "+v"(sums) : "v"(weights), "v"(activations));
}

constexpr size_t kStepBytes = 2 * kPanelWidth * sizeof(uint16_t);  // two inputs of all outputs

// The steps that are multiplied, and the weights that are asked for meanwhile.
struct AllSteps {
  uint32_t num_inputs;
  uint32_t ahead;

  uint32_t count() const { return (num_inputs + 1) / 2; }
  uint32_t operator[](uint32_t i) const { return i; }
  void Fetch(const std::byte* panel, uint32_t i, uint32_t v) const {
    PrefetchAhead(panel + i * kStepBytes + 64 * v, ahead);
  }
};
struct SomeSteps {
  const ActiveSteps& active;

  uint32_t count() const { return active.count; }
  uint32_t operator[](uint32_t i) const { return active.steps[i]; }
  // The processor cannot foresee the lines, as in a stream: every line is asked for here.
  void Fetch(const std::byte* panel, uint32_t i, uint32_t v) const {
    Prefetch(panel + active.steps[i + ActiveSteps::kReadAhead] * kStepBytes + 64 * v);
  }
};

template <uint32_t kRows, typename Steps>
inline void Multiply(const std::byte* panel, uint32_t num_inputs, const Steps& steps, const uint16_t* x, float* tile) {
  __m512 sums[kRows][kVectors];
  SKEIN_UNROLL
  for (uint32_t r = 0; r < kRows; ++r) {
    SKEIN_UNROLL
    for (uint32_t v = 0; v < kVectors; ++v) sums[r][v] = _mm512_setzero_ps();
  }
  // Inlined at both places: otherwise the sums would lie in memory.
  const auto add_step = [&](uint32_t i, auto activation_bytes) __attribute__((always_inline)) {
    __m512i w[kVectors];
    SKEIN_UNROLL
    for (uint32_t v = 0; v < kVectors; ++v) {
      steps.Fetch(panel, i, v);
      w[v] = _mm512_loadu_si512(panel + steps[i] * kStepBytes + 64 * v);
    }
    SKEIN_UNROLL
    for (uint32_t r = 0; r < kRows; ++r) {
      int32_t pair = 0;
      std::memcpy(&pair, x + size_t{r} * num_inputs + 2 * size_t{steps[i]}, activation_bytes());
      const __m512i activations = _mm512_set1_epi32(pair);
      SKEIN_UNROLL
      for (uint32_t v = 0; v < kVectors; ++v) AddPairs(sums[r][v], w[v], activations);
    }
  };
  // If the number of inputs is odd, the last step has one input.
  const uint32_t count = steps.count();
  const bool ends_in_half = count > 0 && 2 * steps[count - 1] + 1 == num_inputs;
  const uint32_t num_whole = ends_in_half ? count - 1 : count;
  for (uint32_t i = 0; i < num_whole; ++i) add_step(i, std::integral_constant<size_t, 4>());
  if (ends_in_half) add_step(num_whole, std::integral_constant<size_t, 2>());
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
    Multiply<rows()>(panel, num_inputs, AllSteps{num_inputs, ahead}, x + size_t{first_row} * num_inputs,
                     tile + size_t{first_row} * kPanelWidth);
  });
}

void MultiplySparsePanelBf16Avx512(const std::byte* panel, uint32_t num_inputs, const ActiveSteps& active,
                                   const uint16_t* x, uint32_t num_rows, float* tile) {
  ForEachRowBlock<kMaxSparseRows>(num_rows, [&](auto rows, uint32_t first_row) {
    Multiply<rows()>(panel, num_inputs, SomeSteps{active}, x + size_t{first_row} * num_inputs,
                     tile + size_t{first_row} * kPanelWidth);
  });
}

}  // namespace skein::onednn
