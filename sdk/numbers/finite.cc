#include "numbers/finite.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "numbers/panels.h"
#include "numbers/parallel.h"
#include "numbers/quantised.h"
#include "skein/dtype.h"

namespace skein {
namespace {

// The places of a type's binary numbers: runs of `run_bytes` bytes that begin `stride_bytes` apart.
struct NumberRuns {
  uint64_t run_bytes;
  uint64_t stride_bytes;
};

// Plain types: one number after the other. A run is read to its end before its result is looked at.
constexpr NumberRuns kPlainRuns = {1 << 15, 1 << 15};

NumberRuns RunsOf(uint32_t dtype, uint32_t layout) {
  if (!IsQuantised(dtype)) return kPlainRuns;
  const uint64_t num_scales = layout == SKEIN_LAYOUT_PANELS ? kPanelRows : 1;
  return {num_scales * kScaleBytes, num_scales * LayoutOf(dtype).group_bytes};
}

// The part of `bytes` from `first` on, at most `count` bytes.
std::span<const uint8_t> Part(std::span<const uint8_t> bytes, uint64_t first, uint64_t count) {
  return bytes.subspan(first, std::min<uint64_t>(count, bytes.size() - first));
}

// True if one of the numbers has an exponent of all ones. The loop has no branch, so that compilers vectorise it.
template <typename Word>
bool HasExponent(std::span<const uint8_t> bytes, Word mask) {
  Word found = 0;
  for (size_t i = 0; i < bytes.size() / sizeof(Word); ++i) {
    Word word;
    std::memcpy(&word, bytes.data() + i * sizeof(Word), sizeof(Word));
    found = static_cast<Word>(found | static_cast<Word>((word & mask) == mask));
  }
  return found != 0;
}

bool HasBadNumber(uint32_t dtype, std::span<const uint8_t> run) {
  switch (dtype) {
    case SKEIN_DTYPE_F32:
      return HasExponent<uint32_t>(run, 0x7f800000u);
    case SKEIN_DTYPE_BF16:
      return HasExponent<uint16_t>(run, 0x7f80u);
    default:  // F16, and the scales of Q8 and Q4
      return HasExponent<uint16_t>(run, 0x7c00u);
  }
}

bool AllRunsFinite(uint32_t dtype, const NumberRuns& runs, std::span<const uint8_t> bytes) {
  for (uint64_t at = 0; at < bytes.size(); at += runs.stride_bytes) {
    if (HasBadNumber(dtype, Part(bytes, at, runs.run_bytes))) return false;
  }
  return true;
}

}  // namespace

size_t FindNotFinite(std::span<const float> values) {
  const auto found = std::find_if_not(values.begin(), values.end(), [](float value) { return std::isfinite(value); });
  return static_cast<size_t>(found - values.begin());
}

bool AllFinite(const skein_host& host, uint32_t dtype, uint32_t layout, std::span<const uint8_t> bytes) {
  const NumberRuns runs = RunsOf(dtype, layout);
  // A turn of a thread: some hundred microseconds at the speed of memory.
  const uint64_t turn_bytes = std::max<uint64_t>(1, (uint64_t{2} << 20) / runs.stride_bytes) * runs.stride_bytes;
  if (bytes.size() <= turn_bytes) return AllRunsFinite(dtype, runs, bytes);
  std::atomic<bool> has_bad = false;
  ParallelEach(host, (bytes.size() + turn_bytes - 1) / turn_bytes, [&](uint64_t turn) {
    if (has_bad.load(std::memory_order_relaxed)) return;
    if (!AllRunsFinite(dtype, runs, Part(bytes, turn * turn_bytes, turn_bytes))) has_bad = true;
  });
  return !has_bad;
}

}  // namespace skein
