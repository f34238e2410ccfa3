#include "cuda/ops.h"

#include <algorithm>
#include <utility>

#include "cuda/kernels/norm_rows.h"
#include "cuda/kernels/product_parts.h"
#include "cuda/kernels/shift_products.h"
#include "cuda/kernels/wkv4.h"
#include "cuda/tile_choice.h"

namespace skein::cuda {

void Ops::Embed(const EmbeddingRows& embedding, const kit::Norm& norm, kit::Rows x) {
  Keep(cuda::Embed(context_.queue, context_.batch, context_.logits.results, embedding.rows, norm, x));
}

void Ops::NormShift(kit::Rows x, const kit::Norm& norm, size_t state, std::initializer_list<kit::Blend> blends,
                    const kit::ShiftedRows& kept) {
  LaunchWaiting();
  NormShiftArguments arguments = {};
  arguments.x = x;
  arguments.norm = norm;
  arguments.state = context_.form.ByteOffset(state);
  arguments.kept = kept;
  for (const kit::Blend& blend : blends) {
    if (blend.mix != nullptr) arguments.blends[arguments.num_blends++] = blend;
  }
  if (earlier_.x.data != nullptr) {
    arguments.earlier = earlier_.kept.n;
    arguments.earlier_state = earlier_.state;
    earlier_ = {};
  }
  if (IsFused() && kept.n.data != nullptr && arguments.num_blends == 1) {
    rounded_.Forget(arguments.blends[0].out);  // which may be written by no one
    shift_ = arguments;
    return;
  }
  for (uint32_t i = 0; i < arguments.num_blends; ++i) arguments.rounded[i] = rounded_.Write(arguments.blends[i].out);
  Keep(cuda::NormShift(context_.queue, context_.batch, context_.states, arguments));
}

void Ops::NormOutputs(kit::Rows x, const kit::Norm& norm, kit::Rows hidden) {
  LaunchWaiting();
  if (hidden.count == 0) return;
  Keep(cuda::NormOutputs(context_.queue, context_.batch, x, norm, hidden, rounded_.Write(hidden)));
}

bool Ops::LaunchShift(std::initializer_list<kit::Product<Matrix>> products) {
  if (shift_.x.data == nullptr || shift_.earlier.data != nullptr || products.size() > kMaxProducts) return false;
  ProductList list = {};
  for (const kit::Product<Matrix>& product : products) {
    if (product.weight == nullptr || product.in.data != shift_.blends[0].out.data) return false;
    if (product.then == kit::Then::kAdd || product.weight->rows.type != products.begin()->weight->rows.type)
      return false;
    list.products[list.count++] = WaitingProduct{product, {}}.OnDevice();
    rounded_.Forget(product.out);
  }
  Keep(ShiftProducts(context_.queue, context_.batch, context_.states,
                     {shift_.x, shift_.norm, shift_.state, shift_.blends[0].mix, shift_.kept}, list,
                     InputsOf(context_.compute_type)));
  earlier_ = std::exchange(shift_, {});
  return true;
}

void Ops::Multiply(std::initializer_list<kit::Product<Matrix>> products) {
  if (LaunchShift(products)) return;
  LaunchWaiting();
  for (const kit::Product<Matrix>& product : products) {
    if (num_waiting_ == waiting_.size()) LaunchWaiting();
    if (product.weight != nullptr) waiting_[num_waiting_++] = {product, {}};
  }
}

void Ops::Logits(const Matrix& weight, kit::Rows hidden) {
  const LogitsPlace& place = context_.logits;
  for (uint32_t first = 0; first < place.num_rows; first += place.device.count) {
    const uint32_t count = std::min(place.device.count, place.num_rows - first);
    const kit::Rows logits = {place.device.data, count, place.device.width};
    const WaitingProduct product = {{&weight, {hidden[first], count, hidden.width}, logits, kit::Then::kStore}, {}};
    // All rows by one choice, however they are cut.
    Launch({&product, 1}, place.num_rows, library_work_.of_logits);
    Keep(FinishLogits(context_.queue, logits, {place.wishes.rows + first, place.wishes.biases, place.wishes.masks},
                      place.results + first, place.greatest + size_t{first} * SKEIN_MAX_TOP_K, place.scratch));
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
                        .has_nibble_products = context_.has_nibble_products,
                        .is_expanded_faster = is_any && context_.expanded != nullptr &&
                                              context_.expanded->IsFaster(matrix.rows, num_rows),
                        .num_rows = num_rows,
                        .compute_type = context_.compute_type,
                        .capability = context_.capability});
}

