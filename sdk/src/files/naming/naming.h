// From the names in a checkpoint to roles. Recognises the version and the naming scheme, reads every dimension off the
// shapes (never off a config file), and tells for each tensor of the model where it is and how it has to be turned.
#ifndef SKEIN_FILES_NAMING_NAMING_H_
#define SKEIN_FILES_NAMING_NAMING_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "files/naming/scheme.h"
#include "files/naming/stored_part.h"
#include "model/config.h"
#include "model/metadata.h"
#include "model/value_map.h"

namespace skein {

// A tensor of a checkpoint, as far as names need it.
struct NamedShape {
  std::string name;
  std::vector<uint64_t> shape;
};

// Where a tensor of the model is.
struct TensorLocation {
  uint32_t role = 0;
  uint32_t layer = 0;
  std::vector<uint64_t> shape;  // of the role
  size_t index = 0;             // in the list given
  StoredPart part;
  ValueMap map;
};

struct NamedModel {
  const NamingScheme* scheme = nullptr;
  ModelConfig config;                   // valid; the epsilons are those of the models' author
  std::vector<TensorLocation> tensors;  // every tensor of the model, in the order of ModelFile::tensors()
  // The matrices of a tuned initial state, [H, N, N] in the scheme's order: an index for each layer, or none at all.
  std::vector<size_t> state_tensors;
};

// `texts`: the container's metadata, which tells some schemes apart.
// UNIMPLEMENTED: a version or variant that is known by name but not run.
// INVALID_ARGUMENT: not a model, a tensor is missing, superfluous or of a shape that contradicts another; names them.
absl::StatusOr<NamedModel> NameTensors(absl::Span<const NamedShape> tensors,
                                       absl::Span<const ContainerText> texts = {});

// --- names of the models' author, for files that hold some of a model's tensors, such as adapters ---

// A wrapper such as "_forward_module." that stands in front of the name of every tensor of a model; "" if none does.
std::string FindWrapper(absl::Span<const NamedShape> tensors);

// What a tensor holds of a role.
struct AuthorPart {
  uint32_t role = 0;
  uint32_t layer = 0;
  StoredPart part;  // for ViewAsRole
};

// The roles in tensor `name` of the author's checkpoints, such as "blocks.3.att.key.weight" (no wrapper in front), in a
// model of `config`: one, several for a stack such as "blocks.0.att.time_maa_w1", none if the model has no such tensor.
std::vector<AuthorPart> FindAuthorTensor(absl::string_view name, const ModelConfig& config);

// The layer in the name of a tuned state's tensor, "blocks.3.att.time_state"; false if it is none.
bool ParseAuthorStateName(absl::string_view name, uint32_t* layer);

}  // namespace skein

#endif  // SKEIN_FILES_NAMING_NAMING_H_
