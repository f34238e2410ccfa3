// The reduction of rows of logits.
//   Launch: a block of 1,024 threads a row; a warp owns a stretch of the row, in order of id. Bound by the bytes that
//   one multiprocessor reads and by the exponentials that it makes: the row lies in L2, and is read twice for a greedy
//   token or the greatest logits, three times for a draw without filters, and once more for each of at most three times
//   that a filter narrows, by 2,048, the keys among which its border lies. A thread has 64 bytes on their way, the
//   block 64 KB, so that 256 KB take 2.4 us at 64 bytes a cycle and 1.7 GHz; exponentials, some 33 instructions a
//   token, take 10 us. These are counts. Synchronisation: barriers of the block. Sums of probabilities are integers, of
//   which atomics may add in any order: the same logits give the same token, always.
//
// A key is a float as an integer of the same order. A mass is exp(logit - max) as a multiple of 2^-k, with k so large
// that the sum over the vocabulary fits 64 bits.
#include <cstddef>
#include <cstdint>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/logit_stretch.h"
#include "cuda/kernels/sample.h"

namespace skein::cuda {
namespace {

using Mass = unsigned long long;

constexpr uint32_t kThreads = 1024;
constexpr uint32_t kWarps = kThreads / kWarp;
constexpr uint32_t kBins = 2048;
constexpr uint32_t kBinsOfWarp = kBins / kWarps;
constexpr uint32_t kBanned = 0x007FFFFFu;  // the key of minus infinity
constexpr uint32_t kAllTies = 0xFFFFFFFFu;
constexpr uint32_t kNoKey = 0xFFFFFFFFu;  // above those of all numbers
constexpr uint32_t kMostCandidates = kThreads;
static_assert(kWarps == kWarp && kBinsOfWarp == 2 * kWarp);

struct Shared {
  uint32_t mass_low[kBins];
  uint32_t mass_high[kBins];
  uint32_t ties[kWarps][SKEIN_MAX_TOP_K];
  uint32_t candidates[kMostCandidates];      // ids of tokens that may be among the greatest
  uint32_t candidate_keys[kMostCandidates];  // theirs
  uint32_t num_candidates;                   // more than there is room for: the others have no place
  uint32_t num_gathered;                     // candidates above a cutoff
  uint32_t counts[kWarps];
  Mass masses[kWarps];
  Mass scan[kWarps];
  Mass kept[kWarps];
  Mass best[kWarps];
  uint32_t least[kWarps];
  uint32_t tokens[kWarps];
  int imbalance[kWarps];
  uint32_t found_bin;
  Mass found_above;
};

// --- numbers ---

// numbers/exp.h, to the bit: no multiplication and addition may become one.
__device__ __forceinline__ float ExpNonPositive(float x) {
  const float rounded = __fadd_rn(__fmul_rn(x, 1.44269504f), 12582912.0f);
  const float exponent = __fsub_rn(rounded, 12582912.0f);
  const float r = __fsub_rn(__fsub_rn(x, __fmul_rn(exponent, 0.693359375f)), __fmul_rn(exponent, -2.12194440e-4f));
  const float factors[] = {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 1.0f / 2, 1.0f, 1.0f};
  float series = 1.0f / 5040;
  for (const float factor : factors) series = __fadd_rn(factor, __fmul_rn(r, series));
  const uint32_t power = (__float_as_uint(rounded) << 23) + 0x3F800000u;
  return x < -87.0f ? 0.0f : __fmul_rn(series, __uint_as_float(power));
}

// --- sums over the block ---

template <typename T>
__device__ __forceinline__ T WarpTotal(T x) {
  for (uint32_t distance = kWarp / 2; distance > 0; distance /= 2) x += __shfl_xor_sync(kFullWarp, x, distance);
  return x;
}

// The sum of the lanes up to this one.
__device__ __forceinline__ Mass WarpScan(Mass x) {
  const uint32_t lane = threadIdx.x % kWarp;
  for (uint32_t distance = 1; distance < kWarp; distance *= 2) {
    const Mass before = __shfl_up_sync(kFullWarp, x, distance);
    if (lane >= distance) x += before;
  }
  return x;
}

// --- a row ---

__device__ __forceinline__ Stretch StretchOf(const kit::Rows& logits) {
  const uint32_t length = ((logits.width + kWarps - 1) / kWarps + kWarp - 1) / kWarp * kWarp;
  const uint32_t first = min(threadIdx.x / kWarp * length, logits.width);
  const bool is_aligned = logits.width % 4 == 0 && reinterpret_cast<uintptr_t>(logits.data) % sizeof(float4) == 0;
  return {logits.data + size_t{blockIdx.x} * logits.width, first, min(first + length, logits.width), is_aligned};
}

// The facts of a row that are known when all of it was seen.
struct Survey {
  bool is_finite;
  uint32_t num_tokens;  // that are not banned
  uint32_t max_key;
  uint32_t min_key;  // of those
  uint32_t argmax;   // the lowest id of those with max_key
  uint32_t own_key;  // the greatest key that this thread has seen; 0: none
};

// Adds the biases. Gives the number of tokens that they ban, as seen by this thread. A bad logit becomes NaN.
__device__ int AddBiases(const LogitWish& wish, const skein_bias* all, float* logits) {
  const skein_bias* biases = all + wish.first_bias;
  int num_banned = 0;
  for (uint32_t i = threadIdx.x; i < wish.num_biases; i += kThreads) {
    const uint32_t token = biases[i].token;
    if (i > 0 && biases[i - 1].token == token) continue;  // the thread of the token's first bias adds all
    float logit = logits[token];
    const bool was_finite = (__float_as_uint(logit) & 0x7F800000u) != 0x7F800000u;
    for (uint32_t j = i; j < wish.num_biases && biases[j].token == token; ++j) {
      logit = __fadd_rn(logit, biases[j].bias);
    }
    if (!was_finite) logit = __uint_as_float(0x7FC00000u);
    logits[token] = logit;
    num_banned += logit == LogitOf(kBanned) ? 1 : 0;
  }
  return num_banned;
}

// The part of a survey that one thread sees. Minus infinity is a sound logit only where a bias made it: the number of
// those is `num_banned` over all threads.
struct ThreadSurvey {
  int imbalance;
  bool is_finite = true;
  uint32_t num_tokens = 0;
  uint32_t min_key = 0xFFFFFFFFu;
  Mass best = 0;  // the key above, the complement of the id below

