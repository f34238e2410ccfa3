// Collects the tensors of a segment: which are expected, of which role, layer and shape; takes each once; says what is
// missing; has the backend pack them. The list of expected tensors is the generation's (rwkv4_weights.h and the
// others); the packed forms are the backend's.
#ifndef SKEIN_BACKENDS_HOST_WEIGHT_STORE_H_
#define SKEIN_BACKENDS_HOST_WEIGHT_STORE_H_

#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "equations/vector_form.h"
#include "host/weight_arena.h"
#include "kit/tensor.h"
#include "numbers/parallel.h"
#include "skein/backend.h"

namespace skein::kit {

// What a tensor is used as, which decides its form in memory.
enum class Use {
  kVector,     // float32
  kMatrix,     // what the backend multiplies by
  kEmbedding,  // rows looked up by token id, in the type in which they came
};

struct ExpectedTensor {
  uint32_t role;
  uint32_t layer;
  Use use;
  std::vector<uint64_t> shape;
  VectorForm form;  // of a kVector
};

// "TIME_KEY (role 21) of layer 3": how messages speak of a tensor.
std::string TensorName(uint32_t role, uint32_t layer);

// Checks a tensor's dtype, shape, layout and size against what is expected of it. Throws INVALID_ARGUMENT.
TensorView CheckTensor(const skein_tensor& tensor, const ExpectedTensor& expected);

// Writes the vector in its form: view.size() * form.repeat values.
void FormVector(const TensorView& view, const VectorForm& form, float* out);

// What a kVector takes in the arena.
uint64_t VectorFootprint(const ExpectedTensor& vector);

// Rows that are looked up by token id: the tensor itself while it stays mapped, else a copy.
class EmbeddingRows {
 public:
  EmbeddingRows(WeightArena& arena, const TensorView& tensor, bool is_mapped) : view_(tensor) {
    if (is_mapped) return;
    const uint64_t bytes = tensor.num_rows * tensor.row_bytes();
    auto* copy = arena.Take<unsigned char>(bytes);
    std::memcpy(copy, tensor.data, bytes);
    view_.data = copy;
  }

  // Row `index` as float32, [num_columns].
  void ExpandRow(uint32_t index, float* out) const { view_.Expand(index, 0, view_.num_columns, out); }

 private:
  TensorView view_;
};

// Where the matrices come in panels that stay mapped and the backend multiplies by them, nothing is packed or
// allocated.
//
// Matrix: constructed as Matrix(arena, num_rows, num_columns, dtype, compute_type), which allocates, and filled by
// Pack(view), which does not throw; static PackedBytes(num_rows, num_columns, dtype, compute_type). Static
// TakesPanels(dtype, compute_type) says whether the view may be in panels; a Matrix that ever takes them has a static
// CanStay(view), which says whether panels can be used where they lie, and is then constructed as Matrix(view).
template <typename Matrix>
class WeightStore {
 public:
  // `packed_bytes`: what the packed weights would take, as far as it is known, if all of them had to be packed.
  WeightStore(const skein_host& host, uint32_t compute_type, const std::vector<ExpectedTensor>& expected,
              uint64_t packed_bytes)
      : host_(host), compute_type_(compute_type), packed_bytes_(packed_bytes), arena_(host, 0) {
    entries_.reserve(expected.size());
    uint64_t vector_bytes = 0;
    for (const ExpectedTensor& tensor : expected) {
      if (tensor.use == Use::kVector) vector_bytes += VectorFootprint(tensor);
      index_[{tensor.role, tensor.layer}] = entries_.size();
      entries_.emplace_back().expected = tensor;
    }
    arena_.Expect(vector_bytes);
  }

