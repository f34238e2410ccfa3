// Names of single tensors, for files that hold some of a model's tensors, such as adapters and tuned states.
#ifndef SKEIN_FILES_NAMING_TENSOR_NAME_H_
#define SKEIN_FILES_NAMING_TENSOR_NAME_H_

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "files/naming/stored_part.h"
#include "model/config.h"

namespace skein {

// The part of a role that a tensor holds.
struct AuthorPart {
  uint32_t role = 0;
  uint32_t layer = 0;
  StoredPart part;  // for ViewAsRole
};

// The roles in tensor `name` of the author's checkpoints, such as "blocks.3.att.key.weight" (without a wrapper), for a
// model of `config`. A stack such as "blocks.0.att.time_maa_w1" holds several roles. Empty: the model has no such
// tensor.
std::vector<AuthorPart> FindAuthorTensor(absl::string_view name, const ModelConfig& config);

// Reads the layer in the name of a tuned state's tensor, "blocks.3.att.time_state". False: it is no such name.
bool ParseAuthorStateName(absl::string_view name, uint32_t* layer);

}  // namespace skein

#endif  // SKEIN_FILES_NAMING_TENSOR_NAME_H_
