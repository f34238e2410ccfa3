// What is wanted of a row of logits behind its survey: the border of a draw's filters, the draw, the greatest logits,
// by one block. For sample.cu and sample_slices.cu alone.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_LOGIT_DRAW_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_LOGIT_DRAW_H_

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/logit_stretch.h"
#include "cuda/kernels/logit_survey.h"
#include "cuda/kernels/sample.h"

namespace skein::cuda {

inline constexpr uint32_t kBins = 2048;
inline constexpr uint32_t kBinsOfWarp = kBins / kLogitWarps;
inline constexpr uint32_t kAllTies = 0xFFFFFFFFu;
inline constexpr uint32_t kNoKey = 0xFFFFFFFFu;  // above those of all numbers
inline constexpr uint32_t kMostCandidates = LogitSlice::kMostCandidates;
static_assert(kBinsOfWarp == 2 * kWarp && kMostCandidates == kLogitThreads);

struct LogitShared {
  uint32_t mass_low[kBins];
  uint32_t mass_high[kBins];
  uint32_t ties[kLogitWarps][SKEIN_MAX_TOP_K];
  uint32_t candidates[kMostCandidates];      // ids of tokens that may be among the greatest
  uint32_t candidate_keys[kMostCandidates];  // theirs
  Mass candidate_masses[kMostCandidates];    // of those that are kept, in order of rank
  uint32_t num_candidates;                   // more than there is room for: the others have no place
  uint32_t num_gathered;                     // candidates above a cutoff
  uint32_t counts[kLogitWarps];
  Mass masses[kLogitWarps];
  Mass scan[kLogitWarps];
  Mass kept[kLogitWarps];
  SurveyScratch survey;
  uint32_t found_bin;
  Mass found_above;
  uint32_t is_last;
};

// The mass of all tokens of a block. Those with a key of at least `least_key` become candidates on the way, in no
// order. visit(logit, mass) for each token.
template <typename Visit>
__device__ __forceinline__ Mass TotalMass(const Stretch& row, const Weigher& weigh, uint32_t least_key,
                                          LogitShared& shared, const Visit& visit) {
  Mass mine = 0;
  row.ForEach([&](uint32_t id, float logit) {
    const Mass mass = weigh(logit);
    mine += mass;
    visit(logit, mass);
    const uint32_t key = KeyOf(logit);
    if (key < least_key) return;
    const uint32_t place = atomicAdd(&shared.num_candidates, 1u);
    if (place >= kMostCandidates) return;
    shared.candidates[place] = id;
    shared.candidate_keys[place] = key;
  });
  mine = WarpTotal(mine);
  if (threadIdx.x % kWarp == 0) shared.masses[threadIdx.x / kWarp] = mine;
  __syncthreads();
  return WarpTotal(shared.masses[threadIdx.x % kWarp]);
}

// --- the border of a filter ---

struct KeyRange {
  uint32_t low;
  uint32_t high;
};

// A key that at least `count` tokens reach, and not many more if they are spread over the threads: the `count` greatest
// of the keys that a thread has each as its greatest reach it. 0 if so many threads have none.
__device__ __forceinline__ uint32_t KeyThatManyReach(const Survey& survey, uint32_t count) {
  constexpr uint32_t kLastBit = 10;  // the others would keep away few tokens
  uint32_t key = 0;
  for (uint32_t bit = 1u << 31; bit >= 1u << kLastBit; bit >>= 1) {
    if (static_cast<uint32_t>(__syncthreads_count(survey.own_key >= (key | bit))) >= count) key |= bit;
  }
  return key;
}

// The tokens with greater keys are kept, and of those with this one the `num_ties` with the lowest ids.
struct Cutoff {
  uint32_t key;
  uint32_t num_ties;
};

// Two additions of 32 bits take the place of one of 64, which shared memory lacks.
__device__ __forceinline__ void AddToBin(LogitShared& shared, uint32_t bin, Mass mass) {
  const uint32_t low = static_cast<uint32_t>(mass);
  const uint32_t sum = atomicAdd(&shared.mass_low[bin], low) + low;
  const uint32_t high = static_cast<uint32_t>(mass >> 32) + (sum < low ? 1 : 0);
  if (high != 0) atomicAdd(&shared.mass_high[bin], high);
}

// Finds the first bin at which `above` and the sum of the bins up to it reach `wanted`, which they do in the last at
// the latest. Leaves it in `shared` with what lies above it.
__device__ inline void FindBin(Mass above, Mass wanted, LogitShared& shared) {
  const uint32_t warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const uint32_t bin = warp * kBinsOfWarp + 2 * lane;
  const Mass first = Mass{shared.mass_high[bin]} << 32 | shared.mass_low[bin];
  const Mass second = Mass{shared.mass_high[bin + 1]} << 32 | shared.mass_low[bin + 1];
  const Mass up_to_lane = WarpScan(first + second);
  if (lane == kWarp - 1) shared.scan[warp] = up_to_lane;
  __syncthreads();
  const Mass of_warp = shared.scan[lane];
  const Mass up_to_warp = above + WarpScan(of_warp);
  const uint32_t reached = __ballot_sync(kFullWarp, up_to_warp >= wanted);
  const uint32_t found_warp = static_cast<uint32_t>(__ffs(static_cast<int>(reached))) - 1;
  const Mass before_warp = __shfl_sync(kFullWarp, up_to_warp - of_warp, static_cast<int>(warp));
  if (warp != found_warp) return;
  const Mass before = before_warp + up_to_lane - first - second;
  if (before >= wanted || before + first + second < wanted) return;
  const bool is_second = before + first < wanted;
  shared.found_bin = is_second ? bin + 1 : bin;
  shared.found_above = is_second ? before + first : before;
}

// The greatest key at which the measures of the tokens, from the greatest key of `range` down, add up to `wanted`.
// `above`: what the greater keys add up to.
template <typename Measure>
__device__ inline uint32_t FindKey(const Stretch& row, KeyRange range, Mass wanted, const Measure& measure,
                                   LogitShared& shared, Mass& above) {
  above = 0;
  while (range.low < range.high) {
    const uint32_t width = range.high - range.low;
    const uint32_t shift = width < kBins ? 0 : kWarp - static_cast<uint32_t>(__clz(static_cast<int>(width))) - 11;
    for (uint32_t bin = threadIdx.x; bin < kBins; bin += kLogitThreads)
      shared.mass_low[bin] = shared.mass_high[bin] = 0;
    __syncthreads();
    row.ForEach([&](uint32_t, float logit) {
      const uint32_t key = KeyOf(logit);
      if (key >= range.low && key <= range.high) AddToBin(shared, (range.high - key) >> shift, measure(logit));
    });
    __syncthreads();
    FindBin(above, wanted, shared);
    __syncthreads();
    const uint32_t bin = shared.found_bin;
    above = shared.found_above;
    if (bin < width >> shift) range.low = range.high - ((bin + 1) << shift) + 1;
    range.high -= bin << shift;
  }
  return range.high;
}

__device__ inline Cutoff TopKCutoff(const Stretch& row, KeyRange range, uint32_t top_k, LogitShared& shared) {
  Mass above = 0;
  const uint32_t key = FindKey(
      row, range, top_k, [](float) { return Mass{1}; }, shared, above);
  return {key, top_k - static_cast<uint32_t>(above)};
}

__device__ inline Cutoff TopPCutoff(const Stretch& row, KeyRange range, double top_p, Mass total, const Weigher& weigh,
                                    LogitShared& shared) {
  // Sums are integers, so they reach a number where they reach the next integer.
  const Mass wanted = static_cast<Mass>(ceil(top_p * static_cast<double>(total)));
  Mass above = 0;
  return {FindKey(row, range, min(max(wanted, Mass{1}), total), weigh, shared, above), kAllTies};
}

__device__ inline Cutoff MinPCutoff(float max, double log_min_p) {
  return {KeyOf(static_cast<float>(static_cast<double>(max) + log_min_p)), kAllTies};
}

__device__ __forceinline__ Cutoff Stricter(Cutoff a, Cutoff b) {
  if (a.key != b.key) return a.key > b.key ? a : b;
  return {a.key, min(a.num_ties, b.num_ties)};
}

// --- the draw ---

// The contents of a warp's stretch: mass above the cutoff, and tokens at it.
struct Kept {
  Mass before;    // of the warps in front
  uint32_t ties;  // that it may keep
  Mass target;    // the sum at which the token is drawn, exceeded by the warp's own
  bool has_it;    // the token is in this warp's stretch
};

// Finds the warp in whose stretch the share `uniform` of all that is kept is passed.
// `mass`: of the thread's tokens above the cutoff; `num_ties`: of those at it.
__device__ inline Kept FindWarp(Mass mass, uint32_t num_ties, Cutoff cutoff, double uniform, const Weigher& weigh,
                                LogitShared& shared) {
  const uint32_t warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  mass = WarpTotal(mass);
  num_ties = WarpTotal(num_ties);
  if (lane == 0) {
    shared.kept[warp] = mass;
    shared.counts[warp] = num_ties;
  }
  __syncthreads();
  const Mass ties_before = WarpScan(shared.counts[lane]) - shared.counts[lane];
  const uint32_t ties_left = ties_before < cutoff.num_ties ? cutoff.num_ties - static_cast<uint32_t>(ties_before) : 0;
  const uint32_t ties = min(ties_left, shared.counts[lane]);
  const Mass own = shared.kept[lane] + ties * weigh(LogitOf(cutoff.key));
  const Mass up_to = WarpScan(own);
  const Mass total = __shfl_sync(kFullWarp, up_to, kWarp - 1);
  const Mass target = min(static_cast<Mass>(uniform * static_cast<double>(total)), total - 1);
  const uint32_t passed = __ballot_sync(kFullWarp, up_to > target);
  return {__shfl_sync(kFullWarp, up_to - own, static_cast<int>(warp)),
          __shfl_sync(kFullWarp, ties, static_cast<int>(warp)), target,
          static_cast<uint32_t>(__ffs(static_cast<int>(passed))) - 1 == warp};
}

// Walks a warp's stretch, which has the token. The thread that finds it writes it to `result`.
__device__ __forceinline__ void DrawFromStretch(const Stretch& row, Cutoff cutoff, const Kept& kept,
                                                const Weigher& weigh, LogitResult& result) {
  const uint32_t lower_lanes = (1u << threadIdx.x % kWarp) - 1;
  Mass before = kept.before;
  uint32_t num_ties = 0;
  row.ForEachTogether([&](uint32_t id, uint32_t key) {
    const uint32_t ties = __ballot_sync(kFullWarp, key == cutoff.key);
    const bool is_kept_tie =
        key == cutoff.key && num_ties + static_cast<uint32_t>(__popc(ties & lower_lanes)) < kept.ties;
    const Mass up_to = before + WarpScan(key > cutoff.key || is_kept_tie ? weigh(LogitOf(key)) : 0);
    const uint32_t passed = __ballot_sync(kFullWarp, up_to > kept.target);
    if (passed != 0) {
      if (static_cast<uint32_t>(__ffs(static_cast<int>(passed))) - 1 == threadIdx.x % kWarp) {
        result.token = id;
        result.logit = row.logits[id];
      }
      return true;
    }
    before = __shfl_sync(kFullWarp, up_to, kWarp - 1);
    num_ties += static_cast<uint32_t>(__popc(ties));
    return false;
  });
}

// Draws from the tokens that the cutoff keeps.
__device__ inline void Draw(const Stretch& row, Cutoff cutoff, double uniform, const Weigher& weigh,
                            LogitShared& shared, LogitResult& result) {
  Mass mass = 0;
  uint32_t num_ties = 0;
  row.ForEach([&](uint32_t, float logit) {
    const uint32_t key = KeyOf(logit);
    if (key > cutoff.key) mass += weigh(logit);
    if (key == cutoff.key) ++num_ties;
  });
  const Kept kept = FindWarp(mass, num_ties, cutoff, uniform, weigh, shared);
  if (kept.has_it) DrawFromStretch(row, cutoff, kept, weigh, result);
}

// Whether a token is drawn from all that have a key of at least `least_key`, which is known before any mass is.
__device__ __forceinline__ bool DrawsFromAll(const LogitWish& wish, const Survey& survey, uint32_t& least_key) {
  const bool has_top_k = wish.top_k > 0 && wish.top_k < survey.num_tokens;
  if (wish.output != LogitOutput::kToken || wish.scale == 0 || has_top_k || wish.top_p < 1) return false;
  least_key = MinPCutoff(LogitOf(survey.max_key), wish.log_min_p).key;
  return true;
}

__device__ inline void DrawToken(const LogitWish& wish, const Stretch& row, const Survey& survey, Mass total,
                                 Weigher weigh, LogitShared& shared, LogitResult& result) {
  if (wish.scale == 0) {
    if (threadIdx.x == 0) {
      result.token = survey.argmax;
      result.logit = row.logits[survey.argmax];
    }
    return;
  }
  const KeyRange range = {survey.min_key, survey.max_key};
  Cutoff cutoff = {kBanned, 0};
  if (wish.top_k > 0 && wish.top_k < survey.num_tokens) {
    const uint32_t low = max(range.low, KeyThatManyReach(survey, wish.top_k));
    cutoff = TopKCutoff(row, {low, range.high}, wish.top_k, shared);
  }
  if (wish.top_p < 1) cutoff = Stricter(cutoff, TopPCutoff(row, range, wish.top_p, total, weigh, shared));
  cutoff = Stricter(cutoff, MinPCutoff(weigh.max, wish.log_min_p));
  weigh.scale = wish.scale;
  Draw(row, cutoff, wish.uniform, weigh, shared, result);
}

// --- the greatest ---

// Fills shared.candidates with the ids of the tokens above the cutoff, in no order, and shared.ties with the first of
// those at it, by warp.
__device__ inline void GatherGreatest(const Stretch& row, Cutoff cutoff, LogitShared& shared) {
  const uint32_t warp = threadIdx.x / kWarp;
  const uint32_t lower_lanes = (1u << threadIdx.x % kWarp) - 1;
  if (threadIdx.x == 0) shared.num_gathered = 0;
  __syncthreads();
  uint32_t num_ties = 0;
  row.ForEachTogether([&](uint32_t id, uint32_t key) {
    if (key > cutoff.key) shared.candidates[atomicAdd(&shared.num_gathered, 1u)] = id;
    const uint32_t ties = __ballot_sync(kFullWarp, key == cutoff.key);
    const uint32_t place = num_ties + static_cast<uint32_t>(__popc(ties & lower_lanes));
    if (key == cutoff.key && place < SKEIN_MAX_TOP_K) shared.ties[warp][place] = id;
    num_ties += static_cast<uint32_t>(__popc(ties));
    return false;
  });
  if (threadIdx.x % kWarp == 0) shared.counts[warp] = num_ties;
  __syncthreads();
}

// The tie with this number, in order of id.
__device__ inline uint32_t TieAt(uint32_t number, const LogitShared& shared) {
  uint32_t warp = 0;
  for (; warp + 1 < kLogitWarps && number >= shared.counts[warp]; ++warp) number -= shared.counts[warp];
  return shared.ties[warp][min(number, SKEIN_MAX_TOP_K - 1u)];
}

// The rank of the thread's candidate among the first `count`.
__device__ __forceinline__ uint32_t RankOf(uint32_t count, const LogitShared& shared) {
  const uint32_t id = shared.candidates[threadIdx.x], key = shared.candidate_keys[threadIdx.x];
  uint32_t rank = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t other = shared.candidates[i], other_key = shared.candidate_keys[i];
    rank += other_key > key || (other_key == key && other < id) ? 1 : 0;
  }
  return rank;
}

