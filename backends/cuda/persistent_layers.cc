#include "cuda/persistent_layers.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

#include "cuda/cuda_error.h"
#include "cuda/product_choice.h"

namespace skein::cuda {
namespace {

using Layer = kit::Rwkv7Layer<DeviceMatrix>;

// In the order of LayerMatrix.
std::array<const DeviceMatrix*, kNumLayerMatrices> MatricesOf(const Layer& layer) {
  return {layer.receptance, layer.key,       layer.value,       layer.decay_down,   layer.iclr_down,
          layer.value_down, layer.gate_down, layer.decay_up,    layer.iclr_up,      layer.value_up,
          layer.gate_up,    layer.output,    layer.channel_key, layer.channel_value};
}

// The same but for the data, which may be none.
bool AreAlike(const LayerMatrixShape& a, const LayerMatrixShape& b) {
  return a.num_rows == b.num_rows && a.num_columns == b.num_columns && a.row_bytes == b.row_bytes;
}

// Takes the shapes of all layers' matrices. False: they differ from layer to layer, or in type.
bool TakeShapes(const PersistentLayers::Weights& weights, PersistentArguments& arguments) {
  arguments.type = weights.layers[0].receptance->rows.type;
  for (const Layer& layer : weights.layers) {
    const auto matrices = MatricesOf(layer);
    for (uint32_t m = 0; m < kNumLayerMatrices; ++m) {
      if (matrices[m] == nullptr) continue;
      const MatrixView& view = matrices[m]->rows;
      const LayerMatrixShape shape = {view.num_rows, view.num_columns, view.row_bytes};
      if (view.type != arguments.type) return false;
      if (arguments.shapes[m].num_rows == 0) arguments.shapes[m] = shape;
      if (!AreAlike(arguments.shapes[m], shape)) return false;
    }
  }
  return true;
}

bool ArePossible(uint32_t capability, const skein_segment_desc& desc) {
  const skein_backend_model& model = desc.model;
  return capability >= kTileCapability && desc.num_layers > 0 && model.head_size == kPersistentHeadSize &&
         model.d_model % kPersistentHeadSize == 0 && model.d_model <= kMostPersistentChannels && model.d_ffn % 4 == 0;
}

PersistentLayer TableRow(const Layer& layer, const StateForm& form) {
  PersistentLayer row = {};
  const auto matrices = MatricesOf(layer);
  for (uint32_t m = 0; m < kNumLayerMatrices; ++m) row.matrices[m] = matrices[m] ? matrices[m]->rows.data : nullptr;
  const float* const mixes[kNumShifted] = {layer.mix_r, layer.mix_k, layer.mix_v, layer.mix_w,
                                           layer.mix_a, layer.mix_v, layer.mix_g};
  std::copy(std::begin(mixes), std::end(mixes), row.mixes);
  row.time_weight = layer.time_norm.weight;
  row.time_bias = layer.time_norm.bias;
  row.decay_bias = layer.decay_bias;
  row.rate_bias = layer.iclr_bias;
  row.key_k = layer.key_k;
  row.key_a = layer.key_a;
  row.value_bias = layer.is_first ? nullptr : layer.value_bias;
  row.bonus = layer.bonus;
  row.head_weight = layer.group_norm.weight;
  row.head_bias = layer.group_norm.bias;
  row.channel_weight = layer.channel_norm.weight;
  row.channel_bias = layer.channel_norm.bias;
  row.channel_mix = layer.channel_mix;
  row.time_shift = form.ByteOffset(layer.state.time_shift);
  row.channel_shift = form.ByteOffset(layer.state.channel_shift);
  row.wkv = form.ByteOffset(layer.state.wkv);
  return row;
}

}  // namespace

std::optional<PersistentLayers> PersistentLayers::Make(uint32_t device, uint32_t capability,
                                                       const skein_segment_desc& desc, const StateForm& form,
                                                       const Weights& weights, cudaStream_t stream) {
  PersistentLayers made;
  PersistentArguments& arguments = made.arguments_;
  if (!ArePossible(capability, desc) || !TakeShapes(weights, arguments)) return std::nullopt;
  if (arguments.type != WeightType::kF16 && arguments.type != WeightType::kBf16) return std::nullopt;
  arguments.num_layers = desc.num_layers;
  arguments.d_model = desc.model.d_model;
  arguments.inputs = InputsOf(desc.compute_type);
  arguments.norm_epsilon = desc.model.norm_epsilon;
  arguments.head_epsilon = desc.model.group_norm_epsilon;
  CheckCuda(device, PersistentBlocks(arguments, form.wkv_type(), made.num_blocks_), "persistent step");
  if (made.num_blocks_ == 0) return std::nullopt;

  std::vector<PersistentLayer> table;
  for (const Layer& layer : weights.layers) table.push_back(TableRow(layer, form));
  made.layers_ = DeviceArray<PersistentLayer>(device, table.size(), "table of layers");
  made.arrivals_ = decltype(made.arrivals_)(device, 1, "table of layers");
  arguments.layers = made.layers_.data();
  arguments.arrivals = made.arrivals_.data();
  CheckCuda(device,
            cudaMemcpyAsync(made.layers_.data(), table.data(), table.size() * sizeof(PersistentLayer),
                            cudaMemcpyHostToDevice, stream),
            "table of layers");
  CheckCuda(device, cudaMemsetAsync(made.arrivals_.data(), 0, sizeof(*made.arrivals_.data()), stream),
            "table of layers");
  CheckCuda(device, cudaStreamSynchronize(stream), "table of layers");
  return made;
}

uint64_t PersistentLayers::Bytes(const skein_segment_desc& desc) {
  return DeviceArray<PersistentLayer>::Bytes(desc.num_layers) + sizeof(*PersistentArguments().arrivals);
}

cudaError_t PersistentLayers::Run(const Queue& queue, const Batch& batch, const States& states,
                                  const kit::Rwkv7Activations& act) const {
  PersistentArguments arguments = arguments_;
  arguments.x = act.x.data;
  arguments.v_first = act.v_first.data;
  arguments.r = act.r.data;
  arguments.key = act.key.data;
  arguments.value = act.value.data;
  arguments.gated = act.gated.data;
  arguments.channel = act.channel.data;
  const kit::Rows* const ranks[kNumRanks] = {&act.decay_rank, &act.rate_rank, &act.value_rank, &act.gate_rank};
  for (uint32_t i = 0; i < kNumRanks; ++i) arguments.ranks[i] = ranks[i]->data;
  return PersistentStep(queue, batch, states, arguments, num_blocks_);
}

}  // namespace skein::cuda
