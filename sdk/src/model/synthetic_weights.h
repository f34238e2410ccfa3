// Models that are in no file: the dimensions are in the path, the weights are made up. For measuring speed and memory
// at the shapes of real models.
#ifndef SKEIN_MODEL_SYNTHETIC_WEIGHTS_H_
#define SKEIN_MODEL_SYNTHETIC_WEIGHTS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/model_contents.h"
#include "skein/plugin.h"

namespace skein {

// Whether `path` asks for such a model: it starts with "synthetic:".
bool IsSyntheticPath(absl::string_view path);

// An RWKV-7 model. `path` is "synthetic:SHAPE". SHAPE is 0.1B, 0.4B, 1.5B, 2.9B or 7.2B for the dimensions of the
// published models of that size, or a list such as "C=960,L=4,F=3000,N=64,V=65536". The list must have C and L. Other
// dimensions that it lacks, the ranks R_w, R_a, R_v and R_g among them, have the proportions of the published models.
// `host` must outlive the result. INVALID_ARGUMENT: no such shape, or one that makes no model.
//
// The weights are pseudo-random and depend on role, layer and place alone. Each matrix holds integers from -8 to 7
// times a power of two, which every type holds exactly, Q4 included: the model is the same in all types. A tensor is
// written in the type that is asked for, straight into the caller's buffer. Activations stay of ordinary size, about
// half of those in the channel-mix are zero, and the text is noise.
absl::StatusOr<ModelContents> OpenSynthetic(const skein_host& host, const std::string& path);

}  // namespace skein

#endif  // SKEIN_MODEL_SYNTHETIC_WEIGHTS_H_
