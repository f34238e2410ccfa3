#include "cuda/device_weights.h"

#include <algorithm>

#include "kit/checked_product.h"
#include "numbers/parallel.h"

namespace skein::cuda {
namespace {

// Of a block beyond those that were expected.
constexpr uint64_t kLaterBlockBytes = uint64_t{2} << 20;

uint64_t VectorFloats(const kit::ExpectedTensor& vector) {
  uint64_t size = vector.form.repeat;
  for (const uint64_t dim : vector.shape) size = kit::CheckedProduct(size, dim);
  return size;
}

bool HasColumns(const kit::ExpectedTensor& tensor, uint32_t dtype, ValueColumns value_columns) {
  return value_columns == ValueColumns::kKept && tensor.role == SKEIN_ROLE_CHANNEL_VALUE && CanTranspose(dtype);
}

// Fills items on the host's threads: `pack(item, out)` writes one.
template <typename Pack>
auto InParallel(const skein_host& host, uint64_t item_bytes, const Pack& pack) {
  return [&host, item_bytes, &pack](uint64_t first, uint64_t count, unsigned char* out) {
    constexpr uint64_t kTaskBytes = uint64_t{256} << 10;
    const uint64_t per_task = std::max<uint64_t>(1, kTaskBytes / item_bytes);
    ParallelEach(host, (count + per_task - 1) / per_task, [&](uint64_t task) {
      for (uint64_t i = task * per_task; i < std::min(count, (task + 1) * per_task); ++i) {
        pack(first + i, out + i * item_bytes);
      }
    });
  };
}

MatrixView ViewOf(const MatrixForm& form, const unsigned char* data, const unsigned char* scales) {
  return {.type = form.type,
          .num_rows = form.num_rows,
          .num_columns = form.num_columns,
          .row_bytes = form.row_bytes,
          .data = data,
          .scales = reinterpret_cast<const __half*>(scales),
          .groups_per_row = form.groups_per_row};
}

}  // namespace

DeviceWeights::DeviceWeights(const skein_host& host, uint32_t device, const skein_segment_desc& desc,
                             ValueColumns value_columns)
    : host_(host),
      device_(device),
      value_columns_(value_columns),
      // One block for all, if it is known in which type they come.
      next_block_bytes_(desc.weight_type == SKEIN_DTYPE_NONE ? kLaterBlockBytes : Bytes(desc, value_columns)),
      intake_(kit::ExpectedTensors(desc)),
      stored_(intake_.expected().size()) {
  for (const kit::ExpectedTensor& tensor : intake_.expected()) Count(tensor);
}

void DeviceWeights::Count(const kit::ExpectedTensor& tensor) {
  if (tensor.use != kit::Use::kMatrix) return;
  const uint64_t size = tensor.shape[0] * tensor.shape[1];
  (tensor.role == SKEIN_ROLE_HEAD ? multiplications_per_logits_ : multiplications_per_row_) += size;
}

uint64_t DeviceWeights::TensorBytes(const kit::ExpectedTensor& tensor, uint32_t dtype, ValueColumns value_columns) {
  if (tensor.use == kit::Use::kVector) return AlignedUp(VectorFloats(tensor) * sizeof(float), kWeightAlignment);
  uint64_t bytes = FormOf(dtype, tensor.shape[0], tensor.shape[1]).footprint();
  if (HasColumns(tensor, dtype, value_columns)) {
    bytes += TransposedForm(dtype, tensor.shape[0], tensor.shape[1]).footprint();
  }
  return bytes;
}

uint64_t DeviceWeights::Bytes(const skein_segment_desc& desc, ValueColumns value_columns) {
  const uint32_t dtype = desc.weight_type == SKEIN_DTYPE_NONE ? uint32_t{SKEIN_DTYPE_F32} : desc.weight_type;
  uint64_t bytes = 0;
  for (const kit::ExpectedTensor& tensor : kit::ExpectedTensors(desc)) {
    bytes += TensorBytes(tensor, dtype, value_columns);
  }
  return bytes;
}

void DeviceWeights::Put(const skein_tensor& tensor) {
  const auto [index, view] = intake_.Check(tensor);
  const kit::ExpectedTensor& expected = intake_.expected()[index];
  if (view.layout != SKEIN_LAYOUT_ROWS) {
    throw plugin::Error(SKEIN_INVALID_ARGUMENT,
                        kit::TensorName(tensor.role, tensor.layer) + ": is in panels; expected rows");
  }
  StoredTensor& stored = stored_[index];
  switch (expected.use) {
    case kit::Use::kVector:
      stored.vector = PutVector(view, expected.form);
      break;
    case kit::Use::kEmbedding:
      stored.embedding.rows = PutRows(view);
      break;
    case kit::Use::kMatrix:
      stored.matrix.rows = PutRows(view);
      if (HasColumns(expected, view.dtype, value_columns_)) stored.matrix.columns = PutColumns(view);
      break;
  }
  intake_.SetPut(index);
}

void DeviceWeights::Seal() {
  intake_.CheckComplete();
  upload().Finish();
  upload_.reset();
}

Upload& DeviceWeights::upload() {
  if (!upload_) upload_.emplace(device_);
  return *upload_;
}

const float* DeviceWeights::PutVector(const kit::TensorView& view, const kit::VectorForm& form) {
  const uint64_t bytes = view.size() * form.repeat * sizeof(float);
  unsigned char* to = Take(bytes);
  upload().Send(to, 1, bytes, [&](uint64_t, uint64_t, unsigned char* out) {
    kit::FormVector(view, form, reinterpret_cast<float*>(out));
  });
  return reinterpret_cast<const float*>(to);
}

MatrixView DeviceWeights::PutRows(const kit::TensorView& view) {
  const MatrixForm form = FormOf(view.dtype, view.num_rows, view.num_columns);
  return PutMatrix(
      form, [&](uint64_t row, unsigned char* out) { PackRow(view, form, row, out); },
      [&](uint64_t row, unsigned char* out) { PackScales(view, form, row, out); });
}

MatrixView DeviceWeights::PutColumns(const kit::TensorView& view) {
  const MatrixForm form = TransposedForm(view.dtype, view.num_rows, view.num_columns);
  return PutMatrix(
      form, [&](uint64_t column, unsigned char* out) { PackColumn(view, form, column, out); },
      [&](uint64_t group, unsigned char* out) { PackColumnScales(view, form, group, out); });
}

template <typename Pack, typename PackScales>
MatrixView DeviceWeights::PutMatrix(const MatrixForm& form, const Pack& pack, const PackScales& pack_scales) {
  unsigned char* data = Take(form.data_bytes());
  upload().Send(data, form.num_rows, form.row_bytes, InParallel(host_, form.row_bytes, pack));
  if (form.groups_per_row == 0) return ViewOf(form, data, nullptr);

  unsigned char* scales = Take(form.scale_bytes());
  const uint64_t scale_bytes = form.groups_per_row * sizeof(uint16_t);
  upload().Send(scales, form.num_scale_rows, scale_bytes, InParallel(host_, scale_bytes, pack_scales));
  return ViewOf(form, data, scales);
}

unsigned char* DeviceWeights::Take(uint64_t bytes) {
  const uint64_t taken_bytes = AlignedUp(bytes, kWeightAlignment);
  if (taken_bytes > left_) {
    const uint64_t block_bytes = std::max(taken_bytes, next_block_bytes_);
    blocks_.emplace_back(device_, block_bytes, "weights");
    next_ = blocks_.back().data();
    left_ = block_bytes;
    next_block_bytes_ = kLaterBlockBytes;
  }
  unsigned char* taken = next_;
  next_ += taken_bytes;
  left_ -= taken_bytes;
  return taken;
}

}  // namespace skein::cuda
