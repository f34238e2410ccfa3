// The reduction of rows of logits.
//   Launch: a block of 1,024 threads a row; a warp owns a stretch of the row, in order of id. Bound by the bytes that
//   one multiprocessor reads and by the exponentials that it makes: the row lies in L2, and is read twice for a greedy
//   token, the greatest logits or a draw without filters, three times for a draw with some, and once more for each of
//   at most three times that a filter narrows, by 2,048, the keys among which its border lies. A thread has 64 bytes on
//   their way, the block 64 KB, so that 256 KB take 2.4 us at 64 bytes a cycle and 1.7 GHz; exponentials, some 33
//   instructions a token, take 10 us. These are counts. Synchronisation: barriers of the block.
// Of a few rows several blocks may share each: sample_slices.cu.
#include <cstddef>
#include <cstdint>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/logit_draw.h"
#include "cuda/kernels/logit_stretch.h"
#include "cuda/kernels/logit_survey.h"
#include "cuda/kernels/sample.h"

namespace skein::cuda {
namespace {

__global__ void __launch_bounds__(kLogitThreads, 1)
    FinishLogitsKernel(const kit::Rows logits, const LogitWishArrays wishes, float unit, LogitResult* results,
                       RankedLogit* greatest) {
  __shared__ LogitShared shared;
  DependencyWait();
  DependencyRelease();
  const LogitWish& wish = wishes.rows[blockIdx.x];
  const Stretch row = StretchOf(logits, threadIdx.x / kWarp, kLogitWarps);
  LogitResult& result = results[blockIdx.x];
  uint32_t own_key = 0;
  const TokenRange all = {0, logits.width};
  const Survey survey = SurveyStretches(wish, wishes, row, all, logits.width, shared.survey, own_key).OfRow(own_key);
  const LogitStatus status = StatusOf(survey, wish.output);
  if (threadIdx.x == 0) result.status = status;
  if (status != LogitStatus::kGood || wish.output == LogitOutput::kLogits) return;

  const Weigher weigh = {LogitOf(survey.max_key), 1.0f, unit};
  uint32_t least_key = kNoKey;
  if (wish.output == LogitOutput::kGreatest) {
    if (threadIdx.x == 0) shared.num_candidates = 0;
    least_key = max(KeyThatManyReach(survey, wish.top_k), kBanned + 1);  // its barriers are behind the zero
  }
  Weigher tempered = weigh;
  tempered.scale = wish.scale;
  uint32_t least_kept = kNoKey;
  const bool draws_from_all = DrawsFromAll(wish, survey, least_kept);
  Mass kept = 0;  // of the draw, above its least key
  uint32_t num_ties = 0;
  const Mass total = TotalMass(row, weigh, least_key, shared, [&](float logit, Mass mass) {
    const uint32_t key = KeyOf(logit);
    if (key > least_kept) kept += wish.scale == 1 ? mass : tempered(logit);
    if (key == least_kept) ++num_ties;
  });
  if (threadIdx.x == 0) result.log_sum_exp = LogSumExp(weigh, total);
  if (draws_from_all) {
    const Cutoff cutoff = {least_kept, kAllTies};
    const Kept found = FindWarp(kept, num_ties, cutoff, wish.uniform, tempered, shared);
    if (found.has_it) DrawFromStretch(row, cutoff, found, tempered, result);
  } else if (wish.output == LogitOutput::kToken) {
    DrawToken(wish, row, survey, total, weigh, shared, result);
  } else {
    WriteGreatest(row, survey, wish.top_k, shared, greatest + size_t{blockIdx.x} * SKEIN_MAX_TOP_K);
  }
}

}  // namespace

cudaError_t FinishLogits(const Queue& queue, kit::Rows logits, const LogitWishArrays& wishes, LogitResult* results,
                         RankedLogit* greatest, const LogitScratch& scratch) {
  if (logits.count == 0) return cudaSuccess;
  // The mass of the greatest logit; the whole vocabulary may have it.
  float unit = 9223372036854775808.0f;  // 2^63
  for (uint32_t tokens = 1; tokens < logits.width; tokens *= 2) unit /= 2;
  const uint32_t slices = NumSlices(logits, scratch);
  if (slices == 1) {
    return Launch(queue, dim3(logits.count), kLogitThreads, FinishLogitsKernel, logits, wishes, unit, results,
                  greatest);
  }
  return FinishSlicedLogits(queue, logits, wishes, unit, results, greatest, scratch);
}

}  // namespace skein::cuda
