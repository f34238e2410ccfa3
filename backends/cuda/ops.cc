#include "cuda/ops.h"

#include <algorithm>

#include "cuda/kernels/norm_rows.h"
#include "cuda/kernels/norm_shift.h"
#include "cuda/kernels/wkv4.h"

namespace skein::cuda {
namespace {

DeviceProduct OnDevice(const kit::Product<DeviceMatrix>& product) {
  return {product.weight->rows, product.in, product.out, product.then};
}

}  // namespace

void Ops::Embed(const EmbeddingRows& embedding, const kit::Norm& norm, kit::Rows x) {
  Keep(cuda::Embed(context_.queue, context_.batch, embedding.rows, norm, x));
}

void Ops::NormShift(kit::Rows x, const kit::Norm& norm, size_t state, std::initializer_list<kit::Blend> blends,
                    const kit::ShiftedRows& kept) {
  NormShiftArguments arguments = {
      .x = x, .norm = norm, .state = context_.form.ByteOffset(state), .blends = {}, .num_blends = 0, .kept = kept};
  for (const kit::Blend& blend : blends) {
    if (blend.mix != nullptr) arguments.blends[arguments.num_blends++] = blend;
  }
  Keep(cuda::NormShift(context_.queue, context_.batch, context_.states, arguments));
}

void Ops::NormOutputs(kit::Rows x, const kit::Norm& norm, kit::Rows hidden) {
  if (hidden.count > 0) Keep(cuda::NormOutputs(context_.queue, context_.batch, x, norm, hidden));
}

void Ops::Multiply(std::initializer_list<kit::Product<Matrix>> products) {
  Launch({products.begin(), products.size()}, context_.batch.num_rows);
}

void Ops::Logits(const Matrix& weight, kit::Rows hidden) {
  const LogitsPlace& place = context_.logits;
  for (uint32_t first = 0; first < place.num_rows; first += place.device.count) {
    const uint32_t count = std::min(place.device.count, place.num_rows - first);
    const kit::Rows logits = {place.device.data, count, place.device.width};
    const kit::Product<Matrix> product = {&weight, {hidden[first], count, hidden.width}, logits, kit::Then::kStore};
    // All rows by one choice, however they are cut.
    Launch({&product, 1}, place.num_rows);
    Keep(FinishLogits(context_.queue, logits, {place.wishes.rows + first, place.wishes.biases, place.wishes.masks},
                      place.results + first, place.greatest + size_t{first} * SKEIN_MAX_TOP_K));
    if (place.host == nullptr || first >= place.num_host_rows) continue;
    const uint32_t num_copied = std::min(count, place.num_host_rows - first);
    Keep(cudaMemcpyAsync(place.host + size_t{first} * logits.width, logits.data,
                         size_t{num_copied} * logits.width * sizeof(float), cudaMemcpyDeviceToHost,
                         context_.queue.stream));
  }
}

ProductChoice Ops::Choose(const Matrix& matrix, uint32_t num_rows, Paths paths) const {
  const bool is_any = paths == Paths::kAll;
  return ChooseProduct({.type = matrix.rows.type,
                        .num_weights = uint64_t{matrix.rows.num_rows} * matrix.rows.num_columns,
                        .has_columns = matrix.columns.data != nullptr,
                        .has_library = is_any && context_.library != nullptr,
                        .is_expanded_faster = is_any && context_.expanded != nullptr &&
                                              context_.expanded->IsFaster(matrix.rows, num_rows),
                        .num_rows = num_rows,
                        .compute_type = context_.compute_type,
                        .capability = context_.capability});
}

bool Ops::LaunchAlone(const kit::Product<Matrix>& product, uint32_t num_rows_for_choice) {
  const ProductChoice choice = Choose(*product.weight, num_rows_for_choice, Paths::kAll);
  bool by_library = false;
  switch (choice.path) {
    case ProductPath::kSparse:
      Keep(SparseProduct(context_.queue, OnDevice(product), product.weight->columns, choice.inputs,
                         context_.sparse_scratch));
      return true;
    case ProductPath::kExpanded:
      Keep(context_.expanded->Multiply(context_.queue, OnDevice(product), num_rows_for_choice, by_library));
      break;
    case ProductPath::kLibrary:
      by_library = context_.library->Multiply(context_.queue, OnDevice(product), choice.inputs);
      if (!by_library) return false;
      break;
    case ProductPath::kTiles:
    case ProductPath::kRows:
      return false;
  }
  if (by_library) library_multiplications_ += uint64_t{product.in.count} * product.in.width * product.out.width;
  return true;
}

void Ops::Launch(std::span<const kit::Product<Matrix>> products, uint32_t num_rows_for_choice) {
  uint32_t done = 0;  // a bit for each product
  for (size_t i = 0; i < products.size(); ++i) {
    const kit::Product<Matrix>& product = products[i];
    if (product.weight == nullptr || LaunchAlone(product, num_rows_for_choice)) done |= 1u << i;
  }
  for (size_t first = 0; first < products.size(); ++first) {
    if ((done >> first & 1) != 0) continue;
    const Matrix& matrix = *products[first].weight;
    const ProductChoice choice = Choose(matrix, num_rows_for_choice, Paths::kTogether);
    ProductList list = {};
    for (size_t i = first; i < products.size() && list.count < kMaxProducts; ++i) {
      if ((done >> i & 1) != 0) continue;
      const Matrix& other = *products[i].weight;
      if (other.rows.type != matrix.rows.type || Choose(other, num_rows_for_choice, Paths::kTogether) != choice)
        continue;
      done |= 1u << i;
      list.products[list.count++] = OnDevice(products[i]);
    }
    Keep(choice.path == ProductPath::kTiles ? TileProducts(context_.queue, list, choice.inputs, context_.part_scratch)
                                            : RowProducts(context_.queue, list, choice.inputs));
  }
}

void Ops::GatedAdd(kit::Rows x, kit::Rows gate, kit::Rows value) {
  Keep(cuda::GatedAdd(context_.queue, x, gate, value));
}

void Ops::Wkv4(const kit::Wkv4Inputs& inputs, size_t state, kit::Rows y) {
  Keep(cuda::Wkv4(context_.queue, context_.batch, context_.states, inputs, context_.form.ByteOffset(state), y));
}

void Ops::Decay6(kit::Rows decay, const float* bias, kit::Rows /*w*/) {
  wkv5_.decay_rows = decay;
  wkv5_.decay_bias = bias;
}

void Ops::Wkv5(const kit::Wkv5Inputs& inputs, size_t state, kit::Rows /*y*/) {
  wkv5_.r = inputs.r;
  wkv5_.k = inputs.k;
  wkv5_.v = inputs.v;
  wkv5_.decay = inputs.w_stride == 0 ? inputs.w : nullptr;
  wkv5_.bonus = inputs.bonus;
  wkv5_.head_size = context_.head_size;
  wkv5_.state = context_.form.ByteOffset(state);
}

void Ops::NormGate(kit::Rows /*y*/, const kit::Norm& norm, kit::Rows g, kit::Rows out) {
  wkv5_.norm = norm;
  wkv5_.g = g;
  wkv5_.out = out;
  Keep(cuda::Wkv5(context_.queue, context_.batch, context_.states, wkv5_));
  wkv5_ = {};
}

void Ops::DataShift(const kit::ShiftedRows& rows, std::initializer_list<kit::DataBlend> blends) {
  DataShiftArguments arguments = {.rows = rows, .blends = {}, .num_blends = static_cast<uint32_t>(blends.size())};
  std::copy(blends.begin(), blends.end(), arguments.blends.begin());
  Keep(cuda::DataShift(context_.queue, arguments));
}

void Ops::Decay7(kit::Rows decay, const float* bias, kit::Rows /*w*/) {
  wkv7_.decay = decay;
  wkv7_.decay_bias = bias;
}

void Ops::Keys(const kit::KeysInputs& inputs, const kit::KeysOutputs& /*outputs*/) { wkv7_.keys = inputs; }

void Ops::ValueResidual(const kit::ValueResidualInputs& inputs, kit::Rows /*v*/) {
  wkv7_.value = inputs.value;
  wkv7_.v_first = inputs.v_first;
  wkv7_.value_gate = inputs.gate;
  wkv7_.value_bias = inputs.gate_bias;
}

void Ops::Wkv7(const kit::Wkv7Inputs& inputs, size_t state, kit::Rows /*y*/) {
  wkv7_.r = inputs.r;
  if (wkv7_.v_first.data == nullptr) wkv7_.value = inputs.v;  // the first layer has no residual
  wkv7_.head_size = context_.head_size;
  wkv7_.state = context_.form.ByteOffset(state);
}

void Ops::NormBonusGate(kit::Rows /*y*/, const kit::Norm& norm, const kit::Wkv7Inputs& /*inputs*/, const float* bonus,
                        kit::Rows g, kit::Rows out) {
  wkv7_.norm = norm;
  wkv7_.bonus = bonus;
  wkv7_.g = g;
  wkv7_.out = out;
  Keep(cuda::Wkv7(context_.queue, context_.batch, context_.states, wkv7_));
  wkv7_ = {};
}

}  // namespace skein::cuda
