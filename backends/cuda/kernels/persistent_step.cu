// The layers of RWKV-7 for one row, in one cooperative launch.
//   Launch: a block of 512 threads a multiprocessor, fewer where no matrix has work for so many. Every block walks
//   through the same five stages of a layer, with a barrier of the grid between them:
//     1. norm and token shift, by every block for itself; r, k, v and the first factors of the low-rank products
//     2. by head: the second factors; decay, keys, recurrence, group norm, bonus and gate
//     3. output, added to x
//     4. norm and token shift, by every block; channel key, squared ReLU
//     5. channel value, added to x
//   A block has a run of the outputs of each matrix, or whole heads; a warp has one output at a time.
//   Bytes: those of the weights and states. The weights are a stream (weight_stream.h) with 120 KB on their way to each
//   multiprocessor, which memory at 4.3 TB/s on 132 of them brings in 3.8 us: so memory goes on while a stage begins,
//   1.4 us or so, and while heads are run. What came meanwhile is used up afterwards: some 54 instructions for a vector
//   of 16 bytes make 60 KB/us of a multiprocessor, 1.8 times what memory brings.
//   Latency of a stage: the barrier 1.0 us, the inputs out of the second level cache 0.3, sums and barriers of the
//   block 0.1, or 0.3 with a norm; a warp's row of 1,024 weights 0.3; a head 0.9 and its second factors 0.7. A layer
//   takes 11.0 us in the 0.1B model, whose bytes take 3.6, where eight launches take 15. It is 26 us in the 1.5B
//   model, bytes 25 and launches 37, and 100 us in the 7.2B model, bytes 98 and launches 110. These are counts
//   (check/step_count.py): nothing here was measured.
//   Synchronisation: besides the grid's barriers, one of the block when inputs are staged and one before they are
//   overwritten. What a block reads before it waits for the others is what no stage before writes: weights, and states,
//   whose shift rows are written by one block a stage after all have read them.
// The equations are those of norm_shift.cu, row_products.cu and wkv7.cu, from the same headers, and so are the bits.
#include <algorithm>

#include "cuda/kernels/device_code.h"
#include "cuda/kernels/grid_barrier.h"
#include "cuda/kernels/persistent_step.h"
#include "cuda/kernels/product_ends.h"
#include "cuda/kernels/row_norm.h"
#include "cuda/kernels/slot.h"
#include "cuda/kernels/warp_product.h"
#include "cuda/kernels/weight_stream.h"
#include "cuda/kernels/wkv7_head.h"