  __device__ __forceinline__ void Add(uint32_t id, float logit, bool is_masked) {
    const uint32_t key = KeyOf(logit);
    is_finite = is_finite && logit < __uint_as_float(0x7F800000u);
    imbalance += key == kBanned ? 1 : 0;
    if (is_masked || key == kBanned) return;
    ++num_tokens;
    min_key = min(min_key, key);
    best = max(best, Mass{key} << 32 | ~id);
  }
};

__device__ Survey Combine(ThreadSurvey mine, Shared& shared) {
  const auto own_key = static_cast<uint32_t>(mine.best >> 32);
  for (uint32_t distance = kWarp / 2; distance > 0; distance /= 2) {
    mine.best = max(mine.best, __shfl_xor_sync(kFullWarp, mine.best, distance));
    mine.min_key = min(mine.min_key, __shfl_xor_sync(kFullWarp, mine.min_key, distance));
  }
  mine.num_tokens = WarpTotal(mine.num_tokens);
  mine.imbalance = WarpTotal(mine.imbalance);
  const uint32_t lane = threadIdx.x % kWarp;
  if (lane == 0) {
    const uint32_t warp = threadIdx.x / kWarp;
    shared.best[warp] = mine.best;
    shared.least[warp] = mine.min_key;
    shared.tokens[warp] = mine.num_tokens;
    shared.imbalance[warp] = mine.imbalance;
  }
  const bool is_finite = __syncthreads_and(mine.is_finite) != 0;
  Mass best = shared.best[lane];
  uint32_t min_key = shared.least[lane];
  for (uint32_t distance = kWarp / 2; distance > 0; distance /= 2) {
    best = max(best, __shfl_xor_sync(kFullWarp, best, distance));
    min_key = min(min_key, __shfl_xor_sync(kFullWarp, min_key, distance));
  }
  return {is_finite && WarpTotal(shared.imbalance[lane]) == 0,
          WarpTotal(shared.tokens[lane]),
          static_cast<uint32_t>(best >> 32),
          min_key,
          ~static_cast<uint32_t>(best),
          own_key};
}

// Changes the row by bias and mask on the way.
__device__ Survey SurveyRow(const LogitWish& wish, const LogitWishArrays& wishes, const Stretch& row,
                            uint32_t vocab_size, Shared& shared) {
  ThreadSurvey mine;
  mine.imbalance = -AddBiases(wish, wishes.biases, row.logits);
  __syncthreads();
  const uint32_t* mask =
      wish.mask == kNoMask ? nullptr : wishes.masks + size_t{wish.mask} * ((vocab_size + kWarp - 1) / kWarp);
  row.ForEach([&](uint32_t id, float logit) {
    const bool is_masked = mask != nullptr && (mask[id / kWarp] >> id % kWarp & 1) == 0;
    mine.Add(id, logit, is_masked);
    if (is_masked) row.logits[id] = LogitOf(kBanned);
  });
  return Combine(mine, shared);
}

// --- masses ---

// The mass of a logit: at most `unit`, that of the greatest logit. With a scale other than 1, tempered.
struct Weigher {
  float max;
  float scale;
  float unit;

