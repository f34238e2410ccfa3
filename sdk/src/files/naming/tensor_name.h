// Names of single tensors, for files that hold some of a model's tensors or change them, such as adapters and tuned
// states. Such a file may have the names of another scheme than the model's own file: an adapter that was trained on
// Hugging Face's form of a model fits the author's checkpoint of it.
#ifndef SKEIN_FILES_NAMING_TENSOR_NAME_H_
#define SKEIN_FILES_NAMING_TENSOR_NAME_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "files/naming/scheme.h"
#include "files/naming/stored_part.h"
#include "model/config.h"

namespace skein {

// `name` without the components that frameworks put into it. In front, in any order and number: base_model, model,
// module, rwkv. Anywhere: _forward_module, _orig_mod, _fsdp_wrapped_module, _checkpoint_wrapped_module. So
// "base_model.model.blocks.0.att.key.weight" becomes "blocks.0.att.key.weight", and Hugging Face's
// "model.layers.0.attn.k_proj.weight" becomes "layers.0.attn.k_proj.weight".
std::string StripWrappers(absl::string_view name);

// The part of a role that a tensor holds.
struct NamedPart {
  const NamingScheme* scheme = nullptr;  // that the name is of
  uint32_t role = 0;
  uint32_t layer = 0;
  StoredPart part;  // for ViewAsRole
};

// The roles in the tensor `name`, such as "blocks.3.att.key.weight", of a model of `config`, in the names of the
// models' author, of Hugging Face, of flash-linear-attention or of GGUF, with wrappers or without. A stack such as
// "blocks.0.att.time_maa_w1" holds several roles. Empty: the model has no such tensor.
std::vector<NamedPart> FindTensor(absl::string_view name, const ModelConfig& config);

// Whether `name` is a tensor that trainers write and no engine uses: the value residual of layer 0 in RWKV-7.
bool IsUnusedTensor(absl::string_view name, const ModelConfig& config);

// Reads the layer in the name of a tuned state's tensor, such as "blocks.3.att.time_state", with wrappers or without.
// The matrices under such names are indexed [head][value][key]. False: it is no such name.
bool ParseStateName(absl::string_view name, uint32_t* layer);

}  // namespace skein

#endif  // SKEIN_FILES_NAMING_TENSOR_NAME_H_
