// Small models of any RWKV generation with seeded weights, of any shape and element type, in the form in which a
// backend receives them.
#ifndef SKEIN_TESTS_CONFORMANCE_SYNTHETIC_MODEL_H_
#define SKEIN_TESTS_CONFORMANCE_SYNTHETIC_MODEL_H_

#include <cstdint>
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "skein/backend.h"

namespace skein::conformance {

struct SyntheticTensor {
  uint32_t role;
  uint32_t layer;
  uint32_t dtype;
  std::vector<uint64_t> shape;
  std::vector<uint8_t> data;   // as put
  std::vector<double> values;  // exactly what `data` says

  // As the boundary takes it; points into this object.
  skein_tensor Describe() const;
};

// The properties that distinguish one test model from another. `matrix_types` are given to the matrices in turn;
// vectors are float32.
struct SyntheticShape {
  std::string name;
  uint32_t generation = 7;
  uint32_t variant = 0;
  uint32_t num_layers = 0, d_model = 0;
  uint32_t d_att = 0;      // 0: d_model
  uint32_t head_size = 0;  // 0 in generation 4
  uint32_t d_ffn = 0, vocab_size = 0;
  uint32_t rank_mix = 0, rank_decay = 0, rank_iclr = 0, rank_value = 0, rank_gate = 0;  // those of the generation
  std::vector<uint32_t> matrix_types = {SKEIN_DTYPE_F32};
  float group_norm_epsilon = 64e-5f;

  friend void PrintTo(const SyntheticShape& shape, std::ostream* out) { *out << shape.name; }
};

class SyntheticModel {
 public:
  explicit SyntheticModel(const SyntheticShape& shape, uint64_t seed = 1);

  const skein_backend_model& model() const { return model_; }
  // All tensors of the model, each role as shaped in backend.h.
  const std::vector<SyntheticTensor>& tensors() const { return tensors_; }
  std::vector<SyntheticTensor>& tensors() { return tensors_; }
  // Sets elements [begin, end) of a tensor; `value` must be one that its type can say.
  void Overwrite(uint32_t role, uint32_t layer, size_t begin, size_t end, float value);
  // Multiplies a tensor by a power of two, so that every type can say the products.
  void Scale(uint32_t role, uint32_t layer, float power_of_two);
  // Throws std::out_of_range for a tensor that the model does not have.
  const SyntheticTensor& tensor(uint32_t role, uint32_t layer) const { return tensors_[index_.at({role, layer})]; }
  const std::vector<double>& values(uint32_t role, uint32_t layer = 0) const { return tensor(role, layer).values; }

 private:
  // Replaces every value of a tensor by what `change` makes of its index and itself.
  void Change(uint32_t role, uint32_t layer, const std::function<double(size_t, double)>& change);

  skein_backend_model model_;
  std::vector<SyntheticTensor> tensors_;
  std::map<std::pair<uint32_t, uint32_t>, size_t> index_;
};

// Seeded token ids below `vocab_size`.
std::vector<uint32_t> SyntheticTokens(uint32_t count, uint32_t vocab_size, uint64_t seed);

}  // namespace skein::conformance

#endif  // SKEIN_TESTS_CONFORMANCE_SYNTHETIC_MODEL_H_
