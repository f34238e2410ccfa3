// The loops over whole rows, compiled for the vector units of several machines: the maxima, the exponentials, the
// places in a histogram. They compute, and choose nothing. Every variant gives the same bits.
#ifndef SKEIN_SAMPLING_ROW_KERNELS_H_
#define SKEIN_SAMPLING_ROW_KERNELS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace skein {

// Rows are looked at in blocks of so many logits.
inline constexpr size_t kLogitBlockSize = 64;

// Kernels that keep may write so many elements beyond what they keep.
inline constexpr size_t kKeepSlack = 16;

// So many floors are looked at in one pass.
inline constexpr size_t kNumFloors = 8;

struct BlockSummary {
  float max;
  float min;
  bool has_nan;
};

// Where a logit lies in a histogram that falls from `high`: bucket (high - logit) * scale, the first one for all
// above and the last one for all beyond.
struct BucketScale {
  float high;
  float scale;
  uint32_t last_bucket;
};

// The result of keep_between.
struct Kept {
  size_t size;    // the number of logits kept
  double within;  // the sum of their weights
  double above;   // the sum of the weights of those that are not below `high`
};

struct RowKernels {
  const char* name;

  // The extremes of a block of kLogitBlockSize, which mean nothing if it has a NaN.
  BlockSummary (*summarise_block)(const float* logits);

  // weights[i] = exp((logits[i] - max) * scale). weights may not overlap logits.
  void (*weigh)(const float* logits, size_t size, float max, float scale, float* weights);

  // The sum of each block of the weights of a row. The last block may be shorter.
  void (*sum_blocks)(const float* weights, size_t size, double* block_sums);

  // sums[k] = the sum of the weights whose logits are at least floors[k], kNumFloors of each. It is rounded to float32,
  // so it serves to choose. Without weights each logit counts as 1.
  void (*sum_from)(const float* logits, const float* weights, size_t size, const float* floors, float* sums);

  // buckets[i] of a block of kLogitBlockSize.
  void (*find_buckets)(const float* logits, BucketScale scale, uint32_t* buckets);

  // Copies the values of the logits of a block, or of a part of it, that are at least `floor`. Returns a bit for each
  // logit, 1 for those. `kept` has room for `size` and kKeepSlack more.
  uint64_t (*keep_from)(const float* logits, const float* values, size_t size, float floor, float* kept);

  // Copies the logits of a row that are at least `low` and below `high`, and their weights. The outputs have room as
  // above. Without weights each logit counts as 1, and kept_weights is not written.
  Kept (*keep_between)(const float* logits, const float* weights, size_t size, float high, float low,
                       float* kept_logits, float* kept_weights);

  // Copies the logits of a block that lie in `bucket`, and their weights, unless these are null. Returns their number.
  // The outputs have room as above, and may be the inputs or lie before them.
  size_t (*keep_bucket)(const float* logits, const float* weights, size_t size, const uint32_t* buckets,
                        uint32_t bucket, float* kept_logits, float* kept_weights);
};

// The best of the variants that this machine can run.
const RowKernels& BestRowKernels();

// The variants that this machine can run, from best to plainest.
std::vector<const RowKernels*> UsableRowKernels();

}  // namespace skein

#endif  // SKEIN_SAMPLING_ROW_KERNELS_H_
