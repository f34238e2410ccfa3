// What a naming scheme is: one table from roles to names, and what else its files have in common.
#ifndef SKEIN_FILES_NAMING_SCHEME_H_
#define SKEIN_FILES_NAMING_SCHEME_H_

#include <cstdint>

#include "absl/types/span.h"
#include "files/naming/stored_part.h"
#include "model/value_map.h"
#include "numbers/roles.h"
#include "numbers/state_layout.h"

namespace skein {

// A name of a role. A role may have several: one for each version, or the spellings of newer and older files, of which
// the first that a file has counts.
struct RoleName {
  const char* name;  // of roles per layer: without the layer in front
  uint32_t role;
  StoredPart part = {};
  VersionSet versions = kAllVersions;
  ValueMap::Function function = ValueMap::Function::kIdentity;
};

// The GroupNorm epsilon of the models in a scheme, where it is not the author's.
enum class GroupNormRule : uint8_t {
  kAuthor,        // 64e-5
  kRwkvCpp,       // 1e-5 in version 5: rwkv.cpp computes those models so
  kHeadSizeNorm,  // head_size times the epsilon of the LayerNorms
};

struct NamingScheme {
  const char* name;                    // "BlinkDL"
  const char* layers;                  // what stands in front of the layer's number: "blocks."
  absl::Span<const RoleName> roles;    // every role of `versions`
  const char* state;                   // of a tuned state, per layer; nullptr: there is none
  VersionSet versions = kAllVersions;  // that are written in this scheme
  WkvOrder state_order = WkvOrder::kValueKey;
  bool has_config_file = false;  // "config.json" beside the checkpoint
  GroupNormRule group_norm = GroupNormRule::kAuthor;
  // Metadata that tells the head size of RWKV-7, where no shape does.
  const char* head_size_key = nullptr;
};

// The names of the models' author: `.pth` and plain `.safetensors`.
const NamingScheme& BlinkDlScheme();

// Dimensions of size 1 that the author's files have in front of the tensor of `role`: 2 for mixes and biases, which are
// [1, 1, C]; else 0.
uint32_t BlinkDlLeadingOnes(uint32_t role);

// rwkv.cpp's `.bin`: BlinkDL's names, with low-rank factors turned, the mixes of RWKV-7 in one tensor, and the decays
// of RWKV-4 and 5 as factors.
const NamingScheme& RwkvCppScheme();

// web-rwkv's `.st`: BlinkDL's names in part, with low-rank factors turned.
const NamingScheme& WebRwkvScheme();

// Hugging Face's RwkvForCausalLM (RWKV-4), Rwkv5ForCausalLM and Rwkv6ForCausalLM.
const NamingScheme& HuggingFaceScheme();

// Hugging Face's Rwkv7ForCausalLM.
const NamingScheme& HuggingFace7Scheme();

// RWKV-7 as flash-linear-attention names it (RWKV7ForCausalLM).
const NamingScheme& FlaScheme();

// llama.cpp's GGUF.
const NamingScheme& GgufScheme();

}  // namespace skein

#endif  // SKEIN_FILES_NAMING_SCHEME_H_
