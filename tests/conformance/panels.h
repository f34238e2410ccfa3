// Matrices in panels, made as skein/dtype.h words it, element by element.
#ifndef SKEIN_TESTS_CONFORMANCE_PANELS_H_
#define SKEIN_TESTS_CONFORMANCE_PANELS_H_

#include <cstdint>
#include <cstring>
#include <vector>

#include "skein/dtype.h"

namespace skein::conformance {

inline uint64_t UpTo(uint64_t value, uint64_t step) { return (value + step - 1) / step * step; }

// Bytes of a panel of rows of `k` elements.
inline uint64_t PanelSize(uint32_t dtype, uint64_t k) {
  if (dtype == SKEIN_DTYPE_F32) return UpTo(k, 16) * 64 * 4;
  if (dtype == SKEIN_DTYPE_F16) return k * 64 * 2;
  if (dtype == SKEIN_DTYPE_BF16) return UpTo((k + 1) / 2, 16) * 64 * 2 * 2;
  return dtype == SKEIN_DTYPE_Q8 ? UpTo(k, 128) / 128 * 64 * 130 : UpTo(k, 64) / 64 * 64 * 34;
}

// The panels of [n, k] from its rows. `dtype` is F32, F16, BF16, Q8 or Q4.
inline std::vector<uint8_t> PanelsOf(uint32_t dtype, uint64_t n, uint64_t k, const uint8_t* rows) {
  const uint64_t panel_bytes = PanelSize(dtype, k);
  std::vector<uint8_t> panels(UpTo(n, 64) / 64 * panel_bytes);
  for (uint64_t row = 0; row < n; ++row) {
    uint8_t* panel = panels.data() + row / 64 * panel_bytes;
    const uint64_t o = row % 64;
    for (uint64_t i = 0; i < k && dtype != SKEIN_DTYPE_Q8 && dtype != SKEIN_DTYPE_Q4; ++i) {
      const uint64_t bytes = dtype == SKEIN_DTYPE_F32 ? 4 : 2;
      const uint64_t place = dtype == SKEIN_DTYPE_BF16 ? (i / 2 * 64 + o) * 2 + i % 2 : i * 64 + o;
      std::memcpy(panel + place * bytes, rows + (row * k + i) * bytes, bytes);
    }
    if (dtype == SKEIN_DTYPE_Q8) {
      const uint64_t num_groups = UpTo(k, 128) / 128;
      for (uint64_t group = 0; group < num_groups; ++group) {
        const uint8_t* from = rows + (row * num_groups + group) * 130;
        uint8_t* to = panel + group * 64 * 130;
        std::memcpy(to + 2 * o, from, 2);
        for (uint64_t i = 0; i < 128; ++i) {
          to[128 + (i / 4 * 64 + o) * 4 + i % 4] = static_cast<uint8_t>(from[2 + i] + 128);
        }
      }
    }
    if (dtype == SKEIN_DTYPE_Q4) {
      const uint64_t num_groups = UpTo(k, 64) / 64;
      for (uint64_t group = 0; group < num_groups; ++group) {
        const uint8_t* from = rows + (row * num_groups + group) * 34;
        uint8_t* to = panel + group * 64 * 34;
        std::memcpy(to + 2 * o, from, 2);
        for (uint64_t i = 0; i < 64; ++i) {
          const int code = from[2 + i / 2] >> (i % 2 * 4) & 15;
          uint8_t& byte = to[128 + (i / 8 * 64 + o) * 4 + i % 4];
          byte = static_cast<uint8_t>(byte | code << (i % 8 / 4 * 4));
        }
      }
    }
  }
  return panels;
}

}  // namespace skein::conformance

#endif  // SKEIN_TESTS_CONFORMANCE_PANELS_H_