  __device__ __forceinline__ Mass operator()(float logit) const {
    if (logit == LogitOf(kBanned)) return 0;
    return static_cast<Mass>(__fmul_rn(ExpNonPositive(__fmul_rn(__fsub_rn(logit, max), scale)), unit));
  }
};

// The mass of all tokens. Those with a key of at least `least_key` become candidates on the way, in no order.
__device__ Mass TotalMass(const Stretch& row, const Weigher& weigh, uint32_t least_key, Shared& shared) {
  Mass mine = 0;
  row.ForEach([&](uint32_t id, float logit) {
    mine += weigh(logit);
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
__device__ __forceinline__ void AddToBin(Shared& shared, uint32_t bin, Mass mass) {
  const uint32_t low = static_cast<uint32_t>(mass);
  const uint32_t sum = atomicAdd(&shared.mass_low[bin], low) + low;
  const uint32_t high = static_cast<uint32_t>(mass >> 32) + (sum < low ? 1 : 0);
  if (high != 0) atomicAdd(&shared.mass_high[bin], high);
}

// Finds the first bin at which `above` and the sum of the bins up to it reach `wanted`, which they do in the last at
// the latest. Leaves it in `shared` with what lies above it.
__device__ void FindBin(Mass above, Mass wanted, Shared& shared) {
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
__device__ uint32_t FindKey(const Stretch& row, KeyRange range, Mass wanted, const Measure& measure, Shared& shared,
                            Mass& above) {
  above = 0;
  while (range.low < range.high) {
    const uint32_t width = range.high - range.low;
    const uint32_t shift = width < kBins ? 0 : kWarp - static_cast<uint32_t>(__clz(static_cast<int>(width))) - 11;
    for (uint32_t bin = threadIdx.x; bin < kBins; bin += kThreads) shared.mass_low[bin] = shared.mass_high[bin] = 0;
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

__device__ Cutoff TopKCutoff(const Stretch& row, KeyRange range, uint32_t top_k, Shared& shared) {
  Mass above = 0;
  const uint32_t key = FindKey(
      row, range, top_k, [](float) { return Mass{1}; }, shared, above);
  return {key, top_k - static_cast<uint32_t>(above)};
}

__device__ Cutoff TopPCutoff(const Stretch& row, KeyRange range, double top_p, Mass total, const Weigher& weigh,
                             Shared& shared) {
  // Sums are integers, so they reach a number where they reach the next integer.
  const Mass wanted = static_cast<Mass>(ceil(top_p * static_cast<double>(total)));
  Mass above = 0;
  return {FindKey(row, range, min(max(wanted, Mass{1}), total), weigh, shared, above), kAllTies};
}

__device__ Cutoff MinPCutoff(float max, double log_min_p) {
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
__device__ Kept FindWarp(const Stretch& row, Cutoff cutoff, double uniform, const Weigher& weigh, Shared& shared) {
  const uint32_t warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  Mass mass = 0;
  uint32_t num_ties = 0;
  row.ForEach([&](uint32_t, float logit) {
    const uint32_t key = KeyOf(logit);
    if (key > cutoff.key) mass += weigh(logit);
    if (key == cutoff.key) ++num_ties;
  });
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

// Draws from the tokens that the cutoff keeps. The thread that finds the token writes it to `result`.
__device__ void Draw(const Stretch& row, Cutoff cutoff, double uniform, const Weigher& weigh, Shared& shared,
                     LogitResult& result) {
  const Kept kept = FindWarp(row, cutoff, uniform, weigh, shared);
  if (!kept.has_it) return;
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

__device__ void DrawToken(const LogitWish& wish, const Stretch& row, const Survey& survey, Mass total, Weigher weigh,
                          Shared& shared, LogitResult& result) {
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
__device__ void GatherGreatest(const Stretch& row, Cutoff cutoff, Shared& shared) {
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
__device__ uint32_t TieAt(uint32_t number, const Shared& shared) {
  uint32_t warp = 0;
  while (number >= shared.counts[warp]) number -= shared.counts[warp++];
  return shared.ties[warp][number];
}

// Writes the candidates that are among the top_k greatest of the first `count` to their ranks.
__device__ void WriteRanked(const Stretch& row, uint32_t count, uint32_t top_k, const Shared& shared,
                            RankedLogit* greatest) {
  if (threadIdx.x >= count) return;
  const uint32_t id = shared.candidates[threadIdx.x], key = shared.candidate_keys[threadIdx.x];
  uint32_t rank = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t other = shared.candidates[i], other_key = shared.candidate_keys[i];
    rank += other_key > key || (other_key == key && other < id) ? 1 : 0;
  }
  if (rank < top_k) greatest[rank] = {row.logits[id], id};
}

// Where there are too many candidates or too few: finds the border first.
__device__ void GatherAtCutoff(const Stretch& row, const Survey& survey, uint32_t top_k, Shared& shared) {
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
__device__ void WriteGreatest(const Stretch& row, const Survey& survey, uint32_t top_k, Shared& shared,
                              RankedLogit* greatest) {
  uint32_t count = shared.num_candidates;
  if (survey.num_tokens < top_k || count > kMostCandidates) {
    GatherAtCutoff(row, survey, top_k, shared);
    count = top_k;
  }
  WriteRanked(row, count, top_k, shared, greatest);
}

// --- the kernel ---

__device__ __forceinline__ LogitStatus StatusOf(const Survey& survey, LogitOutput output) {
  if (!survey.is_finite) return LogitStatus::kNotFinite;
  return survey.num_tokens == 0 && output != LogitOutput::kLogits ? LogitStatus::kNoToken : LogitStatus::kGood;
}

__global__ void __launch_bounds__(kThreads, 1)
    FinishLogitsKernel(const kit::Rows logits, const LogitWishArrays wishes, float unit, LogitResult* results,
                       RankedLogit* greatest) {
  __shared__ Shared shared;
  DependencyWait();
  DependencyRelease();
  const LogitWish& wish = wishes.rows[blockIdx.x];
  const Stretch row = StretchOf(logits);
  LogitResult& result = results[blockIdx.x];
  const Survey survey = SurveyRow(wish, wishes, row, logits.width, shared);
  const LogitStatus status = StatusOf(survey, wish.output);
  if (threadIdx.x == 0) result.status = status;
  if (status != LogitStatus::kGood || wish.output == LogitOutput::kLogits) return;

  const Weigher weigh = {LogitOf(survey.max_key), 1.0f, unit};
  uint32_t least_key = kNoKey;
  if (wish.output == LogitOutput::kGreatest) {
    if (threadIdx.x == 0) shared.num_candidates = 0;
    least_key = max(KeyThatManyReach(survey, wish.top_k), kBanned + 1);  // its barriers are behind the zero
  }
  const Mass total = TotalMass(row, weigh, least_key, shared);
  if (threadIdx.x == 0) {
    result.log_sum_exp = static_cast<float>(static_cast<double>(weigh.max) +
                                            log(static_cast<double>(total) / static_cast<double>(unit)));
  }
  if (wish.output == LogitOutput::kToken) {
    DrawToken(wish, row, survey, total, weigh, shared, result);
  } else {
    WriteGreatest(row, survey, wish.top_k, shared, greatest + size_t{blockIdx.x} * SKEIN_MAX_TOP_K);
  }
}

}  // namespace

cudaError_t FinishLogits(const Queue& queue, kit::Rows logits, const LogitWishArrays& wishes, LogitResult* results,
                         RankedLogit* greatest) {
  if (logits.count == 0) return cudaSuccess;
  // The mass of the greatest logit; the whole vocabulary may have it.
  float unit = 9223372036854775808.0f;  // 2^63
  for (uint32_t tokens = 1; tokens < logits.width; tokens *= 2) unit /= 2;
  return Launch(queue, dim3(logits.count), kThreads, FinishLogitsKernel, logits, wishes, unit, results, greatest);
}

}  // namespace skein::cuda