DeviceProduct Ops::WithCopies(const WaitingProduct& waiting, bool writes_copy) {
  DeviceProduct product = waiting.OnDevice();
  product.rounded_in = rounded_.Find(product.in);
  // The residual stream is the input of no product.
  const bool is_residual = product.then == kit::Then::kAdd && waiting.end.mix == nullptr;
  rounded_.Forget(product.out);
  if (writes_copy && !is_residual) product.rounded_out = rounded_.Write(product.out);
  return product;
}

bool Ops::LaunchAlone(const WaitingProduct& waiting, uint32_t num_rows_for_choice, uint64_t& multiplications) {
  const kit::Product<Matrix>& product = waiting.product;
  rounded_.Forget(product.out);
  const ProductChoice choice = Choose(*product.weight, num_rows_for_choice, Paths::kAll);
  bool by_library = false;
  switch (choice.path) {
    case ProductPath::kSparse:
      Keep(SparseProduct(context_.queue, waiting.OnDevice(), product.weight->columns, choice.inputs,
                         context_.sparse_scratch));
      return true;
    case ProductPath::kExpanded:
      Keep(context_.expanded->Multiply(context_.queue, waiting.OnDevice(), num_rows_for_choice, by_library));
      break;
    case ProductPath::kLibrary:
      by_library = context_.library->Multiply(
          context_.queue, WithCopies(waiting, LibraryProducts::IsFinishedBehind(product.then)), choice.inputs);
      if (!by_library) return false;
      break;
    case ProductPath::kNibbles:
    case ProductPath::kTiles:
    case ProductPath::kRows:
      return false;
  }
  if (by_library) multiplications += uint64_t{product.in.count} * product.in.width * product.out.width;
  return true;
}

void Ops::Launch(std::span<const WaitingProduct> products, uint32_t num_rows_for_choice, uint64_t& multiplications) {
  uint32_t done = 0;  // a bit for each product
  for (size_t i = 0; i < products.size(); ++i) {
    if (LaunchAlone(products[i], num_rows_for_choice, multiplications)) done |= 1u << i;
  }
  for (size_t first = 0; first < products.size(); ++first) {
    if ((done >> first & 1) != 0) continue;
    const Matrix& matrix = *products[first].product.weight;
    const ProductChoice choice = Choose(matrix, num_rows_for_choice, Paths::kTogether);
    ProductList list = {};
    for (size_t i = first; i < products.size() && list.count < kMaxProducts; ++i) {
      if ((done >> i & 1) != 0) continue;
      const Matrix& other = *products[i].product.weight;
      if (other.rows.type != matrix.rows.type || Choose(other, num_rows_for_choice, Paths::kTogether) != choice)
        continue;
      done |= 1u << i;
      list.products[list.count++] = WithCopies(products[i], true);
    }
    LaunchTogether(choice, list);
  }
}

Tile Ops::TileOf(const ProductList& list, Inputs inputs) {
  if (!context_.has_wide_tiles || !AreRounded(list, inputs)) return PlainTile(list, context_.part_scratch);
  uint32_t shared_room = 0;
  Keep(FindSharedRoom(shared_room));
  return ChooseTile(list, context_.part_scratch, shared_room);
}

void Ops::LaunchTogether(const ProductChoice& choice, const ProductList& list) {
  switch (choice.path) {
    case ProductPath::kNibbles:
      return Keep(NibbleProducts(context_.queue, list, choice.inputs));
    case ProductPath::kTiles:
      return Keep(
          TileProducts(context_.queue, list, choice.inputs, context_.part_scratch, TileOf(list, choice.inputs)));
    default:  // the others go alone
      return Keep(RowProducts(context_.queue, list, choice.inputs));
  }
}

void Ops::LaunchWaiting() {
  if (shift_.x.data != nullptr) {
    Keep(cuda::NormShift(context_.queue, context_.batch, context_.states, std::exchange(shift_, {})));
  }
  Launch({waiting_.data(), num_waiting_}, context_.batch.num_rows, library_work_.of_rows);
  num_waiting_ = 0;
}