namespace skein::cuda {
namespace {

constexpr uint32_t kThreads = 512;
constexpr uint32_t kWarps = kThreads / kWarp;
constexpr uint32_t kPlaces = 16;  // vectors of weights of a thread, one of them in use
// Norms are summed in the order of norm_shift.cu, whose blocks have so many threads. Both halves of a block do so.
constexpr uint32_t kNormThreads = 256;
constexpr uint32_t kHeld = 8;  // elements of a row that a thread of these keeps in registers
constexpr uint32_t kChannels = kMostPersistentChannels / kThreads;  // of a thread: c, c + kThreads, ...
constexpr uint32_t kStepColumns = WarpProductShape<WeightType::kF16, 1>::kStepColumns;
static_assert(kPersistentHeadSize == kHeadChannels);
constexpr uint32_t kMostParts = kNumShifted + kMostHeadsOfABlock * kNumRanks + 3;

constexpr uint32_t kTogether = kHeadChannels / kWarps;  // a warp's rows of a second factor
static_assert(kTogether == 4);

// Floats of a row of inputs in shared memory, with zeros up to whole steps of a warp.
__host__ __device__ constexpr uint32_t StagedColumns(uint32_t columns) {
  return (columns + kStepColumns - 1) / kStepColumns * kStepColumns;
}
__host__ __device__ constexpr uint32_t StagedFloats(uint32_t columns) { return Padded(StagedColumns(columns)); }

// A block's shared memory. Behind it lie the table of the layers and the inputs.
struct BlockMemory {
  uint4 weights[kPlaces * kThreads];
  SharedRow<kHeadChannels> row;
  float y[kHeadChannels];
  SharedWeights head_weights;
  SharedInputs head_inputs;
  MomentsScratch<kNormThreads> moments[kThreads / kNormThreads];
  BlockPart parts[kMostParts];
  uint32_t num_parts;
};
// Where SharedInputs has what a second factor makes: decay, rate, value_gate and g.
__device__ __forceinline__ uint32_t HeadInputOf(uint32_t rank) { return rank < 2 ? 2 * rank + 1 : rank + 4; }

uint32_t SharedBytes(const PersistentArguments& in) {
  uint32_t ranks = 0;
  for (uint32_t i = 0; i < kNumRanks; ++i) ranks += StagedFloats(in.shapes[kDecayDown + i].num_rows);
  const uint32_t staged =
      std::max({ranks, StagedFloats(in.d_model), StagedFloats(in.shapes[kChannelValue].num_columns)});
  return static_cast<uint32_t>(sizeof(BlockMemory) + in.num_layers * sizeof(PersistentLayer) + staged * sizeof(float));
}

// The part of the block in `count` things.
struct Range {
  uint32_t begin, end;
};
__device__ __forceinline__ Range OwnRange(uint32_t count) {
  return {blockIdx.x * count / gridDim.x, (blockIdx.x + 1) * count / gridDim.x};
}

// Lists the block's parts in their order. Returns how many there are.
__device__ uint32_t ListParts(const PersistentArguments& in, BlockPart* parts) {
  uint32_t count = 0, total = 0;
  for (uint32_t m = 0; m < kNumShifted; ++m) total += in.shapes[m].num_rows;
  const Range own = OwnRange(total);
  uint32_t begin = 0;
  for (uint32_t m = 0; m < kNumShifted; ++m) {
    const uint32_t end = begin + in.shapes[m].num_rows;
    const uint32_t first = max(begin, own.begin), last = min(end, own.end);
    if (first < last) parts[count++] = {m, first - begin, last - first, 1};
    begin = end;
  }
  for (uint32_t head = blockIdx.x; head < in.d_model / kHeadChannels; head += gridDim.x) {
    for (uint32_t m = kDecayUp; m <= kGateUp; ++m) {
      parts[count++] = {m, head * kHeadChannels, kHeadChannels, kTogether};
    }
  }
  for (uint32_t m = kOutput; m <= kChannelValue; ++m) {
    const Range rows = OwnRange(in.shapes[m].num_rows);
    if (rows.begin < rows.end) parts[count++] = {m, rows.begin, rows.end - rows.begin, 1};
  }
  return count;
}

// The sums over the warp of four numbers of each lane, with the bits of WarpSum, in a quarter of its shuffles' time.
// Lane l gets that of number l / 8.
__device__ __forceinline__ float WarpSumOfFour(const float (&x)[4][1]) {
  const auto exchanged = [](float lower, float upper, uint32_t distance) {
    const bool is_upper = (threadIdx.x & distance) != 0;
    const float other = __shfl_xor_sync(kFullWarp, is_upper ? lower : upper, distance);
    return (is_upper ? upper : lower) + other;
  };
  float sum = exchanged(exchanged(x[0][0], x[2][0], 16), exchanged(x[1][0], x[3][0], 16), 8);
  for (uint32_t distance = 4; distance > 0; distance /= 2) sum += __shfl_xor_sync(kFullWarp, sum, distance);
  return sum;
}

// What a token shift needs of a thread's channels beside x.
struct ShiftOperands {
  float weight[kChannels], bias[kChannels], before[kChannels];
  float mix[kChannels], next_mix[kChannels];  // of the block's first two parts
};

template <WeightType kType, typename Element>
class RowStep {
 public:
  __device__ RowStep(const Batch& batch, const States& states, const PersistentArguments& in, BlockMemory& memory,
                     const PersistentLayer* layers, float* staged)
      : states_(states),
        in_(in),
        memory_(memory),
        layers_(layers),
        staged_(staged),
        read_slot_(batch.sequences[0].read_slot),
        write_slot_(batch.sequences[0].write_slot),
        weights_(in, layers, memory.parts, memory.num_parts, memory.weights),
        barrier_(in.arrivals) {}

