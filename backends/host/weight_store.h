// The weights of a segment in host memory: each tensor that TensorIntake lets in goes into the form in which it is
// used. The packed form of a matrix is the backend's.
#ifndef SKEIN_BACKENDS_HOST_WEIGHT_STORE_H_
#define SKEIN_BACKENDS_HOST_WEIGHT_STORE_H_

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "host/weight_arena.h"
#include "kit/tensor.h"
#include "kit/tensor_intake.h"
#include "numbers/parallel.h"
#include "skein/backend.h"

namespace skein::kit {

// The bytes that a kVector takes in the arena.
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
//
// Order: Put for every tensor, Seal, Bind. Threads: one at a time.
template <typename Matrix>
class WeightStore {
 public:
  // `packed_bytes`: the size of the packed weights, as far as it is known, if all of them had to be packed.
  WeightStore(const skein_host& host, uint32_t compute_type, std::vector<ExpectedTensor> expected,
              uint64_t packed_bytes)
      : host_(host),
        compute_type_(compute_type),
        packed_bytes_(packed_bytes),
        arena_(host, 0),
        intake_(std::move(expected)),
        stored_(intake_.expected().size()) {
    uint64_t vector_bytes = 0;
    for (const ExpectedTensor& tensor : intake_.expected()) {
      if (tensor.use == Use::kVector) vector_bytes += VectorFootprint(tensor);
    }
    arena_.Expect(vector_bytes);
  }

  // Takes a tensor, as TensorIntake lets it in. A mapped matrix is packed by Seal, anything else now.
  void Put(const skein_tensor& tensor) {
    const auto [index, view] = intake_.Check(tensor);
    const ExpectedTensor& expected = intake_.expected()[index];
    const bool is_mapped = (tensor.flags & SKEIN_TENSOR_MAPPED) != 0;
    if (!is_mapped && expected.use != Use::kVector) ExpectAll();
    switch (expected.use) {
      case Use::kVector:
        PutVector(view, expected.form, stored_[index]);
        break;
      case Use::kEmbedding:
        stored_[index].embedding.emplace(arena_, view, is_mapped);
        break;
      case Use::kMatrix:
        PutMatrix(tensor, view, is_mapped, stored_[index]);
        break;
    }
    intake_.SetPut(index);
  }

  // Packs the matrices that are not packed yet, on the host's threads. FAILED_PRECONDITION names the first tensor that
  // is missing.
  void Seal() {
    intake_.CheckComplete();
    std::vector<StoredTensor*> waiting;
    uint64_t waiting_bytes = 0;
    for (StoredTensor& stored : stored_) {
      const TensorView& view = stored.to_pack;
      if (view.data == nullptr) continue;
      waiting.push_back(&stored);
      waiting_bytes +=
          WeightArena::Footprint(Matrix::PackedBytes(view.num_rows, view.num_columns, view.dtype, compute_type_));
    }
    arena_.Expect(waiting_bytes);
    for (StoredTensor* stored : waiting) Allocate(*stored);
    ParallelEach(host_, waiting.size(), [&waiting](uint64_t item) { PackNow(*waiting[item]); });
  }

  // The packed tensor, for the visitor of a generation's list; the store owns it. Only after Seal.
  void Bind(uint32_t role, uint32_t layer, const float*& vector) const { vector = Find(role, layer).vector; }
  void Bind(uint32_t role, uint32_t layer, const Matrix*& matrix) const { matrix = &*Find(role, layer).matrix; }
  void Bind(uint32_t role, uint32_t layer, const EmbeddingRows*& rows) const { rows = &*Find(role, layer).embedding; }

 private:
  // One of these.
  struct StoredTensor {
    float* vector = nullptr;
    std::optional<EmbeddingRows> embedding;
    std::optional<Matrix> matrix;
    TensorView to_pack;  // of the matrix; `data` NULL: packed
  };

  // One tensor that is not mapped: most likely the others will not be mapped either.
  void ExpectAll() {
    if (expects_all_) return;
    arena_.Expect(packed_bytes_);
    expects_all_ = true;
  }

  void PutVector(const TensorView& view, const VectorForm& form, StoredTensor& stored) {
    stored.vector = arena_.Take<float>(CheckedProduct(view.size(), form.repeat));
    FormVector(view, form, stored.vector);
  }

  void PutMatrix(const skein_tensor& tensor, const TensorView& view, bool is_mapped, StoredTensor& stored) {
    const bool is_in_panels = view.layout == SKEIN_LAYOUT_PANELS;
    if (is_in_panels && !Matrix::TakesPanels(view.dtype, compute_type_)) RefusePanels(tensor);
    if constexpr (std::is_constructible_v<Matrix, const TensorView&>) {
      if (is_in_panels && is_mapped && Matrix::CanStay(view)) {
        stored.matrix.emplace(view);
        return;
      }
    }
    stored.to_pack = view;
    if (is_mapped) return;
    Allocate(stored);
    PackNow(stored);
  }

  [[noreturn]] void RefusePanels(const skein_tensor& tensor) const {
    throw plugin::Error(SKEIN_INVALID_ARGUMENT, TensorName(tensor.role, tensor.layer) + ": is in panels of type " +
                                                    std::to_string(tensor.dtype) + "; with compute type " +
                                                    std::to_string(compute_type_) + " expected rows of that type");
  }

  void Allocate(StoredTensor& stored) {
    const TensorView& view = stored.to_pack;
    stored.matrix.emplace(arena_, view.num_rows, view.num_columns, view.dtype, compute_type_);
  }

  static void PackNow(StoredTensor& stored) {
    stored.matrix->Pack(stored.to_pack);
    stored.to_pack.data = nullptr;
  }

  const StoredTensor& Find(uint32_t role, uint32_t layer) const { return stored_[intake_.IndexOf(role, layer)]; }

  const skein_host& host_;
  const uint32_t compute_type_;
  const uint64_t packed_bytes_;
  bool expects_all_ = false;  // the arena was told of packed_bytes_
  WeightArena arena_;
  TensorIntake intake_;
  std::vector<StoredTensor> stored_;  // by index in the intake
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_HOST_WEIGHT_STORE_H_
