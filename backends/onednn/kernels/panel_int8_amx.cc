// Compiled for AVX-512 and AMX, and reached only where the processor has both. The matrix unit multiplies sixteen rows
// at a time. It reads weights as a step of a panel has them: 4 inputs of 16 outputs in 64 bytes.
#include <immintrin.h>

#include <algorithm>

#include "onednn/kernels/amx_tiles.h"
#include "onednn/kernels/panel_int8.h"
#include "onednn/kernels/prefetch.h"
#include "onednn/kernels/row_blocks.h"
#include "onednn/kernels/unpack_q4_avx512.h"

namespace skein::onednn {
namespace {

constexpr uint32_t kTileInputs = 64, kVectors = 4;
// A group is prefetched this number of groups before its turn. Groups of Q4 are a quarter as long as groups of Q8.
constexpr uint32_t GroupsAhead(PanelType type) { return type == PanelType::kQ8 ? 1 : 2; }

// Asks for a group's bytes a few lines at a time, while the rows of the group before are finished. If it asked for all
// at once, the core would wait.
class GroupFetch {
 public:
  GroupFetch(const std::byte* group, uint64_t bytes, uint32_t num_rows)
      : next_(group), end_(group + bytes), row_bytes_((bytes + num_rows - 1) / num_rows) {}

  // To be called once for each row.
  void FetchShare() {
    const std::byte* end = std::min(next_ + row_bytes_, end_);
    for (; next_ < end; next_ += 64) Prefetch(next_);
  }

 private:
  const std::byte* next_;
  const std::byte* const end_;
  const uint64_t row_bytes_;
};

// sums [16][64] = 16 rows of activations by kTiles * 64 inputs of weights in bytes.
template <uint32_t kTiles>
inline void MultiplySixteenRows(const uint8_t* codes, const int8_t* x, int32_t* sums) {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (uint32_t tile = 0; tile < kTiles; ++tile) {
    const uint8_t* weights = codes + tile * (kTileInputs / 4) * kStepBytes;
    _tile_loadd(4, x + tile * kTileInputs, kTiles * kTileInputs);
    _tile_loadd(5, weights, kStepBytes);
    _tile_dpbsud(0, 4, 5);
    _tile_loadd(6, weights + 64, kStepBytes);
    _tile_dpbsud(1, 4, 6);
    _tile_loadd(5, weights + 128, kStepBytes);
    _tile_dpbsud(2, 4, 5);
    _tile_loadd(6, weights + 192, kStepBytes);
    _tile_dpbsud(3, 4, 6);
  }
  constexpr uint32_t kSumBytes = kPanelWidth * sizeof(int32_t);
  _tile_stored(0, sums, kSumBytes);
  _tile_stored(1, sums + 16, kSumBytes);
  _tile_stored(2, sums + 32, kSumBytes);
  _tile_stored(3, sums + 48, kSumBytes);
}

// The group's part of some rows of the tile.
inline void AddGroup(const int32_t* sums, const __m512 (&weight_scales)[kVectors], int32_t zero_point,
                     const Int8Rows& x, uint32_t num_rows, bool is_first, float* tile, GroupFetch& fetch) {
  for (uint32_t r = 0; r < num_rows; ++r, sums += kPanelWidth, tile += kPanelWidth) {
    fetch.FetchShare();
    const __m512i correction = _mm512_set1_epi32(zero_point * x.sums[r]);
    const __m512 row_scale = _mm512_set1_ps(x.scales[r]);
    SKEIN_UNROLL
    for (uint32_t v = 0; v < kVectors; ++v) {
      const __m512i sum = _mm512_sub_epi32(_mm512_load_si512(sums + 16 * v), correction);
      const __m512 before = is_first ? _mm512_setzero_ps() : _mm512_loadu_ps(tile + 16 * v);
      const __m512 scale = _mm512_mul_ps(weight_scales[v], row_scale);
      _mm512_storeu_ps(tile + 16 * v, _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, before));
    }
  }
}

template <uint32_t kTiles>
inline void MultiplyGroup(const uint16_t* scales, const uint8_t* codes, int32_t zero_point, const Int8Rows& x,
                          uint32_t num_rows, bool is_first, float* tile, GroupFetch fetch) {
  alignas(64) int32_t sums[2][kAmxRows * kPanelWidth];
  __m512 weight_scales[kVectors];
  SKEIN_UNROLL
  for (uint32_t v = 0; v < kVectors; ++v) {
    weight_scales[v] = _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(scales + 16 * v)));
  }
  // The matrix unit is a block of rows ahead of AddGroup, so that both work at once.
  MultiplySixteenRows<kTiles>(codes, x.codes, sums[0]);
  for (uint32_t row = 0, block = 0; row < num_rows; row += kAmxRows, ++block) {
    if (row + kAmxRows < num_rows) {
      MultiplySixteenRows<kTiles>(codes, x.From(row + kAmxRows).codes, sums[(block + 1) % 2]);
    }
    AddGroup(sums[block % 2], weight_scales, zero_point, x.From(row), std::min(kAmxRows, num_rows - row), is_first,
             tile + size_t{row} * kPanelWidth, fetch);
  }
}

}  // namespace

void MultiplyPanelInt8Amx(PanelType type, const std::byte* panel, uint32_t num_groups, const Int8Rows& x,
                          uint32_t num_rows, float* tile, uint32_t ahead) {
  const AmxTiles tiles;
  Int8Rows group_x = x;
  const QuantisedPanel layout = QuantisedPanelOf(type);
  for (uint32_t group = 0; group < num_groups; ++group, group_x = group_x.NextGroup()) {
    const bool is_first = group == 0;
    const std::byte* group_bytes = panel + group * layout.group_bytes();
    const auto* scales = reinterpret_cast<const uint16_t*>(group_bytes);
    const auto* codes = reinterpret_cast<const uint8_t*>(scales + kPanelWidth);
    const GroupFetch fetch(group_bytes + GroupsAhead(type) * layout.group_bytes(), ahead > 0 ? layout.group_bytes() : 0,
                           num_rows);
    if (type == PanelType::kQ8) {
      MultiplyGroup<kQ8Panel.group_size / kTileInputs>(scales, codes, kQ8Panel.zero_point, group_x, num_rows, is_first,
                                                       tile, fetch);
    } else {
      alignas(64) uint8_t unpacked[kUnpackedGroupBytes];
      UnpackQ4Group(codes, unpacked, 0);
      MultiplyGroup<kQ4Panel.group_size / kTileInputs>(scales, unpacked, kQ4Panel.zero_point, group_x, num_rows,
                                                       is_first, tile, fetch);
    }
  }
}

}  // namespace skein::onednn
