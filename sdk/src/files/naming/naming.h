// From the names in a checkpoint to roles. Recognises the version and the naming scheme, reads every dimension off the
// shapes (never off a config file), and finds for each tensor of the model its place and its orientation.
#ifndef SKEIN_FILES_NAMING_NAMING_H_
#define SKEIN_FILES_NAMING_NAMING_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "files/naming/named_shape.h"
#include "files/naming/scheme.h"
#include "files/naming/stored_part.h"
#include "model/config.h"
#include "model/metadata.h"
#include "model/value_map.h"

namespace skein {

// The place of a tensor of the model.
struct TensorLocation {
  uint32_t role = 0;
  uint32_t layer = 0;
  std::vector<uint64_t> shape;  // of the role
  size_t index = 0;             // in the list that NameTensors was given
  StoredPart part;
  ValueMap map;
};

struct NamedModel {
  const NamingScheme* scheme = nullptr;
  ModelConfig config;                   // valid; the epsilons are those of the models' author
  std::vector<TensorLocation> tensors;  // every tensor of the model, in the order of ModelFile::tensors()
  // The matrices of a tuned initial state, [H, N, N] in the scheme's order: an index for each layer. Empty: no state.
  std::vector<size_t> state_tensors;
};

// Asked where a scheme has a config.json and the file no head: whether the head is the embedding.
using ConfigTies = absl::FunctionRef<absl::StatusOr<bool>()>;

// For files without a config.json.
absl::StatusOr<bool> NothingTiesHead();

// `texts` is the container's metadata, which tells some schemes apart. Where the head is the embedding, both have the
// same index. The codes of `config_ties_head`. UNIMPLEMENTED: a version or variant that is known by name but not run.
// INVALID_ARGUMENT: not a model; or a tensor is missing, is superfluous, or has a shape that contradicts another. The
// message names the tensors.
absl::StatusOr<NamedModel> NameTensors(absl::Span<const NamedShape> tensors, absl::Span<const ContainerText> texts = {},
                                       ConfigTies config_ties_head = NothingTiesHead);

// The prefix that a training framework has put in front of every name, such as "_forward_module."; "" if there is none.
std::string FindWrapper(absl::Span<const NamedShape> tensors);

}  // namespace skein

#endif  // SKEIN_FILES_NAMING_NAMING_H_
