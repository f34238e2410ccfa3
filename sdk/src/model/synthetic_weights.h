// Models that are in no file: the dimensions are in the path, the weights are made up. For measuring speed and memory
// at the shapes of real models.
#ifndef SKEIN_MODEL_SYNTHETIC_WEIGHTS_H_
#define SKEIN_MODEL_SYNTHETIC_WEIGHTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "model/model_file.h"

namespace skein {

// An RWKV-7 model. Its weights are pseudo-random and depend on role, layer and place alone. Each matrix holds integers
// from -8 to 7 times a power of two, which every type holds exactly, Q4 included: the model is the same in all of them,
// no type has to be rounded, and a tensor is written in the type that is asked for, straight into the caller's buffer.
// Activations stay of ordinary size, about half of those in the channel-mix are zero, and the text is noise.
class SyntheticWeights final : public ModelFile {
 public:
  // Whether `path` asks for such a model: it starts with "synthetic:".
  static bool IsPath(absl::string_view path);

  // "synthetic:SHAPE", where SHAPE is 0.1B, 0.4B, 1.5B, 2.9B or 7.2B for the dimensions of the published models of that
  // size, or a list such as "C=960,L=4,F=3000,N=64,V=65536": C and L must be there, the others have the published
  // models' proportions, as have the ranks R_w, R_a, R_v and R_g. INVALID_ARGUMENT: no such shape, or one that is none.
  static absl::StatusOr<std::unique_ptr<ModelFile>> Open(const skein_host& host, const std::string& path);

  // Never mapped, and without a copy on the way.
  absl::StatusOr<TensorData> ReadTensor(size_t index, uint32_t dtype, std::vector<uint8_t>& buffer) const override;

 private:
  SyntheticWeights(const skein_host& host, std::string path, const ModelConfig& config);

  absl::StatusOr<StoredTensor> View(size_t index, std::vector<uint8_t>& scratch) const override;
  absl::Status CheckStoredBytes(size_t) const override { return absl::OkStatus(); }
};

}  // namespace skein

#endif  // SKEIN_MODEL_SYNTHETIC_WEIGHTS_H_
