// The memory of a segment's steps on the device. Steps follow each other in one stream, so that all use the same.
#ifndef SKEIN_BACKENDS_CUDA_DEVICE_BUFFERS_H_
#define SKEIN_BACKENDS_CUDA_DEVICE_BUFFERS_H_

#include <cuda_runtime.h>

#include <cstdint>

#include "cuda/device_memory.h"
#include "cuda/device_weights.h"
#include "cuda/kernels/products.h"
#include "cuda/kernels/sample.h"
#include "skein/backend.h"

namespace skein::cuda {

// Whether blocks of a product hand parts of their sums to each other.
enum class SumParts : uint8_t { kInBlocks, kHandedOver };

// Whether activations have copies in 16 bits.
enum class RoundedActivations : uint8_t { kNone, kKept };

// Whether a row of logits may have several blocks.
enum class LogitBlocks : uint8_t { kOne, kSeveral };

// How many values of each kind the steps of a segment need.
struct DeviceBufferSizes {
  uint64_t activation_floats;
  uint64_t rounded_activations;
  uint64_t batch_bytes;
  uint32_t logit_rows;  // that have room at once; a step with more goes through in turns
  uint64_t logit_floats;
  uint64_t outcome_bytes;
  uint64_t biases;
  uint64_t mask_words;
  uint64_t greatest;
  uint64_t sparse_floats;
  uint64_t part_floats;  // as PartScratch has them
  uint64_t part_counts;
  uint64_t logit_slices;  // as LogitScratch has them
  uint64_t logit_counts;

  // `activation_floats_per_row`: as of the generation. `desc` was checked.
  DeviceBufferSizes(const skein_segment_desc& desc, uint64_t activation_floats_per_row, ValueColumns value_columns,
                    SumParts sum_parts, RoundedActivations rounded, LogitBlocks logit_blocks);

  uint64_t bytes() const;
};

struct DeviceBuffers {
  // Zeros the counts behind what is in `stream`.
  DeviceBuffers(uint32_t device, const DeviceBufferSizes& sizes, cudaStream_t stream);

  DeviceArray<float> activations;
  DeviceArray<uint16_t> rounded;  // copies of them
  DeviceArray<unsigned char> batch;
  DeviceArray<float> logits;
  DeviceArray<unsigned char> outcome;  // outcome_layout.h
  DeviceArray<skein_bias> biases;
  DeviceArray<uint32_t> masks;
  DeviceArray<RankedLogit> greatest;
  DeviceArray<float> sparse_scratch;
  DeviceArray<float> part_sums;
  DeviceArray<uint32_t> part_counts;
  DeviceArray<LogitSlice> logit_slices;
  DeviceArray<uint32_t> logit_counts;

  PartScratch part_scratch() const { return {part_sums.data(), part_counts.data()}; }
  LogitScratch logit_scratch() const { return {logit_slices.data(), logit_counts.data()}; }
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_DEVICE_BUFFERS_H_