  __device__ void Run() {
    float n[kChannels];
    ShiftOperands shift = LoadTimeShift(layers_[0]);
    for (uint32_t l = 0; l < in_.num_layers; ++l) {
      const PersistentLayer& layer = layers_[l];
      part_ = 0;
      if (l > 0) barrier_.Wait();
      ShiftNorm(shift, n);
      MultiplyShifted(layer, shift, n);
      barrier_.Arrive();
      HeadState before = LoadHead(layer, blockIdx.x);
      barrier_.Wait();
      StoreShiftRow(layer.time_shift, n);
      RunHeads(layer, before);
      barrier_.Arrive();
      barrier_.Wait();
      MultiplyAndAdd(kOutput, in_.gated);
      barrier_.Arrive();
      shift = LoadChannelShift(layer);
      barrier_.Wait();
      ShiftNorm(shift, n);
      MultiplyChannelKey(shift, n);
      barrier_.Arrive();
      barrier_.Wait();
      StoreShiftRow(layer.channel_shift, n);
      MultiplyAndAdd(kChannelValue, in_.channel);
      if (l + 1 == in_.num_layers) return;
      barrier_.Arrive();
      shift = LoadTimeShift(layers_[l + 1]);
    }
  }

 private:
  // A thread's share of the state of a head, as it was before the step.
  using HeadState = RawQuarter<Element>;

  // Calls visit(i, c) for each channel c of the thread.
  template <typename Visit>
  __device__ __forceinline__ void ForChannels(const Visit& visit) const {
#pragma unroll
    for (uint32_t i = 0; i < kChannels; ++i) {
      const uint32_t c = threadIdx.x + i * kThreads;
      if (c < in_.d_model) visit(i, c);
    }
  }

  // --- steps ① and ⑤: norm and token shift ---

  __device__ __forceinline__ ShiftOperands LoadShift(const float* weight, const float* bias, size_t state,
                                                     const float* mix, const float* next_mix) const {
    const float* const before = SlotPart<float>(states_, read_slot_, state);
    ShiftOperands shift = {};
    ForChannels([&](uint32_t i, uint32_t c) {
      shift.weight[i] = weight[c];
      shift.bias[i] = bias[c];
      shift.before[i] = before[c];
      if (mix != nullptr) shift.mix[i] = mix[c];
      if (next_mix != nullptr) shift.next_mix[i] = next_mix[c];
    });
    return shift;
  }
  // The mix of the block's part `part` of the first matrices; NULL: it has no such part.
  __device__ __forceinline__ const float* MixOf(const PersistentLayer& layer, uint32_t part) const {
    const bool is_shifted = part < memory_.num_parts && memory_.parts[part].matrix < kNumShifted;
    return is_shifted ? layer.mixes[memory_.parts[part].matrix] : nullptr;
  }
  __device__ __forceinline__ ShiftOperands LoadTimeShift(const PersistentLayer& layer) const {
    return LoadShift(layer.time_weight, layer.time_bias, layer.time_shift, MixOf(layer, 0), MixOf(layer, 1));
  }
  __device__ __forceinline__ ShiftOperands LoadChannelShift(const PersistentLayer& layer) const {
    return LoadShift(layer.channel_weight, layer.channel_bias, layer.channel_shift, layer.channel_mix, nullptr);
  }

  // n = LayerNorm(x) of the thread's channels. The row lies in `staged_` meanwhile.
  __device__ __forceinline__ void ShiftNorm(const ShiftOperands& shift, float (&n)[kChannels]) {
    ForChannels([&](uint32_t i, uint32_t c) { n[i] = in_.x[c]; });
    ForChannels([&](uint32_t i, uint32_t c) { staged_[c] = n[i]; });
    __syncthreads();
    const float* const x = staged_;
    const auto held = HoldRow<kNormThreads, kHeld>([x](uint32_t c) { return x[c]; }, in_.d_model);
    // Behind the last of its barriers nobody reads the row.
    const Moments moments = RowMoments(held, in_.norm_epsilon, memory_.moments[threadIdx.x / kNormThreads]);
    ForChannels([&](uint32_t i, uint32_t) { n[i] = Normalized(n[i], moments, shift.weight[i], shift.bias[i]); });
  }

  // n + (n' - n) ⊙ mix as inputs.
  __device__ __forceinline__ void StageBlend(const float (&n)[kChannels], const float (&before)[kChannels],
                                             const float (&mix)[kChannels]) {
#pragma unroll
    for (uint32_t i = 0; i < kChannels; ++i) {
      const uint32_t c = threadIdx.x + i * kThreads;
      if (c >= StagedColumns(in_.d_model)) continue;
      const float blend = n[i] + (before[i] - n[i]) * mix[i];
      staged_[Padded(c)] = c < in_.d_model ? Rounded(blend, in_.inputs) : 0.0f;
    }
    __syncthreads();
  }