Ops::WaitingProduct* Ops::FindWaiting(const kit::Rows& out) {
  for (uint32_t i = 0; i < num_waiting_; ++i) {
    const kit::Product<Matrix>& product = waiting_[i].product;
    if (product.out.data != out.data || product.then != kit::Then::kStore) continue;
    const ProductPath path = Choose(*product.weight, context_.batch.num_rows, Paths::kAll).path;
    const bool has_ends = path == ProductPath::kRows || path == ProductPath::kNibbles || path == ProductPath::kTiles;
    return has_ends ? &waiting_[i] : nullptr;
  }
  return nullptr;
}

void Ops::AddTo(kit::Rows out, const ProductEnd& end, WaitingProduct& product) {
  product.product.out = out;
  product.product.then = kit::Then::kAdd;
  product.end = end;
}

void Ops::GatedAdd(kit::Rows x, kit::Rows gate, kit::Rows value) {
  if (WaitingProduct* const product = FindWaiting(value); product != nullptr) {
    AddTo(x, {.gate = gate.data}, *product);
    return LaunchWaiting();
  }
  LaunchWaiting();
  Keep(cuda::GatedAdd(context_.queue, x, gate, value));
}

void Ops::Wkv4(const kit::Wkv4Inputs& inputs, size_t state, kit::Rows y) {
  LaunchWaiting();
  rounded_.Forget(y);
  Keep(cuda::Wkv4(context_.queue, context_.batch, context_.states, inputs, context_.form.ByteOffset(state), y));
}

void Ops::Decay6(kit::Rows decay, const float* bias, kit::Rows /*w*/) {
  wkv5_.decay_bias = bias;
  if (const WaitingProduct* const made = FindWaiting(decay); made != nullptr && num_waiting_ == 1 && IsFused()) {
    wkv5_.decay_rank = made->product.in;
    wkv5_.decay_weight = made->product.weight->rows;
    wkv5_.decay_inputs = InputsOf(context_.compute_type);
    num_waiting_ = 0;
    return;
  }
  LaunchWaiting();
  wkv5_.decay_rows = decay;
}

void Ops::Wkv5(const kit::Wkv5Inputs& inputs, size_t state, kit::Rows /*y*/) {
  wkv5_.r = inputs.r;
  wkv5_.k = inputs.k;
  wkv5_.v = inputs.v;
  wkv5_.decay = inputs.w_stride == 0 ? inputs.w : nullptr;
  wkv5_.bonus = inputs.bonus;
  wkv5_.head_size = context_.head_size;
  wkv5_.state = context_.form.ByteOffset(state);
  wkv5_.chunks = wkv5_.decay_rank.data == nullptr ? context_.chunks : Chunks::kNone;
}

void Ops::NormGate(kit::Rows /*y*/, const kit::Norm& norm, kit::Rows g, kit::Rows out) {
  rounded_.Forget(out);
  wkv5_.norm = norm;
  wkv5_.g = g;
  wkv5_.out = out;
  LaunchWaiting();
  Keep(cuda::Wkv5(context_.queue, context_.batch, context_.states, wkv5_));
  wkv5_ = {};
}

void Ops::DataShift(const kit::ShiftedRows& rows, std::initializer_list<kit::DataBlend> blends) {
  const bool are_ends =
      std::all_of(blends.begin(), blends.end(), [&](const auto& blend) { return FindWaiting(blend.m) != nullptr; });
  if (are_ends) {
    for (const kit::DataBlend& blend : blends) {
      AddTo(blend.out, {.n = rows.n.data, .n_before = rows.n_before.data, .mix = blend.mix}, *FindWaiting(blend.m));
    }
    return LaunchWaiting();
  }
  LaunchWaiting();
  for (const kit::DataBlend& blend : blends) rounded_.Forget(blend.out);
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
  LaunchWaiting();
  wkv7_.chunks = context_.chunks;
  wkv7_.rounded = rounded_.Write(out);
  Keep(cuda::Wkv7(context_.queue, context_.batch, context_.states, wkv7_));
  wkv7_ = {};
}

}  // namespace skein::cuda
