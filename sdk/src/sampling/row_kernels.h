// The loops over whole rows, compiled for the vector units of several machines: the maxima, the exponentials, the
// places in a histogram. They compute, and choose nothing. Every variant gives the same bits.
#ifndef SKEIN_SAMPLING_ROW_KERNELS_H_
#define SKEIN_SAMPLING_ROW_KERNELS_H_

#include <cstddef>
#include <cstdint>

namespace skein {

// Rows are looked at in blocks of so many logits.
inline constexpr size_t kLogitBlockSize = 64;

struct BlockSummary {
  float max;
  float min;
  bool has_nan;
};

// Where a logit lies in a histogram that falls from `high`: bucket (high - logit) * scale, the last one for all beyond
// and for a logit that makes it a NaN.
struct BucketScale {
  float high;
  float scale;
  uint32_t last_bucket;
};

struct RowKernels {
  const char* name;

  // Copies a block of kLogitBlockSize and finds its extremes, which mean nothing if it has a NaN. copy may be logits.
  BlockSummary (*copy_block)(const float* logits, float* copy);

  // weights[i] = exp((logits[i] - max) * scale) for i below `size`, which is at most kLogitBlockSize. Returns the sum
  // of the weights. weights may be logits.
  double (*weigh_block)(const float* logits, size_t size, float max, float scale, float* weights);

  // buckets[i] of a block of kLogitBlockSize. No logit is above scale.high.
  void (*find_buckets)(const float* logits, BucketScale scale, uint32_t* buckets);
};

// The best of the variants that this machine can run.
const RowKernels& BestRowKernels();

// The variant that every machine can run.
const RowKernels& PlainRowKernels();

}  // namespace skein

#endif  // SKEIN_SAMPLING_ROW_KERNELS_H_
