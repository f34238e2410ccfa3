#include "cuda/device_buffers.h"

#include <algorithm>

#include "cuda/batch_layout.h"
#include "cuda/cuda_error.h"
#include "cuda/kernels/products.h"
#include "cuda/logit_wishes.h"
#include "cuda/outcome_layout.h"
#include "kit/checked_product.h"

namespace skein::cuda {
namespace {

// 512 rows of 65,536 float32 are 128 MiB.
constexpr uint32_t kLeastLogitRows = 64, kMostLogitRows = 512;

// All rows of a step of one token a stream, and many of a prompt.
uint32_t LogitRows(const skein_segment_desc& desc) {
  if (!(desc.flags & SKEIN_SEGMENT_HEAD)) return 0;
  return std::min(desc.max_tokens, std::clamp(desc.max_entries, kLeastLogitRows, kMostLogitRows));
}

// Entries of a step, and rows, that can have logits.
uint64_t MostEntries(const skein_segment_desc& desc) {
  return desc.flags & SKEIN_SEGMENT_HEAD ? std::min(desc.max_entries, desc.max_tokens) : 0;
}

uint64_t MostOutputs(const skein_segment_desc& desc) { return desc.flags & SKEIN_SEGMENT_HEAD ? desc.max_tokens : 0; }

uint64_t SparseFloats(const skein_segment_desc& desc, ValueColumns value_columns) {
  if (value_columns == ValueColumns::kNone || desc.num_layers == 0) return 0;
  return SparseScratchFloats(desc.model.d_ffn, desc.model.d_model);
}

}  // namespace

DeviceBufferSizes::DeviceBufferSizes(const skein_segment_desc& desc, uint64_t activation_floats_per_row,
                                     ValueColumns value_columns, SumParts sum_parts, RoundedActivations rounded,
                                     LogitBlocks logit_blocks)
    : activation_floats(kit::CheckedProduct(desc.max_tokens, activation_floats_per_row)),
      rounded_activations(rounded == RoundedActivations::kKept ? activation_floats : 0),
      batch_bytes(BatchLayout::MostBytes(desc)),
      logit_rows(LogitRows(desc)),
      logit_floats(kit::CheckedProduct(logit_rows, desc.model.vocab_size)),
      outcome_bytes(OutcomeLayout::MostBytes(desc)),
      biases(MostEntries(desc) * SKEIN_MAX_BIAS),
      mask_words(kit::CheckedProduct(MostEntries(desc), MaskWords(desc.model.vocab_size))),
      greatest(MostOutputs(desc) * SKEIN_MAX_TOP_K),
      sparse_floats(SparseFloats(desc, value_columns)),
      part_floats(sum_parts == SumParts::kHandedOver ? PartScratch::kBlocks * PartScratch::kBlockFloats : 0),
      part_counts(sum_parts == SumParts::kHandedOver ? PartScratch::kBlocks : 0),
      logit_slices(logit_blocks == LogitBlocks::kSeveral && logit_rows > 0 ? LogitScratch::kMostBlocks : 0),
      logit_counts(logit_slices > 0 ? LogitScratch::kMostRows : 0) {}

uint64_t DeviceBufferSizes::bytes() const {
  return DeviceArray<float>::Bytes(activation_floats) + DeviceArray<uint16_t>::Bytes(rounded_activations) +
         batch_bytes + DeviceArray<float>::Bytes(logit_floats) + outcome_bytes +
         DeviceArray<skein_bias>::Bytes(biases) + DeviceArray<uint32_t>::Bytes(mask_words) +
         DeviceArray<RankedLogit>::Bytes(greatest) + DeviceArray<float>::Bytes(sparse_floats) +
         DeviceArray<float>::Bytes(part_floats) + DeviceArray<uint32_t>::Bytes(part_counts) +
         DeviceArray<LogitSlice>::Bytes(logit_slices) + DeviceArray<uint32_t>::Bytes(logit_counts);
}

DeviceBuffers::DeviceBuffers(uint32_t device, const DeviceBufferSizes& sizes, cudaStream_t stream)
    : activations(device, sizes.activation_floats, "activations"),
      rounded(device, sizes.rounded_activations, "rounded activations"),
      batch(device, sizes.batch_bytes, "a step's rows"),
      logits(device, sizes.logit_floats, "logits"),
      outcome(device, sizes.outcome_bytes, "outcomes of rows"),
      biases(device, sizes.biases, "biases of logits"),
      masks(device, sizes.mask_words, "masks of logits"),
      greatest(device, sizes.greatest, "greatest logits"),
      sparse_scratch(device, sizes.sparse_floats, "sums of a sparse product"),
      part_sums(device, sizes.part_floats, "parts of sums"),
      part_counts(device, sizes.part_counts, "counts of parts"),
      logit_slices(device, sizes.logit_slices, "slices of logits"),
      logit_counts(device, sizes.logit_counts, "counts of slices") {
  for (const DeviceArray<uint32_t>* counts : {&part_counts, &logit_counts}) {
    if (counts->size() == 0) continue;
    CheckCuda(device, cudaMemsetAsync(counts->data(), 0, counts->size() * sizeof(uint32_t), stream), "counts");
  }
}

}  // namespace skein::cuda