  // One block writes the row for all: each has read the one before, since it has come to the barrier in front.
  __device__ __forceinline__ void StoreShiftRow(size_t state, const float (&n)[kChannels]) const {
    float* const row = SlotPart<float>(states_, write_slot_, state);
    if (row == nullptr || blockIdx.x != gridDim.x - 1) return;
    ForChannels([&](uint32_t i, uint32_t c) { row[c] = n[i]; });
  }

  // --- products ---

  // Adds up the block's next part: finish(row, sum, prepare(row)) by one lane for each row of the matrix, whose inputs
  // are at `staged`. `prepare` loads what need not wait for the sum.
  template <typename Prepare, typename Finish>
  __device__ __forceinline__ void Multiply(const float* staged, const Prepare& prepare, const Finish& finish) {
    const BlockPart part = memory_.parts[part_++];
    const uint32_t lane = threadIdx.x % kWarp;
    const uint32_t columns = StagedColumns(in_.shapes[part.matrix].num_columns);
    for (uint32_t i = threadIdx.x / kWarp; i < part.num_rows; i += kWarps) {
      const uint32_t row = part.first_row + i;
      auto prepared = decltype(prepare(row)){};
      if (lane == 0) prepared = prepare(row);
      float sums[1][1] = {};
      const float* x = staged + Padded(lane * ElementsOf(kType));
      for (uint32_t begin = 0; begin < columns; begin += kStepColumns) {
        const WeightVector<kType> weights[1] = {weights_.Take()};
        AddStep<kType, 1, 1, 0>(weights, x + Padded(begin), sums);
      }
      const float sum = WarpSum(sums[0][0]);
      if (lane == 0) finish(row, sum, prepared);
    }
  }
  struct Nothing {};
  template <typename Finish>
  __device__ __forceinline__ void Multiply(const float* staged, const Finish& finish) {
    Multiply(
        staged, [](uint32_t) { return Nothing(); }, [&](uint32_t row, float sum, Nothing) { finish(row, sum); });
  }
  // Whether the block's next part is one of this matrix.
  __device__ __forceinline__ bool HasPart(uint32_t matrix) const {
    return part_ < memory_.num_parts && memory_.parts[part_].matrix == matrix;
  }

  // Stages a row whose width is a multiple of four. Threads must not use what lies there any more.
  __device__ __forceinline__ void StageRow(const float* row, uint32_t width) {
    constexpr uint32_t kPieces = 4;                              // of a thread that are on their way
    const kit::Rows rows = {const_cast<float*>(row), 1, width};  // it is read alone
    for (uint32_t first = 4 * threadIdx.x; first < StagedColumns(width); first += kPieces * 4 * kThreads) {
      float4 x[kPieces];
#pragma unroll
      for (uint32_t i = 0; i < kPieces; ++i) x[i] = LoadInputs(rows, 0, first + i * 4 * kThreads, true);
#pragma unroll
      for (uint32_t i = 0; i < kPieces; ++i) {
        const uint32_t column = first + i * 4 * kThreads;
        if (column >= StagedColumns(width)) continue;
        *reinterpret_cast<float4*>(staged_ + Padded(column)) = Rounded(x[i], in_.inputs);
      }
    }
    __syncthreads();
  }

  __device__ __forceinline__ void MultiplyShifted(const PersistentLayer& layer, const ShiftOperands& shift,
                                                  const float (&n)[kChannels]) {
    float mix[kChannels];
    ForChannels([&](uint32_t i, uint32_t) { mix[i] = shift.mix[i]; });
    for (uint32_t first = part_; part_ < memory_.num_parts && memory_.parts[part_].matrix < kNumShifted;) {
      const uint32_t matrix = memory_.parts[part_].matrix;
      if (part_ > first) {
        const bool is_here = part_ == first + 1;
        ForChannels([&](uint32_t i, uint32_t c) { mix[i] = is_here ? shift.next_mix[i] : layer.mixes[matrix][c]; });
        __syncthreads();  // the inputs of the part before are not used any more
      }
      if (layer.matrices[matrix] == nullptr) {
        ++part_;
        continue;
      }
      StageBlend(n, shift.before, mix);
      float* const out = ShiftedOutput(layer, matrix);
      const kit::Then then = matrix == kDecayDown  ? kit::Then::kTanh
                             : matrix == kGateDown ? kit::Then::kSigmoid
                                                   : kit::Then::kStore;
      Multiply(staged_, [&](uint32_t row, float sum) { out[row] = Finished(then, sum, 0.0f); });
    }
  }
  __device__ __forceinline__ float* ShiftedOutput(const PersistentLayer& layer, uint32_t matrix) const {
    if (matrix == kReceptance) return in_.r;
    if (matrix == kKey) return in_.key;
    if (matrix == kValue) return HasValueResidual(layer) ? in_.value : in_.v_first;
    return in_.ranks[matrix - kDecayDown];
  }
  static __device__ __forceinline__ bool HasValueResidual(const PersistentLayer& layer) {
    return layer.matrices[kValueDown] != nullptr;
  }

