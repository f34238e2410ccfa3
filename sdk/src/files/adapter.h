// Adapters: files that change a model's weights, merged when a tensor is read. As the trainers of RWKV write them, in
// any container that a format plugin reads, with the names of the models' author:
//
//   P.lora_A [r, in], P.lora_B [out, r]            LoRA: P.weight += scale B A. Also spelled P.lora_A.weight
//   P.init_lora_A, P.init_lora_B                   where PiSSA started: P.weight -= scale B A
//   P.disha, P.bone                                DiSHA (Bone, MiSS), see MergeBlocks in adapter.cc; scaled too
//   any tensor of the model                        replaces it, before the rest is merged
//
// Where the model has no P.weight, P itself is meant: a vector counts as a matrix of one row. Trainers keep the scale
// (alpha / r) in their settings and not in the file. Adapters of Hugging Face's PEFT are not read.
#ifndef SKEIN_FILES_ADAPTER_H_
#define SKEIN_FILES_ADAPTER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/file.h"
#include "files/checkpoint/checkpoint.h"
#include "files/naming/stored_part.h"
#include "model/model_file.h"
#include "plugin/registry.h"
#include "skein/plugin.h"

namespace skein {

struct AdapterSource {
  std::string path;
  double scale = 1;
};

// Reads "FILE" or "FILE:SCALE", one a line; what stands behind the last ':' belongs to the name unless it is a number.
// INVALID_ARGUMENT: a scale that is not finite, or beyond 1000 either way.
absl::StatusOr<std::vector<AdapterSource>> ParseAdapters(absl::string_view lines);

// What an adapter file holds, for descriptions.
struct AdapterContents {
  uint64_t num_products = 0;  // low-rank factors A, those where training started not counted
  uint64_t max_rank = 0;
  uint64_t num_initial = 0;  // factors where training started
  uint64_t num_blocks = 0;   // DiSHA
  uint64_t num_others = 0;   // tensors that replace the model's
};
// An adapter by its names alone has a product, an initial product or blocks.
AdapterContents CountAdapterTensors(absl::Span<const CheckpointTensor> tensors);

// A model with adapters merged, one after the other. Threads: any, as every ModelFile.
//
// Tensors that an adapter changes are computed in float32 each time they are read and have that type; all others are
// those of the base. Of the merged weights no more than the one that is read is in memory. The fingerprint is that of
// the merged values, so that a snapshot goes with the weights that made it.
class AdaptedModel final : public ModelFile {
 public:
  // `adapters` is not empty. INVALID_ARGUMENT: a tensor that means nothing to the model, has another shape, or lacks
  // its partner; names file and tensor. And the codes of Checkpoint::Open. A value that is not finite is found when the
  // tensor is read.
  static absl::StatusOr<std::unique_ptr<ModelFile>> Open(absl::Span<const Plugin<skein_format_table>> formats,
                                                         std::unique_ptr<ModelFile> base,
                                                         absl::Span<const AdapterSource> adapters, FileAccess access);

 private:
  struct Adapter {
    std::unique_ptr<Checkpoint> checkpoint;
    AdapterSource source;
  };
  // Indices of two tensors of an adapter; kMissing until found.
  static constexpr size_t kMissing = ~size_t{0};
  struct Product {
    size_t down = kMissing;  // A
    size_t up = kMissing;    // B
  };
  // What one adapter does to one tensor of the model.
  struct Change {
    const Adapter* adapter = nullptr;
    size_t replacement = kMissing;
    StoredPart replacement_part;
    Product trained;
    Product initial;
    size_t blocks = kMissing;
  };

  explicit AdaptedModel(std::unique_ptr<ModelFile> base);

  absl::Status Add(const Adapter& adapter);
  // Finds what tensor `tensor` of the adapter changes.
  absl::Status AddTensor(const Adapter& adapter, size_t tensor);
  absl::Status CheckChange(size_t index, const Change& change) const;
  Change& ChangeOf(const Adapter& adapter, size_t index);
  size_t FindSpec(uint32_t role, uint32_t layer) const;  // index in tensors(); it is there

  absl::Status MergeProduct(size_t index, const Adapter& adapter, const Product& product, double scale,
                            float* weights) const;
  absl::Status MergeBlocks(size_t index, const Adapter& adapter, size_t tensor, float* weights) const;

  absl::StatusOr<StoredTensor> View(size_t index, std::vector<uint8_t>& scratch) const override;
  absl::Span<const uint8_t> StoredPanels(size_t index) const override { return StoredPanelsOf(*base_, index); }
  absl::Status CheckStoredBytes(size_t index) const override { return CheckStoredBytesOf(*base_, index); }

  const std::unique_ptr<ModelFile> base_;
  std::vector<std::unique_ptr<Adapter>> adapters_;
  std::vector<std::vector<Change>> changes_;  // parallel to tensors()
};

}  // namespace skein

#endif  // SKEIN_FILES_ADAPTER_H_
