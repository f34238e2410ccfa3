// The reduction of a few rows of logits, each by several blocks.
//   Launch: two launches of blocks of 1,024 threads over (rows, slices), a warp with a stretch of its slice as in
//   sample.cu. The first surveys, since masses need the greatest logit of the row. The second weighs, and the block of
//   a row that comes last sees what all have found and ends the row. A draw without filters reads one warp's stretch
//   once more. Others, and the greatest logits, have their tokens among a few candidates. Where these do not suffice,
//   as for a flat nucleus, the last block takes the row alone. Limit: at one row of 65,536 tokens a block has 4,096 of
//   them, and the longest way, by count, is six latencies of the second level cache, 0.6 us of exponentials and the
//   barriers: 3 us for both launches, where one block takes 17. Synchronisation: barriers of the block; one thread's
//   fence, count and fence between two of them, which hand on what a block has found.
// Sums are of integers, so that results do not depend on the number of blocks.
#include <cstddef>
#include <cstdint>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/logit_draw.h"
#include "cuda/kernels/logit_stretch.h"
#include "cuda/kernels/logit_survey.h"
#include "cuda/kernels/sample.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kThreads = kLogitThreads;
constexpr uint32_t kWarps = kLogitWarps;

// The tokens of a block's slice.
__device__ __forceinline__ TokenRange SliceOf(const kit::Rows& logits) {
  const uint32_t first = blockIdx.y * kWarps, num_warps = gridDim.y * kWarps;
  return {StretchOf(logits, first, num_warps).first, StretchOf(logits, first + kWarps - 1, num_warps).end};
}

__device__ __forceinline__ Stretch OwnStretch(const kit::Rows& logits) {
  return StretchOf(logits, blockIdx.y * kWarps + threadIdx.x / kWarp, gridDim.y * kWarps);
}

// The slices of the block's row.
__device__ __forceinline__ LogitSlice* SlicesOfRow(const LogitScratch& scratch) {
  return scratch.slices + size_t{blockIdx.x} * gridDim.y;
}

__global__ void __launch_bounds__(kThreads, 1)
    SurveySlicesKernel(const kit::Rows logits, const LogitWishArrays wishes, const LogitScratch scratch) {
  __shared__ SurveyScratch shared;
  DependencyWait();
  DependencyRelease();
  uint32_t key = 0;
  const BlockSurvey survey =
      SurveyStretches(wishes.rows[blockIdx.x], wishes, OwnStretch(logits), SliceOf(logits), logits.width, shared, key);
  LogitSlice& slice = SlicesOfRow(scratch)[blockIdx.y];
  // As many groups of threads for a row as a block has threads.
  for (uint32_t distance = 1; distance < gridDim.y; distance *= 2) {
    key = max(key, __shfl_xor_sync(kFullWarp, key, static_cast<int>(distance)));
  }
  if (threadIdx.x % gridDim.y == 0) slice.group_keys[threadIdx.x / gridDim.y] = key;
  if (threadIdx.x != 0) return;
  slice.best = survey.best;
  slice.min_key = survey.min_key;
  slice.num_tokens = survey.num_tokens;
  slice.imbalance = survey.imbalance;
  slice.is_finite = survey.is_finite;
}

__device__ __forceinline__ Survey SurveyOfSlices(const LogitSlice* slices) {
  BlockSurvey mine = {0, 0xFFFFFFFFu, 0, 0, 1};  // nothing
  if (const uint32_t lane = threadIdx.x % kWarp; lane < gridDim.y) {
    const LogitSlice& slice = slices[lane];
    mine = {slice.best, slice.min_key, slice.num_tokens, slice.imbalance, slice.is_finite};
  }
  const uint32_t groups = kThreads / gridDim.y;  // of a slice
  return OfWarp(mine).OfRow(slices[threadIdx.x / groups].group_keys[threadIdx.x % groups]);
}

// How many tokens, and a few more, are to become candidates. 0: none.
__device__ __forceinline__ uint32_t CandidatesWanted(const LogitWish& wish, const Survey& survey) {
  constexpr uint32_t kNucleus = 128;  // for most rows enough; those that need more look at all tokens
  if (wish.output == LogitOutput::kGreatest) return wish.top_k;
  if (wish.output != LogitOutput::kToken || wish.scale == 0) return 0;
  if (wish.top_k > 0 && wish.top_k < survey.num_tokens) return wish.top_k;
  return wish.top_p < 1 ? kNucleus : 0;
}

