// Adapters, which change a model's weights (model/adapted_weights.h): LoRA (rank-stabilised and DoRA too), PiSSA, and
// DiSHA, whose other names are Bone and MiSS. They come in any container that a format plugin reads, or in the folder
// that PEFT writes. Their names are in naming/adapter_name.h, with P of the models' author, of Hugging Face, of
// flash-linear-attention or of GGUF, whatever names the model's own file has.
//
//   A, B of P             P += scale B A
//   A, B where P started  P -= scale B A
//   magnitudes            the rows of P get these lengths, after the product
//   blocks                DiSHA, in the two forms of RWKV-PEFT and the three of PEFT
//   a tensor of the model replaces it, before the rest is merged
//
// A vector counts as a matrix of one row. The scale of a product is the caller's, or else the one that the settings say
// (adapter_settings.h), or else 1. A scale that nothing says is a warning in the log, unless the adapter is PiSSA,
// which is not scaled. Blocks have the caller's scale, or else 1. Everything in the file must mean something to the
// model.
#ifndef SKEIN_FILES_ADAPTER_ADAPTER_H_
#define SKEIN_FILES_ADAPTER_ADAPTER_H_

#include <cstdint>
#include <optional>
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
  std::string path;                  // of a file or a folder (adapter_file.h)
  std::optional<double> scale = {};  // nullopt: the one that the adapter's settings say
};

// Reads lines of "FILE" or "FILE:SCALE". Text behind the last ':' belongs to the name unless it is a number.
// INVALID_ARGUMENT: a scale that is not finite, or beyond 1000 either way.
absl::StatusOr<std::vector<AdapterSource>> ParseAdapters(absl::string_view lines);

// The tensors of an adapter file by kind, for descriptions. A file is an adapter if it has products, initial products
// or blocks.
struct AdapterContents {
  uint64_t num_products = 0;    // trained low-rank products
  uint64_t max_rank = 0;        // of those
  uint64_t num_magnitudes = 0;  // DoRA
  uint64_t num_initial = 0;     // low-rank products where training started
  uint64_t num_blocks = 0;      // DiSHA
  uint64_t num_others = 0;      // tensors that replace the model's
};

// Counts by the names alone.
AdapterContents CountAdapterTensors(absl::Span<const CheckpointTensor> tensors);

// Puts `adapters`, one after the other, between `model` and its weights. The model no longer has the fingerprint of its
// file: its weights are others now, and so a snapshot goes with the weights that made it. `host` must outlive the
// model. A line in its log says what each adapter changes, and with which scale. The codes of FindChanges, OpenAdapter
// and ReadAdapterSettings; messages start with the path. A value that is not finite is found when it is read.
absl::Status MergeAdapters(absl::Span<const Plugin<skein_format_table>> formats, const skein_host& host,
                           absl::Span<const AdapterSource> adapters, FileAccess access, ModelContents* model);

}  // namespace skein

#endif  // SKEIN_FILES_ADAPTER_ADAPTER_H_