  __device__ __forceinline__ void MultiplyChannelKey(const ShiftOperands& shift, const float (&n)[kChannels]) {
    StageBlend(n, shift.before, shift.mix);
    if (!HasPart(kChannelKey)) return;
    Multiply(staged_, [&](uint32_t row, float sum) { in_.channel[row] = Finished(kit::Then::kReluSquare, sum, 0.0f); });
  }

  // x = x + W row. A row of x belongs to one lane in both of these stages.
  __device__ __forceinline__ void MultiplyAndAdd(uint32_t matrix, const float* row) {
    StageRow(row, in_.shapes[matrix].num_columns);
    if (!HasPart(matrix)) return;
    float* const x = in_.x;
    Multiply(
        staged_,
        [x](uint32_t i) {
          return EndOperands{x[i], 1.0f, 0.0f};
        },
        [x](uint32_t i, float sum, const EndOperands& end) { x[i] = Finished(kit::Then::kAdd, sum, end); });
  }

  // --- step ③ ---

  // The first kHeadThreads threads have the state.
  __device__ __forceinline__ bool HasState() const { return threadIdx.x < kHeadThreads; }
  __device__ __forceinline__ size_t StateRow(uint32_t head) const {
    return (size_t{head} * kHeadChannels + threadIdx.x / kQuads) * kHeadChannels;
  }

  // Loads the state and the weights of a head, if there is such a head.
  __device__ __forceinline__ HeadState LoadHead(const PersistentLayer& layer, uint32_t head) {
    HeadState before = {};
    if (head >= in_.d_model / kHeadChannels || !HasState()) return before;
    before.Load(SlotPart<Element>(states_, read_slot_, layer.wkv) + StateRow(head));
    Wkv7Arguments arguments = {};
    arguments.decay_bias = layer.decay_bias;
    arguments.keys.rate_bias = layer.rate_bias;
    arguments.keys.key_k = layer.key_k;
    arguments.keys.key_a = layer.key_a;
    arguments.v_first.data = HasValueResidual(layer) ? in_.v_first : nullptr;
    arguments.value_bias = layer.value_bias;
    arguments.bonus = layer.bonus;
    arguments.norm = {layer.head_weight, layer.head_bias, in_.head_epsilon};
    memory_.head_weights.Fill(SharedWeights::Load(arguments, head));
    return before;
  }

  // The inputs of a head that stage 1 has made, and zeros for those that the first layer does not have.
  __device__ __forceinline__ void FillHeadInputs(const PersistentLayer& layer, uint32_t head) {
    const bool has_residual = HasValueResidual(layer);
    auto& inputs = memory_.head_inputs.at;
    if (threadIdx.x >= kHeadChannels) return;
    const uint32_t c = threadIdx.x, channel = head * kHeadChannels + c;
    inputs[0][c] = in_.r[channel];
    inputs[2][c] = in_.key[channel];
    inputs[4][c] = has_residual ? in_.value[channel] : in_.v_first[channel];
    inputs[5][c] = has_residual ? in_.v_first[channel] : 0.0f;
    if (!has_residual) inputs[HeadInputOf(kValueUp - kDecayUp)][c] = 0;
  }

  __device__ __forceinline__ void StageRanks(const PersistentLayer& layer) {
    float* staged = staged_;
    for (uint32_t i = 0; i < kNumRanks; ++i) {
      const uint32_t rank = in_.shapes[kDecayUp + i].num_columns;
      const bool is_made = layer.matrices[kDecayUp + i] != nullptr;
      for (uint32_t c = threadIdx.x; is_made && c < StagedColumns(rank); c += kThreads) {
        staged[Padded(c)] = c < rank ? Rounded(in_.ranks[i][c], in_.inputs) : 0.0f;
      }
      staged += StagedFloats(rank);
    }
  }