// Whether this block of the row is the last to hand on what it found, which it then sees of all.
__device__ __forceinline__ bool IsLast(const LogitScratch& scratch, LogitShared& shared) {
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
    // The last one leaves a zero.
    shared.is_last = atomicInc(scratch.counts + blockIdx.x, gridDim.y - 1) == gridDim.y - 1 ? 1 : 0;
    __threadfence();
  }
  __syncthreads();
  return shared.is_last != 0;
}

// The masses of a slice, and its candidates. `least_kept`: of the tokens of a draw whose filters need no candidates.
__device__ __forceinline__ void WeighSlice(const Stretch& row, const Weigher& weigh, float scale, uint32_t least_key,
                                           uint32_t least_kept, LogitShared& shared, LogitSlice& slice) {
  Weigher tempered = weigh;
  tempered.scale = scale;
  Mass kept = 0;
  const Mass total = TotalMass(row, weigh, least_key, shared, [&](float logit, Mass mass) {
    if (KeyOf(logit) >= least_kept) kept += scale == 1 ? mass : tempered(logit);
  });
  kept = WarpTotal(kept);
  if (threadIdx.x % kWarp == 0) slice.kept[threadIdx.x / kWarp] = kept;
  const uint32_t count = shared.num_candidates;
  if (threadIdx.x < min(count, kMostCandidates)) {
    slice.candidates[threadIdx.x] = shared.candidates[threadIdx.x];
    slice.candidate_keys[threadIdx.x] = shared.candidate_keys[threadIdx.x];
  }
  if (threadIdx.x != 0) return;
  slice.total = total;
  slice.num_candidates = count;
}

__device__ __forceinline__ Mass TotalOfSlices(const LogitSlice* slices) {
  const uint32_t lane = threadIdx.x % kWarp;
  return WarpTotal(lane < gridDim.y ? __ldcg(&slices[lane].total) : Mass{0});
}

// Draws from all tokens with a key of at least `least_kept`, whose masses the slices have.
__device__ void DrawFromSlices(const kit::Rows& logits, const LogitSlice* slices, uint32_t least_kept, double uniform,
                               const Weigher& tempered, LogitShared& shared, LogitResult& result) {
  const uint32_t warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const Mass own = warp < gridDim.y ? __ldcg(&slices[warp].kept[lane]) : Mass{0};
  const Mass up_to_lane = WarpScan(own);
  if (lane == kWarp - 1) shared.kept[warp] = up_to_lane;
  __syncthreads();
  const Mass of_slice = shared.kept[lane];
  const Mass up_to_slice = WarpScan(of_slice);
  const Mass total = __shfl_sync(kFullWarp, up_to_slice, kWarp - 1);
  const Mass target = min(static_cast<Mass>(uniform * static_cast<double>(total)), total - 1);
  const uint32_t passed_slices = __ballot_sync(kFullWarp, up_to_slice > target);
  const Mass before_slice = __shfl_sync(kFullWarp, up_to_slice - of_slice, static_cast<int>(warp));
  if (static_cast<uint32_t>(__ffs(static_cast<int>(passed_slices))) - 1 != warp) return;
  const uint32_t passed = __ballot_sync(kFullWarp, before_slice + up_to_lane > target);
  const int found = __ffs(static_cast<int>(passed)) - 1;
  const Mass before = __shfl_sync(kFullWarp, before_slice + up_to_lane - own, found);
  const Stretch row = StretchOf(logits, warp * kWarps + static_cast<uint32_t>(found), gridDim.y * kWarps);
  DrawFromStretch(row, {least_kept, kAllTies}, {before, kAllTies, target, true}, tempered, result);
}

