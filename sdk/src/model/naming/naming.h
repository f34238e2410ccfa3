// From the names in a checkpoint to roles. Recognises the generation and the naming scheme, reads every dimension off
// the shapes (never off a config file), and tells for each tensor of the model where it is and how it has to be turned.
#ifndef SKEIN_MODEL_NAMING_NAMING_H_
#define SKEIN_MODEL_NAMING_NAMING_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/config.h"

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
  std::vector<size_t>
      kept_dims;            // the dimensions of the stored tensor that remain, in its order; the others have size 1
  bool transposed = false;  // stored the other way round
  bool sliced = false;      // the role is one row of what is stored, ...
  uint64_t slice = 0;       // ... this one
};

struct NamedModel {
  const char* scheme = "";              // "BlinkDL"
  ModelConfig config;                   // valid
  std::vector<TensorLocation> tensors;  // every tensor of the model, in the order of ModelFile::tensors()
};

// UNIMPLEMENTED: a generation, variant or scheme that is known by name but not run.
// INVALID_ARGUMENT: not a model, a tensor is missing, superfluous or of a shape that contradicts another; names them.
absl::StatusOr<NamedModel> NameTensors(absl::Span<const NamedShape> tensors);

}  // namespace skein

#endif  // SKEIN_MODEL_NAMING_NAMING_H_