  // Adds up the block's next part, of a second factor, into the channels of its head.
  __device__ __forceinline__ void MultiplyTogether(const float* staged, float* out) {
    const uint32_t columns = StagedColumns(in_.shapes[memory_.parts[part_++].matrix].num_columns);
    const uint32_t lane = threadIdx.x % kWarp;
    const float* x = staged + Padded(lane * ElementsOf(kType));
    float sums[kTogether][1] = {};
    for (uint32_t begin = 0; begin < columns; begin += kStepColumns) {
      WeightVector<kType> weights[kTogether];
#pragma unroll
      for (uint32_t i = 0; i < kTogether; ++i) weights[i] = weights_.Take();
      AddStep<kType, 1, kTogether, 0>(weights, x + Padded(begin), sums);
    }
    const float sum = WarpSumOfFour(sums);
    if (lane % 8 == 0) out[threadIdx.x / kWarp + lane / 8 * kWarps] = sum;
  }

  __device__ __forceinline__ void MultiplyRanks(const PersistentLayer& layer) {
    const float* staged = staged_;
    for (uint32_t i = 0; i < kNumRanks; ++i) {
      const uint32_t matrix = kDecayUp + i;
      if (layer.matrices[matrix] == nullptr) {
        ++part_;
      } else {
        MultiplyTogether(staged, memory_.head_inputs.at[HeadInputOf(i)]);
      }
      staged += StagedFloats(in_.shapes[matrix].num_columns);
    }
  }

  // `before`: of the block's first head.
  __device__ __forceinline__ void RunHeads(const PersistentLayer& layer, HeadState& before) {
    const uint32_t num_heads = in_.d_model / kHeadChannels;
    if (blockIdx.x >= num_heads) return;
    StageRanks(layer);
    for (uint32_t head = blockIdx.x; head < num_heads; head += gridDim.x) {
      if (head != blockIdx.x) {
        __syncthreads();  // the head before has used its weights and inputs
        before = LoadHead(layer, head);
      }
      FillHeadInputs(layer, head);
      __syncthreads();
      MultiplyRanks(layer);
      __syncthreads();
      RunHead(layer, head, before);
    }
  }

  __device__ __forceinline__ void RunHead(const PersistentLayer& layer, uint32_t head, const HeadState& before) {
    constexpr uint32_t kOfLane = kHeadChannels / kWarp;
    const uint32_t lane = threadIdx.x % kWarp;
    const bool is_first_warp = threadIdx.x < kWarp;
    float bonus_weight = 0;
    if (is_first_warp) {
      const auto row = Prepare(memory_.head_inputs.Read<kOfLane>(lane), memory_.head_weights.Read<kOfLane>(lane),
                               HasValueResidual(layer), SumOfWarp());
      bonus_weight = row.bonus_weight;
      Share(row, kHeadChannels, lane, memory_.row);
    }
    __syncthreads();
    if (HasState()) {
      StateQuarter<Element> state = before.Expanded();
      const uint32_t value = threadIdx.x / kQuads;
      const float y = Step(memory_.row, memory_.row.v[value], state);
      if (threadIdx.x % kQuads == 0) memory_.y[value] = y;
      Element* const after = SlotPart<Element>(states_, write_slot_, layer.wkv);
      if (after != nullptr) state.StoreTo(after + StateRow(head));
    }
    __syncthreads();
    if (!is_first_warp) return;
    const auto y = LoadChannels<kOfLane>(memory_.y, kHeadChannels, lane);
    const auto v = LoadChannels<kOfLane>(memory_.row.v, kHeadChannels, lane);
    const auto g = LoadChannels<kOfLane>(memory_.row.g, kHeadChannels, lane);
    const auto norm = memory_.head_weights.ReadNorm<kOfLane>(in_.head_epsilon, lane);
    Wkv7Arguments arguments = {};
    arguments.out.data = in_.gated;
    Finish(y, bonus_weight, v, g, norm, kHeadChannels, lane, arguments, size_t{head} * kHeadChannels);
  }

