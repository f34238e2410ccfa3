// The weights of a segment in a device's memory: each tensor that TensorIntake lets in, in the form in which kernels
// read it.
#ifndef SKEIN_BACKENDS_CUDA_DEVICE_WEIGHTS_H_
#define SKEIN_BACKENDS_CUDA_DEVICE_WEIGHTS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "cuda/device_memory.h"
#include "cuda/kernels/matrix_view.h"
#include "cuda/matrix_form.h"
#include "cuda/upload.h"
#include "kit/tensor_intake.h"
#include "skein/backend.h"

namespace skein::cuda {

// A matrix to multiply by.
struct DeviceMatrix {
  MatrixView rows = {};
  MatrixView columns = {};  // the same turned over, for SparseProduct; `data` NULL: there is none
};

// Rows that are looked up by token id.
struct DeviceEmbedding {
  MatrixView rows = {};
};

// Whether value matrices of channel-mixes are kept turned over too.
enum class ValueColumns : uint8_t { kNone, kKept };

// Order: Put for every tensor, Seal, Bind. The device is current in every call. Threads: one at a time.
class DeviceWeights {
 public:
  // `desc` was checked; `host` outlives the weights. Takes no memory yet.
  DeviceWeights(const skein_host& host, uint32_t device, const skein_segment_desc& desc, ValueColumns value_columns);

  // The bytes of all weights, if large matrices come in desc.weight_type.
  static uint64_t Bytes(const skein_segment_desc& desc, ValueColumns value_columns);

  // Takes a tensor, as TensorIntake lets it in. Its data may change afterwards.
  void Put(const skein_tensor& tensor);
  // FAILED_PRECONDITION names the first tensor that is missing.
  void Seal();

  // The tensor in the device's memory, for the visitor of a generation's list. Only after Seal.
  void Bind(uint32_t role, uint32_t layer, const float*& vector) const { vector = Find(role, layer).vector; }
  void Bind(uint32_t role, uint32_t layer, const DeviceMatrix*& matrix) const { matrix = &Find(role, layer).matrix; }
  void Bind(uint32_t role, uint32_t layer, const DeviceEmbedding*& rows) const { rows = &Find(role, layer).embedding; }

  // Multiplications of a row of a step in all matrices but the output head, and in that.
  uint64_t MultiplicationsPerRow() const { return multiplications_per_row_; }
  uint64_t MultiplicationsPerLogits() const { return multiplications_per_logits_; }
  // Calls function(view) for every matrix to multiply by.
  template <typename Function>
  void ForEachMatrix(const Function& function) const {
    for (const StoredTensor& stored : stored_) {
      if (stored.matrix.rows.data != nullptr) function(stored.matrix.rows);
    }
  }

 private:
  // One of these.
  struct StoredTensor {
    const float* vector = nullptr;
    DeviceMatrix matrix;
    DeviceEmbedding embedding;
  };

  static uint64_t TensorBytes(const kit::ExpectedTensor& tensor, uint32_t dtype, ValueColumns value_columns);

  Upload& upload();
  const float* PutVector(const kit::TensorView& view, const kit::VectorForm& form);
  MatrixView PutRows(const kit::TensorView& view);
  MatrixView PutColumns(const kit::TensorView& view);
  // `pack` and `pack_scales` write a row of data and of scales: (row, bytes).
  template <typename Pack, typename PackScales>
  MatrixView PutMatrix(const MatrixForm& form, const Pack& pack, const PackScales& pack_scales);
  void Count(const kit::ExpectedTensor& tensor);
  // Memory of the device, aligned to kWeightAlignment.
  unsigned char* Take(uint64_t bytes);
  const StoredTensor& Find(uint32_t role, uint32_t layer) const { return stored_[intake_.IndexOf(role, layer)]; }

  const skein_host& host_;
  const uint32_t device_;
  const ValueColumns value_columns_;
  uint64_t next_block_bytes_;
  kit::TensorIntake intake_;
  std::vector<StoredTensor> stored_;  // by index in the intake
  std::vector<DeviceArray<unsigned char>> blocks_;
  unsigned char* next_ = nullptr;  // in the last block
  uint64_t left_ = 0;
  std::optional<Upload> upload_;  // while tensors come
  uint64_t multiplications_per_row_ = 0;
  uint64_t multiplications_per_logits_ = 0;
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_DEVICE_WEIGHTS_H_
