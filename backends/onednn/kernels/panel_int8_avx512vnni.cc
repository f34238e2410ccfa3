// Compiled for AVX-512 with VNNI, and reached only where the processor has both.
#include <immintrin.h>

#include <cstring>

#include "onednn/kernels/panel_int8.h"
#include "onednn/kernels/prefetch.h"
#include "onednn/kernels/row_blocks.h"
#include "onednn/kernels/unpack_q4_avx512.h"

namespace skein::onednn {
namespace {

constexpr uint32_t kVectors = 4;  // of 16 outputs: a panel

// sums += four unsigned weights by four signed activations, per output. By assembler, because gcc 12 copies every
// accumulator to the stack around the intrinsic, and runs at less than half the speed.
inline void AddDot(__m512i& sums, __m512i weights, __m512i activations) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(weights), "v"(activations));
}

inline __m512i BroadcastFour(const int8_t* activations) {
  int32_t four;
  std::memcpy(&four, activations, sizeof(four));
  return _mm512_set1_epi32(four);
}

// The group's part of kRows rows of the tile.
template <uint32_t kRows>
inline void AddGroup(const __m512i (&sums)[kRows][kVectors], const uint16_t* scales, const Int8Rows& x, bool is_first,
                     float* tile) {
  SKEIN_UNROLL
  for (uint32_t v = 0; v < kVectors; ++v) {
    const __m512 weight_scale = _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(scales + 16 * v)));
    SKEIN_UNROLL
    for (uint32_t r = 0; r < kRows; ++r) {
      float* out = tile + r * kPanelWidth + 16 * v;
      const __m512 scale = _mm512_mul_ps(weight_scale, _mm512_set1_ps(x.scales[r]));
      const __m512 before = is_first ? _mm512_setzero_ps() : _mm512_loadu_ps(out);
      _mm512_storeu_ps(out, _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[r][v]), scale, before));
    }
  }
}

template <uint32_t kRows>
inline void StartSums(const Int8Rows& x, int32_t zero_point, __m512i (&sums)[kRows][kVectors]) {
  SKEIN_UNROLL
  for (uint32_t r = 0; r < kRows; ++r) {
    SKEIN_UNROLL
    for (uint32_t v = 0; v < kVectors; ++v) sums[r][v] = _mm512_set1_epi32(-zero_point * x.sums[r]);
  }
}

// sums += a step of weights in bytes by 4 inputs of each row.
template <uint32_t kRows>
inline void AddByteStep(const uint8_t* codes, const int8_t* x, uint32_t row_bytes, uint32_t ahead,
                        __m512i (&sums)[kRows][kVectors]) {
  __m512i w[kVectors];
  SKEIN_UNROLL
  for (uint32_t v = 0; v < kVectors; ++v) {
    PrefetchAhead(codes + 64 * v, ahead);
    w[v] = _mm512_loadu_si512(codes + 64 * v);
  }
  SKEIN_UNROLL
  for (uint32_t r = 0; r < kRows; ++r) {
    const __m512i four = BroadcastFour(x + r * row_bytes);
    SKEIN_UNROLL
    for (uint32_t v = 0; v < kVectors; ++v) AddDot(sums[r][v], w[v], four);
  }
}

// sums += a step of kQ4 by 8 inputs of each row, unpacked in registers.
template <uint32_t kRows>
inline void AddNibbleStep(const uint8_t* codes, const int8_t* x, uint32_t row_bytes, uint32_t ahead,
                          __m512i (&sums)[kRows][kVectors]) {
  const __m512i nibble = _mm512_set1_epi8(15);
  __m512i low_x[kRows], high_x[kRows];
  SKEIN_UNROLL
  for (uint32_t r = 0; r < kRows; ++r) {
    low_x[r] = BroadcastFour(x + r * row_bytes);
    high_x[r] = BroadcastFour(x + r * row_bytes + 4);
  }
  SKEIN_UNROLL
  for (uint32_t v = 0; v < kVectors; ++v) {
    PrefetchAhead(codes + 64 * v, ahead);
    const __m512i bytes = _mm512_loadu_si512(codes + 64 * v);
    const __m512i low = _mm512_and_si512(bytes, nibble);
    const __m512i high = _mm512_and_si512(_mm512_srli_epi16(bytes, 4), nibble);
    SKEIN_UNROLL
    for (uint32_t r = 0; r < kRows; ++r) {
      AddDot(sums[r][v], low, low_x[r]);
      AddDot(sums[r][v], high, high_x[r]);
    }
  }
}

// One group of weights in bytes, kSteps steps of 4 inputs.
template <uint32_t kSteps>
struct ByteGroup {
  const uint16_t* scales;
  const uint8_t* codes;
  int32_t zero_point;
  uint32_t ahead;

  template <uint32_t kRows>
  void Multiply(const Int8Rows& x, bool is_first, float* tile) const {
    __m512i sums[kRows][kVectors];
    StartSums(x, zero_point, sums);
    for (uint32_t step = 0; step < kSteps; ++step) {
      AddByteStep(codes + step * kStepBytes, x.codes + 4 * step, 4 * kSteps, ahead, sums);
    }
    AddGroup(sums, scales, x, is_first, tile);
  }
};

// One group of kQ4.
struct NibbleGroup {
  const uint16_t* scales;
  const uint8_t* codes;
  uint32_t ahead;