// Writes the candidates that are among the top_k greatest of the first `count` to their ranks.
__device__ inline void WriteRanked(const Stretch& row, uint32_t count, uint32_t top_k, const LogitShared& shared,
                                   RankedLogit* greatest) {
  if (threadIdx.x >= count) return;
  const uint32_t rank = RankOf(count, shared), id = shared.candidates[threadIdx.x];
  if (rank < top_k) greatest[rank] = {row.logits[id], id};
}

// Where there are too many candidates or too few: finds the border first.
__device__ inline void GatherAtCutoff(const Stretch& row, const Survey& survey, uint32_t top_k, LogitShared& shared) {
  const KeyRange range = {survey.num_tokens < top_k ? kBanned : survey.min_key, survey.max_key};
  const Cutoff cutoff = TopKCutoff(row, range, top_k, shared);
  GatherGreatest(row, cutoff, shared);
  const uint32_t num_above = top_k - cutoff.num_ties;
  if (threadIdx.x < top_k && threadIdx.x >= num_above) {
    shared.candidates[threadIdx.x] = TieAt(threadIdx.x - num_above, shared);
  }
  if (threadIdx.x < top_k) shared.candidate_keys[threadIdx.x] = KeyOf(row.logits[shared.candidates[threadIdx.x]]);
  __syncthreads();
}

// Behind TotalMass, whose candidates are all tokens from a key on that top_k of them reach.
__device__ inline void WriteGreatest(const Stretch& row, const Survey& survey, uint32_t top_k, LogitShared& shared,
                                     RankedLogit* greatest) {
  uint32_t count = shared.num_candidates;
  if (survey.num_tokens < top_k || count > kMostCandidates) {
    GatherAtCutoff(row, survey, top_k, shared);
    count = top_k;
  }
  WriteRanked(row, count, top_k, shared, greatest);
}

// --- the end of a row ---

__device__ __forceinline__ LogitStatus StatusOf(const Survey& survey, LogitOutput output) {
  if (!survey.is_finite) return LogitStatus::kNotFinite;
  return survey.num_tokens == 0 && output != LogitOutput::kLogits ? LogitStatus::kNoToken : LogitStatus::kGood;
}

__device__ __forceinline__ float LogSumExp(const Weigher& weigh, Mass total) {
  return static_cast<float>(static_cast<double>(weigh.max) +
                            log(static_cast<double>(total) / static_cast<double>(weigh.unit)));
}

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_LOGIT_DRAW_H_
