// A naming scheme: a table from roles to names, and the other properties that its files have in common.
#ifndef SKEIN_FILES_NAMING_SCHEME_H_
#define SKEIN_FILES_NAMING_SCHEME_H_

#include <cstdint>

#include "absl/types/span.h"
#include "files/naming/stored_part.h"
#include "model/value_map.h"
#include "numbers/roles.h"
#include "numbers/state_layout.h"

namespace skein {

// A name of a role. A role may have several names: one for each version, or the spellings of newer and older files. The
// first one that a file has counts.
struct RoleName {
  const char* name;  // without the layer in front
  uint32_t role;
  StoredPart part = {};
  VersionSet versions = kAllVersions;
  ValueMap::Function function = ValueMap::Function::kIdentity;
};

// The rule for the GroupNorm epsilon of the models in a scheme.
enum class GroupNormRule : uint8_t {
  kAuthor,        // 64e-5
  kRwkvCpp,       // 1e-5 in version 5, as rwkv.cpp computes; else the author's
  kHeadSizeNorm,  // head_size times the epsilon of the LayerNorms
};

struct NamingScheme {
  const char* name;                    // "BlinkDL"
  const char* layers;                  // the prefix of the layer's number: "blocks."
  absl::Span<const RoleName> roles;    // every role of `versions`
  const char* state;                   // name of a tuned state's tensor, per layer; nullptr: the scheme has none
  VersionSet versions = kAllVersions;  // the versions that have names in this scheme
  WkvOrder state_order = WkvOrder::kValueKey;
  bool has_config_file = false;  // "config.json" lies beside the checkpoint
  GroupNormRule group_norm = GroupNormRule::kAuthor;
  // Whether a file without a head has the embedding for it. In schemes with a config.json, that file says so.
  bool ties_missing_head = false;
  // The key of the metadata that tells the head size of RWKV-7, for files whose shapes do not.
  const char* head_size_key = nullptr;
};

// The names of the models' author: `.pth` and plain `.safetensors`.
const NamingScheme& BlinkDlScheme();

// The number of dimensions of size 1 in front of the tensor of `role` in the author's files: 2 for mixes and biases,
// which are [1, 1, C]; else 0.
uint32_t BlinkDlLeadingOnes(uint32_t role);

// rwkv.cpp's `.bin`: BlinkDL's names. Low-rank factors are transposed, the mixes of RWKV-7 lie in one tensor, and the
// decays of RWKV-4 and 5 are stored as factors.
const NamingScheme& RwkvCppScheme();

// web-rwkv's `.st`: BlinkDL's names in part. Low-rank factors are transposed.
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