  template <uint32_t kRows>
  void Multiply(const Int8Rows& x, bool is_first, float* tile) const {
    __m512i sums[kRows][kVectors];
    StartSums(x, kQ4Panel.zero_point, sums);
    for (uint32_t step = 0; step < kQ4Panel.num_steps(); ++step) {
      AddNibbleStep(codes + step * kStepBytes, x.codes + 8 * step, kQ4Panel.group_size, ahead, sums);
    }
    AddGroup(sums, scales, x, is_first, tile);
  }
};

// The place of a step in a panel, in bytes.
inline size_t StepOffset(const QuantisedPanel& layout, uint32_t step) {
  return step / layout.num_steps() * layout.group_bytes() + kPanelWidth * sizeof(uint16_t) +
         step % layout.num_steps() * kStepBytes;
}

template <uint32_t kRows>
void MultiplySparse(PanelType type, const std::byte* panel, uint32_t num_groups, const ActiveSteps& active,
                    const Int8Rows& x, float* tile) {
  const QuantisedPanel layout = QuantisedPanelOf(type);
  const auto* bytes = reinterpret_cast<const uint8_t*>(panel);
  std::memset(tile, 0, kRows * kPanelWidth * sizeof(float));
  Int8Rows group_x = x;
  uint32_t i = 0;
  for (uint32_t group = 0; group < num_groups; ++group, group_x = group_x.NextGroup()) {
    const uint32_t first_step = group * layout.num_steps(), end_step = first_step + layout.num_steps();
    if (i == active.count) return;
    if (active.steps[i] >= end_step) continue;
    __m512i sums[kRows][kVectors];
    StartSums(group_x, layout.zero_point, sums);
    for (; i < active.count && active.steps[i] < end_step; ++i) {
      // The processor cannot foresee the lines, as in a stream: every line is asked for here.
      const uint8_t* later = bytes + StepOffset(layout, active.steps[i + ActiveSteps::kReadAhead]);
      SKEIN_UNROLL
      for (uint32_t v = 0; v < kVectors; ++v) Prefetch(later + 64 * v);
      const uint8_t* codes = bytes + StepOffset(layout, active.steps[i]);
      const int8_t* inputs = group_x.codes + (active.steps[i] - first_step) * layout.step_size;
      if (type == PanelType::kQ8) {
        AddByteStep(codes, inputs, kQ8Panel.group_size, 0, sums);
      } else {
        AddNibbleStep(codes, inputs, kQ4Panel.group_size, 0, sums);
      }
    }
    const uint8_t* group_bytes = bytes + group * layout.group_bytes();
    Prefetch(group_bytes + layout.group_bytes());
    Prefetch(group_bytes + layout.group_bytes() + 64);
    AddGroup(sums, reinterpret_cast<const uint16_t*>(group_bytes), group_x, false, tile);
  }
}

// 24 sums, 4 weights and an activation fit the 32 registers. Nibbles take more registers, and leave room for fewer
// rows.
constexpr uint32_t kMaxByteRows = 6, kMaxNibbleRows = 4;

template <uint32_t kMaxRows, class Group>
inline void MultiplyGroup(const Group& group, const Int8Rows& x, uint32_t num_rows, bool is_first, float* tile) {
  ForEachRowBlock<kMaxRows>(num_rows, [&](auto rows, uint32_t first_row) {
    group.template Multiply<rows()>(x.From(first_row), is_first, tile + size_t{first_row} * kPanelWidth);
  });
}

}  // namespace

void MultiplyPanelInt8Vnni(PanelType type, const std::byte* panel, uint32_t num_groups, const Int8Rows& x,
                           uint32_t num_rows, float* tile, uint32_t ahead) {
  Int8Rows group_x = x;
  for (uint32_t group = 0; group < num_groups; ++group, group_x = group_x.NextGroup()) {
    const bool is_first = group == 0;
    if (type == PanelType::kQ8) {
      const auto* scales = reinterpret_cast<const uint16_t*>(panel + group * kQ8Panel.group_bytes());
      const auto* codes = reinterpret_cast<const uint8_t*>(scales + kPanelWidth);
      const ByteGroup<kQ8Panel.num_steps()> bytes = {scales, codes, kQ8Panel.zero_point, ahead};
      MultiplyGroup<kMaxByteRows>(bytes, group_x, num_rows, is_first, tile);
      continue;
    }
    const auto* scales = reinterpret_cast<const uint16_t*>(panel + group * kQ4Panel.group_bytes());
    const auto* codes = reinterpret_cast<const uint8_t*>(scales + kPanelWidth);
    if (num_rows <= kMaxNibbleRows) {
      MultiplyGroup<kMaxNibbleRows>(NibbleGroup{scales, codes, ahead}, group_x, num_rows, is_first, tile);
    } else {
      alignas(64) uint8_t unpacked[kUnpackedGroupBytes];
      UnpackQ4Group(codes, unpacked, ahead);
      const ByteGroup<kUnpackedSteps> bytes = {scales, unpacked, kQ4Panel.zero_point, 0};
      MultiplyGroup<kMaxByteRows>(bytes, group_x, num_rows, is_first, tile);
    }
  }
}

void MultiplySparsePanelInt8Vnni(PanelType type, const std::byte* panel, uint32_t num_groups, const ActiveSteps& active,
                                 const Int8Rows& x, uint32_t num_rows, float* tile) {
  ForEachRowBlock<kMaxSparseRows>(num_rows, [&](auto rows, uint32_t first_row) {
    MultiplySparse<rows()>(type, panel, num_groups, active, x.From(first_row), tile + size_t{first_row} * kPanelWidth);
  });
}

}  // namespace skein::onednn