  // Takes a tensor; what is mapped is packed by Seal, anything else now. INVALID_ARGUMENT: not expected, of another
  // shape or type, or put twice.
  void Put(const skein_tensor& tensor) {
    const auto found = index_.find({tensor.role, tensor.layer});
    if (found == index_.end()) {
      throw plugin::Error(SKEIN_INVALID_ARGUMENT,
                          TensorName(tensor.role, tensor.layer) + ": the segment expects no such tensor");
    }
    StoredTensor& entry = entries_[found->second];
    if (entry.is_put) {
      throw plugin::Error(SKEIN_INVALID_ARGUMENT, TensorName(tensor.role, tensor.layer) + ": put twice");
    }
    const TensorView view = CheckTensor(tensor, entry.expected);
    const bool is_mapped = (tensor.flags & SKEIN_TENSOR_MAPPED) != 0;
    if (!is_mapped && entry.expected.use != Use::kVector && !expects_all_) {
      arena_.Expect(packed_bytes_);  // as this one is not mapped, the others most likely will not be either
      expects_all_ = true;
    }
    switch (entry.expected.use) {
      case Use::kVector:
        entry.vector = arena_.Take<float>(CheckedProduct(view.size(), entry.expected.form.repeat));
        FormVector(view, entry.expected.form, entry.vector);
        break;
      case Use::kEmbedding:
        entry.embedding.emplace(arena_, view, is_mapped);
        break;
      case Use::kMatrix:
        PutMatrix(entry, view, is_mapped);
        break;
    }
    entry.is_put = true;
  }

  // Packs what is left to pack, on the host's threads. FAILED_PRECONDITION names the first tensor that is missing.
  void Seal() {
    for (const StoredTensor& entry : entries_) {
      if (entry.is_put) continue;
      throw plugin::Error(SKEIN_FAILED_PRECONDITION,
                          TensorName(entry.expected.role, entry.expected.layer) + ": missing, was never put");
    }
    std::vector<StoredTensor*> waiting;
    uint64_t waiting_bytes = 0;
    for (StoredTensor& entry : entries_) {
      const TensorView& view = entry.to_pack;
      if (view.data == nullptr) continue;
      waiting.push_back(&entry);
      waiting_bytes +=
          WeightArena::Footprint(Matrix::PackedBytes(view.num_rows, view.num_columns, view.dtype, compute_type_));
    }
    arena_.Expect(waiting_bytes);
    for (StoredTensor* entry : waiting) Allocate(*entry);
    ParallelEach(host_, waiting.size(), [&](uint64_t item) { PackNow(*waiting[item]); });
  }

  // The packed tensor, for the visitor of a generation's list; the store owns it. Only after Seal.
  void Bind(uint32_t role, uint32_t layer, const float*& vector) const { vector = Find(role, layer).vector; }
  void Bind(uint32_t role, uint32_t layer, const Matrix*& matrix) const { matrix = &*Find(role, layer).matrix; }
  void Bind(uint32_t role, uint32_t layer, const EmbeddingRows*& rows) const { rows = &*Find(role, layer).embedding; }

 private:
  struct StoredTensor {
    ExpectedTensor expected;
    bool is_put = false;
    float* vector = nullptr;
    std::optional<EmbeddingRows> embedding;
    std::optional<Matrix> matrix;
    TensorView to_pack;  // `data` NULL: packed
  };

  void PutMatrix(StoredTensor& entry, const TensorView& view, bool is_mapped) {
    if (view.layout == SKEIN_LAYOUT_PANELS && !Matrix::TakesPanels(view.dtype, compute_type_)) {
      throw plugin::Error(SKEIN_INVALID_ARGUMENT, TensorName(entry.expected.role, entry.expected.layer) +
                                                      ": is in panels of type " + std::to_string(view.dtype) +
                                                      "; with compute type " + std::to_string(compute_type_) +
                                                      " expected rows of that type");
    }
    if constexpr (std::is_constructible_v<Matrix, const TensorView&>) {
      if (view.layout == SKEIN_LAYOUT_PANELS && is_mapped && Matrix::CanStay(view)) {
        entry.matrix.emplace(view);
        return;
      }
    }
    entry.to_pack = view;
    if (is_mapped) return;
    Allocate(entry);
    PackNow(entry);
  }

  void Allocate(StoredTensor& entry) {
    const TensorView& view = entry.to_pack;
    entry.matrix.emplace(arena_, view.num_rows, view.num_columns, view.dtype, compute_type_);
  }

  static void PackNow(StoredTensor& entry) {
    entry.matrix->Pack(entry.to_pack);
    entry.to_pack.data = nullptr;
  }

  const StoredTensor& Find(uint32_t role, uint32_t layer) const { return entries_[index_.at({role, layer})]; }

  const skein_host& host_;
  const uint32_t compute_type_;
  const uint64_t packed_bytes_;
  bool expects_all_ = false;  // the arena was told of packed_bytes_
  WeightArena arena_;
  std::vector<StoredTensor> entries_;
  std::map<std::pair<uint32_t, uint32_t>, size_t> index_;
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_HOST_WEIGHT_STORE_H_
