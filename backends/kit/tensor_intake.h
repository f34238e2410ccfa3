// The tensors that a segment expects, and the check of those that arrive: role, layer, shape and type are right, each
// comes once, and none is missing. The backend decides about the place of the tensors. Also the conversion of a vector
// on its way.
#ifndef SKEIN_BACKENDS_KIT_TENSOR_INTAKE_H_
#define SKEIN_BACKENDS_KIT_TENSOR_INTAKE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "equations/vector_form.h"
#include "kit/tensor.h"
#include "skein/backend.h"

namespace skein::kit {

// The use of a tensor, which decides its form in memory.
enum class Use {
  kVector,     // float32
  kMatrix,     // the backend multiplies by it
  kEmbedding,  // rows looked up by token id, in the type in which they came
};

struct ExpectedTensor {
  uint32_t role;
  uint32_t layer;
  Use use;
  std::vector<uint64_t> shape;
  VectorForm form;  // of a kVector
};

// The tensors that a segment expects, in the order of its generation's list (rwkv4_weights.h and the others). The
// description was checked (segment_desc.h).
std::vector<ExpectedTensor> ExpectedTensors(const skein_segment_desc& desc);

// "TIME_KEY (role 21) of layer 3": how messages speak of a tensor.
std::string TensorName(uint32_t role, uint32_t layer);

// Checks a tensor's dtype, shape, layout and size against the expected ones. Throws INVALID_ARGUMENT.
TensorView CheckTensor(const skein_tensor& tensor, const ExpectedTensor& expected);

// Writes a kVector in its form: view.size() * form.repeat values.
void FormVector(const TensorView& view, const VectorForm& form, float* out);

// Threads: one at a time.
class TensorIntake {
 public:
  explicit TensorIntake(std::vector<ExpectedTensor> expected);

  // In the order in which indices count.
  std::span<const ExpectedTensor> expected() const { return expected_; }
  // Of a tensor that is expected.
  size_t IndexOf(uint32_t role, uint32_t layer) const { return indices_.at({role, layer}); }

  // A tensor that has arrived.
  struct Arrival {
    size_t index;
    TensorView view;
  };
  // Throws INVALID_ARGUMENT for a tensor that is not expected, is of another shape or type, or was put before.
  Arrival Check(const skein_tensor& tensor) const;
  // The tensor has found its place. Until then it may be put again.
  void SetPut(size_t index) { is_put_[index] = true; }

  // Throws FAILED_PRECONDITION, naming the first tensor that was not put.
  void CheckComplete() const;

 private:
  const std::vector<ExpectedTensor> expected_;
  std::map<std::pair<uint32_t, uint32_t>, size_t> indices_;  // by role and layer
  std::vector<bool> is_put_;
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_KIT_TENSOR_INTAKE_H_