  const States& states_;
  const PersistentArguments& in_;
  BlockMemory& memory_;
  const PersistentLayer* const layers_;
  float* const staged_;
  const uint32_t read_slot_, write_slot_;
  WeightStream<kType, kThreads, kPlaces> weights_;
  GridBarrier barrier_;
  uint32_t part_ = 0;  // the next of the block's in the layer
};

template <WeightType kType, typename Element>
__global__ void __launch_bounds__(kThreads, 1)
    PersistentStepKernel(const Batch batch, const __grid_constant__ States states,
                         const __grid_constant__ PersistentArguments in) {
  auto& memory = *static_cast<BlockMemory*>(DynamicSharedMemory());
  auto* const layers = reinterpret_cast<PersistentLayer*>(&memory + 1);
  constexpr uint32_t kWords = sizeof(PersistentLayer) / sizeof(uint64_t);
  static_assert(sizeof(PersistentLayer) % sizeof(uint64_t) == 0 && sizeof(BlockMemory) % 16 == 0);
  static_assert(sizeof(PersistentLayer) % 16 == 0, "the inputs behind them are read 16 bytes at a time");
  for (uint32_t i = threadIdx.x; i < in.num_layers * kWords; i += kThreads) {
    reinterpret_cast<uint64_t*>(layers)[i] = reinterpret_cast<const uint64_t*>(in.layers)[i];
  }
  if (threadIdx.x == 0) memory.num_parts = ListParts(in, memory.parts);
  __syncthreads();
  RowStep<kType, Element> step(batch, states, in, memory, layers, reinterpret_cast<float*>(layers + in.num_layers));
  step.Run();
}

using Kernel = void (*)(Batch, States, PersistentArguments);

Kernel KernelOf(WeightType type, StateType state_type) {
  const bool is_f16 = type == WeightType::kF16;
  if (state_type == StateType::kF16) {
    return is_f16 ? PersistentStepKernel<WeightType::kF16, __half> : PersistentStepKernel<WeightType::kBf16, __half>;
  }
  return is_f16 ? PersistentStepKernel<WeightType::kF16, float> : PersistentStepKernel<WeightType::kBf16, float>;
}

}  // namespace

cudaError_t PersistentBlocks(const PersistentArguments& arguments, StateType state_type, uint32_t& num_blocks) {
  num_blocks = 0;
  int device = 0, can_be_together = 0, num_multiprocessors = 0, most_shared = 0, per_multiprocessor = 0;
  cudaError_t error = cudaGetDevice(&device);
  const auto ask = [&](int& value, cudaDeviceAttr attribute) {
    if (error == cudaSuccess) error = cudaDeviceGetAttribute(&value, attribute, device);
  };
  ask(can_be_together, cudaDevAttrCooperativeLaunch);
  ask(num_multiprocessors, cudaDevAttrMultiProcessorCount);
  ask(most_shared, cudaDevAttrMaxSharedMemoryPerBlockOptin);
  const uint32_t shared_bytes = SharedBytes(arguments);
  if (error != cudaSuccess || can_be_together == 0 || shared_bytes > static_cast<uint32_t>(most_shared)) return error;
  const Kernel kernel = KernelOf(arguments.type, state_type);
  error = cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes));
  if (error == cudaSuccess) {
    error = cudaOccupancyMaxActiveBlocksPerMultiprocessor(&per_multiprocessor, kernel, kThreads, shared_bytes);
  }
  if (error != cudaSuccess || per_multiprocessor == 0) return error;
  // A warp has at least one row of the matrix with the most.
  const uint32_t wanted = (arguments.shapes[kChannelKey].num_rows + kWarps - 1) / kWarps;
  const uint32_t blocks = std::min(wanted, static_cast<uint32_t>(num_multiprocessors));
  if (arguments.d_model / kHeadChannels <= kMostHeadsOfABlock * blocks) num_blocks = blocks;
  return cudaSuccess;
}

cudaError_t PersistentStep(const Queue& queue, const Batch& batch, const States& states,
                           const PersistentArguments& arguments, uint32_t num_blocks) {
  if (batch.num_rows != 1 || num_blocks == 0) return cudaErrorInvalidValue;
  const BlockShape block = {kThreads, SharedBytes(arguments), Blocks::kTogether};
  return Launch(queue, dim3(num_blocks), block, KernelOf(arguments.type, states.wkv_type), batch, states, arguments);
}

}  // namespace skein::cuda