// Brings the candidates of all slices together, if there is room for them.
__device__ void GatherCandidates(const LogitSlice* slices, LogitShared& shared) {
  const uint32_t warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  // Of too many there is one, however many they are.
  const uint32_t count = lane < gridDim.y ? min(__ldcg(&slices[lane].num_candidates), kMostCandidates + 1) : 0;
  const auto up_to = static_cast<uint32_t>(WarpScan(count));
  const uint32_t all = __shfl_sync(kFullWarp, up_to, kWarp - 1);
  const uint32_t own_count = __shfl_sync(kFullWarp, count, static_cast<int>(warp));
  const uint32_t first = __shfl_sync(kFullWarp, up_to - count, static_cast<int>(warp));
  if (threadIdx.x == 0) shared.num_candidates = all;
  for (uint32_t i = lane; all <= kMostCandidates && i < own_count && first + i < kMostCandidates; i += kWarp) {
    shared.candidates[first + i] = __ldcg(&slices[warp].candidates[i]);
    shared.candidate_keys[first + i] = __ldcg(&slices[warp].candidate_keys[i]);
  }
  __syncthreads();
}

// The sum over the threads up to this one.
__device__ __forceinline__ Mass BlockScan(Mass x, Mass* scratch) {
  const uint32_t warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const Mass up_to_lane = WarpScan(x);
  if (lane == kWarp - 1) scratch[warp] = up_to_lane;
  __syncthreads();
  const Mass of_warp = scratch[lane];
  return up_to_lane + __shfl_sync(kFullWarp, WarpScan(of_warp) - of_warp, static_cast<int>(warp));
}

// The cutoff of a draw's filters among candidates, of which a thread has that of its rank; a key of 0: none, if the
// border lies deeper. `up_to`: the mass of the candidates up to the thread's.
__device__ Cutoff CutoffAmongCandidates(const LogitWish& wish, const Survey& survey, Mass total, float greatest,
                                        uint32_t count, uint32_t key, Mass up_to, const uint32_t* sorted_keys) {
  Cutoff cutoff = {0, 0};
  if (wish.top_k > 0 && wish.top_k < survey.num_tokens) {
    cutoff.key = sorted_keys[wish.top_k - 1];  // so many reach the candidates' least key
    cutoff.num_ties = wish.top_k - static_cast<uint32_t>(__syncthreads_count(key > cutoff.key));
  }
  if (wish.top_p < 1) {
    const Mass wanted = static_cast<Mass>(ceil(wish.top_p * static_cast<double>(total)));
    const Mass least = min(max(wanted, Mass{1}), total);
    const auto below = static_cast<uint32_t>(__syncthreads_count(threadIdx.x < count && up_to < least));
    if (below < count) cutoff = Stricter(cutoff, {sorted_keys[below], kAllTies});
  }
  return cutoff.key == 0 ? cutoff : Stricter(cutoff, MinPCutoff(greatest, wish.log_min_p));
}

// Draws with filters whose border lies among the candidates. False: it does not, or they are not all there.
__device__ bool DrawFromCandidates(const LogitWish& wish, const Stretch& row, const Survey& survey, Mass total,
                                   Weigher weigh, LogitShared& shared, LogitResult& result) {
  const uint32_t count = shared.num_candidates;
  if (count > kMostCandidates) return false;
  // In order of rank they lie where the bins do.
  uint32_t* const sorted = shared.mass_low;
  uint32_t* const sorted_keys = shared.mass_high;
  if (threadIdx.x < count) {
    const uint32_t rank = RankOf(count, shared);
    sorted[rank] = shared.candidates[threadIdx.x];
    sorted_keys[rank] = shared.candidate_keys[threadIdx.x];
  }
  __syncthreads();
  const bool is_one = threadIdx.x < count;
  const uint32_t id = is_one ? sorted[threadIdx.x] : 0, key = is_one ? sorted_keys[threadIdx.x] : 0;
  const Mass up_to = BlockScan(is_one ? weigh(LogitOf(key)) : 0, shared.masses);
  const Cutoff cutoff = CutoffAmongCandidates(wish, survey, total, weigh.max, count, key, up_to, sorted_keys);
  if (cutoff.key == 0) return false;

  const auto num_above = static_cast<uint32_t>(__syncthreads_count(key > cutoff.key));
  const bool is_kept = key > cutoff.key || (key == cutoff.key && threadIdx.x - num_above < cutoff.num_ties);
  const auto num_kept = static_cast<uint32_t>(__syncthreads_count(is_kept));
  weigh.scale = wish.scale;
  const Mass mass = is_kept ? weigh(LogitOf(key)) : 0;
  shared.candidate_masses[threadIdx.x] = mass;
  const Mass kept = WarpTotal(mass);
  if (threadIdx.x % kWarp == 0) shared.kept[threadIdx.x / kWarp] = kept;
  __syncthreads();
  const Mass all = WarpTotal(shared.kept[threadIdx.x % kWarp]);
  const Mass target = min(static_cast<Mass>(wish.uniform * static_cast<double>(all)), all - 1);
  if (!is_kept) return true;
  Mass before = 0;  // in order of id
  for (uint32_t i = 0; i < num_kept; ++i) before += sorted[i] < id ? shared.candidate_masses[i] : 0;
  if (before <= target && target < before + mass) {
    result.token = id;
    result.logit = row.logits[id];
  }
  return true;
}

