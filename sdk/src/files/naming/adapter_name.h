// Names of the tensors in adapters, as trainers and converters write them:
//
//   P.lora_A, P.lora_B                        LoRA, also P.lora_A.weight, and P.lora_A.NAME.weight with PEFT's name of
//                                             the adapter; in GGUF P.lora_a, P.lora_b
//   P.lora_embedding_A, P.lora_embedding_B    PEFT's LoRA of an embedding
//   P.lora_magnitude_vector                   PEFT's DoRA
//   P.init_lora_A, P.init_lora_B              RWKV-PEFT: where PiSSA started
//   P.disha, P.bone                           RWKV-PEFT: DiSHA, whose later name is MiSS
//   P.miss_block, P.bone_block                PEFT: the same
//   P.modules_to_save.weight, P.base_layer.weight, P.weight and any other name: a tensor of the model in its place
//   P.original_module.weight                  the model's own tensor, which PEFT keeps beside the one in its place
//
// P is a name of the model, with or without wrappers (tensor_name.h).
#ifndef SKEIN_FILES_NAMING_ADAPTER_NAME_H_
#define SKEIN_FILES_NAMING_ADAPTER_NAME_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace skein {

// The effect of an adapter's tensor on the tensor that it is named after.
enum class AdapterPart : uint8_t {
  kReplacement,
  kDown,           // A [rank, in]
  kUp,             // B [out, rank]
  kEmbeddingDown,  // A [rank, V]; the product B A is transposed
  kEmbeddingUp,    // B [C, rank]
  kInitialDown,
  kInitialUp,
  kMagnitude,     // DoRA: [out], or [C] of an embedding
  kInputBlocks,   // RWKV-PEFT: [r, out], or [in / r, r, r], a block for each r inputs
  kOutputBlocks,  // PEFT: [r, out], or [r, m] that repeats itself, or [out / r, r, r], a block for each r outputs
  kOriginal,      // nothing
};

struct AdapterName {
  AdapterPart part = AdapterPart::kReplacement;
  // The module or the tensor that is changed: "blocks.0.att.key", or "blk.0.time_mix_key.weight". Wrappers stay.
  std::string stem;
  std::string adapter;  // the name that PEFT gave the adapter, such as "default"; "" where the file has none
};

AdapterName SplitAdapterName(absl::string_view name);

// Whether tensors of this part make a file an adapter. A replacement may be of any file.
bool IsAdapterPart(AdapterPart part);

}  // namespace skein

#endif  // SKEIN_FILES_NAMING_ADAPTER_NAME_H_
