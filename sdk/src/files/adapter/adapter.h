// Files of adapters, which change a model's weights (model/adapted_weights.h), as the trainers of RWKV write them: in
// any container that a format plugin reads, with the names of the models' author:
//
//   P.lora_A [r, in], P.lora_B [out, r]            LoRA: P.weight += scale B A. Also spelled P.lora_A.weight
//   P.init_lora_A, P.init_lora_B                   where PiSSA started: P.weight -= scale B A
//   P.disha, P.bone                                DiSHA (Bone, MiSS): blocks, scaled too
//   any tensor of the model                        replaces it, before the rest is merged
//
// Where the model has no P.weight, P itself is meant: a vector counts as a matrix of one row. Trainers keep the scale
// (alpha / r) in their settings and not in the file, so the caller gives it. Adapters of Hugging Face's PEFT are not
// read.
#ifndef SKEIN_FILES_ADAPTER_ADAPTER_H_
#define SKEIN_FILES_ADAPTER_ADAPTER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/file.h"
#include "files/checkpoint/checkpoint.h"
#include "model/model_contents.h"
#include "plugin/registry.h"
#include "skein/plugin.h"

namespace skein {

struct AdapterSource {
  std::string path;
  double scale = 1;
};

// Reads lines of "FILE" or "FILE:SCALE". Text behind the last ':' belongs to the name unless it is a number.
// INVALID_ARGUMENT: a scale that is not finite, or beyond 1000 either way.
absl::StatusOr<std::vector<AdapterSource>> ParseAdapters(absl::string_view lines);

// The tensors of an adapter file by kind, for descriptions. A file is an adapter if it has products, initial products
// or blocks.
struct AdapterContents {
  uint64_t num_products = 0;  // trained low-rank products
  uint64_t max_rank = 0;      // of those
  uint64_t num_initial = 0;   // low-rank products where training started
  uint64_t num_blocks = 0;    // DiSHA
  uint64_t num_others = 0;    // tensors that replace the model's
};

// Counts by the names alone.
AdapterContents CountAdapterTensors(absl::Span<const CheckpointTensor> tensors);

// Puts `adapters`, one after the other, between `model` and its weights. The model no longer has the fingerprint of its
// file: its weights are others now, and so a snapshot goes with the weights that made it. `host` must outlive the
// model. INVALID_ARGUMENT: an adapter's tensor means nothing to the model, has another shape, or lacks its partner;
// names file and tensor. And the codes of Checkpoint::Open. A value that is not finite is found when it is read.
absl::Status MergeAdapters(absl::Span<const Plugin<skein_format_table>> formats, const skein_host& host,
                           absl::Span<const AdapterSource> adapters, FileAccess access, ModelContents* model);

}  // namespace skein

#endif  // SKEIN_FILES_ADAPTER_ADAPTER_H_