__global__ void __launch_bounds__(kThreads, 1)
    FinishSlicesKernel(const kit::Rows logits, const LogitWishArrays wishes, float unit, const LogitScratch scratch,
                       LogitResult* results, RankedLogit* greatest) {
  __shared__ LogitShared shared;
  DependencyWait();
  DependencyRelease();
  const LogitWish& wish = wishes.rows[blockIdx.x];
  LogitResult& result = results[blockIdx.x];
  LogitSlice* const slices = SlicesOfRow(scratch);
  const Survey survey = SurveyOfSlices(slices);
  const LogitStatus status = StatusOf(survey, wish.output);
  if (blockIdx.y == 0 && threadIdx.x == 0) result.status = status;
  if (status != LogitStatus::kGood || wish.output == LogitOutput::kLogits) return;

  const Weigher weigh = {LogitOf(survey.max_key), 1.0f, unit};
  const uint32_t wanted = CandidatesWanted(wish, survey);
  uint32_t least_key = kNoKey, least_kept = kNoKey;
  const bool draws_from_all = DrawsFromAll(wish, survey, least_kept);
  if (threadIdx.x == 0) shared.num_candidates = 0;
  if (wanted > 0) least_key = max(KeyThatManyReach(survey, wanted), kBanned + 1);  // its barriers are behind the zero
  WeighSlice(OwnStretch(logits), weigh, wish.scale, least_key, least_kept, shared, slices[blockIdx.y]);
  if (!IsLast(scratch, shared)) return;

  const Mass total = TotalOfSlices(slices);
  if (threadIdx.x == 0) result.log_sum_exp = LogSumExp(weigh, total);
  Weigher tempered = weigh;
  tempered.scale = wish.scale;
  if (wanted > 0) GatherCandidates(slices, shared);
  const Stretch row = StretchOf(logits, threadIdx.x / kWarp, kWarps);
  if (wish.output == LogitOutput::kGreatest) {
    WriteGreatest(row, survey, wish.top_k, shared, greatest + size_t{blockIdx.x} * SKEIN_MAX_TOP_K);
  } else if (draws_from_all) {
    DrawFromSlices(logits, slices, least_kept, wish.uniform, tempered, shared, result);
  } else if (wanted == 0 || !DrawFromCandidates(wish, row, survey, total, weigh, shared, result)) {
    DrawToken(wish, row, survey, total, weigh, shared, result);
  }
}

}  // namespace

uint32_t NumSlices(const kit::Rows& logits, const LogitScratch& scratch) {
  uint32_t slices = 1;
  const auto has_room = [&](uint32_t more) {
    return more <= LogitScratch::kMostSlices && uint64_t{logits.count} * more <= LogitScratch::kMostBlocks &&
           logits.width / more >= scratch.least_tokens;
  };
  while (scratch.slices != nullptr && has_room(2 * slices)) slices *= 2;
  return slices;
}

cudaError_t FinishSlicedLogits(const Queue& queue, kit::Rows logits, const LogitWishArrays& wishes, float unit,
                               LogitResult* results, RankedLogit* greatest, const LogitScratch& scratch) {
  const dim3 grid(logits.count, NumSlices(logits, scratch));
  const cudaError_t error = Launch(queue, grid, kThreads, SurveySlicesKernel, logits, wishes, scratch);
  if (error != cudaSuccess) return error;
  return Launch(queue, grid, kThreads, FinishSlicesKernel, logits, wishes, unit, scratch, results, greatest);
}

}  // namespace skein::cuda
