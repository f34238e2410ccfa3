// The ops of equations/ops.h on a device: each enqueues kernels, and the host waits for nothing. Where one kernel does
// what several ops say (kernels/wkv5.h, wkv7.h), the first of them note their arguments and the last one launches. And
// products wait for the op behind them, which may be their end: what such an op takes from them is written by no one.
#ifndef SKEIN_BACKENDS_CUDA_OPS_H_
#define SKEIN_BACKENDS_CUDA_OPS_H_

#include <cuda_runtime.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "cuda/device_weights.h"
#include "cuda/expanded_products.h"
#include "cuda/kernels/batch.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/norm_shift.h"
#include "cuda/kernels/products.h"
#include "cuda/kernels/sample.h"
#include "cuda/kernels/wkv5.h"
#include "cuda/kernels/wkv7.h"
#include "cuda/library_products.h"
#include "cuda/product_choice.h"
#include "cuda/rounded_copies.h"
#include "cuda/state_form.h"
#include "cuda/step_graphs.h"
#include "equations/operands.h"
#include "equations/ops_concepts.h"

namespace skein::cuda {

// Where logits go: through a block of the device's memory with room for some of them at a time. Addresses are the
// device's but for `host`.
struct LogitsPlace {
  kit::Rows device;        // as many rows as have room at once
  uint32_t num_rows;       // that are computed
  LogitWishArrays wishes;  // of those rows
  LogitResult* results;    // [num_rows]; until the logits are reduced, those of the step before
  RankedLogit* greatest;   // [num_rows][SKEIN_MAX_TOP_K]
  float* host;             // page-locked, [num_host_rows][V]; NULL: nothing is copied from here
  uint32_t num_host_rows;  // the first of the rows
  LogitScratch scratch;
};

// The surroundings of the ops of one step. Addresses are the device's.
struct OpsContext {
  Queue queue;
  Batch batch;
  States states;
  const StateForm& form;
  LogitsPlace logits;
  LibraryProducts* library;    // NULL: there is none
  ExpandedProducts* expanded;  // NULL: codes stay codes
  float* sparse_scratch;       // SparseScratchFloats of the largest matrix with columns
  PartScratch part_scratch;
  RoundedPlaces rounded;     // without data: rows have no copies
  uint32_t head_size;        // 0 in generation 4
  uint32_t compute_type;     // of the segment
  uint32_t capability;       // of the device
  bool has_nibble_products;  // for few rows
  bool has_wide_tiles;       // products on the tensor cores take the tile with the least count (tile_choice.h)
  Chunks chunks;             // of long sequences
};

// Ops do not throw: the first error is kept.
class Ops {
 public:
  using Matrix = DeviceMatrix;
  using EmbeddingRows = DeviceEmbedding;

  // The context outlives the ops.
  explicit Ops(const OpsContext& context) : context_(context), rounded_(context.rounded) {}

  cudaError_t error() const { return error_; }
  // What the library was given.
  const LibraryWork& library_work() const { return library_work_; }

  void Embed(const EmbeddingRows& embedding, const kit::Norm& norm, kit::Rows x);
  void NormShift(kit::Rows x, const kit::Norm& norm, size_t state, std::initializer_list<kit::Blend> blends,
                 const kit::ShiftedRows& kept = {});
  void Multiply(std::initializer_list<kit::Product<Matrix>> products);
  void NormOutputs(kit::Rows x, const kit::Norm& norm, kit::Rows hidden);
  void Logits(const Matrix& weight, kit::Rows hidden);

  void GatedAdd(kit::Rows x, kit::Rows gate, kit::Rows value);

  void Wkv4(const kit::Wkv4Inputs& inputs, size_t state, kit::Rows y);

  void Wkv5(const kit::Wkv5Inputs& inputs, size_t state, kit::Rows y);
  void NormGate(kit::Rows y, const kit::Norm& norm, kit::Rows g, kit::Rows out);

  void DataShift(const kit::ShiftedRows& rows, std::initializer_list<kit::DataBlend> blends);
  void Decay6(kit::Rows decay, const float* bias, kit::Rows w);

  void Decay7(kit::Rows decay, const float* bias, kit::Rows w);
  void Keys(const kit::KeysInputs& inputs, const kit::KeysOutputs& outputs);
  void ValueResidual(const kit::ValueResidualInputs& inputs, kit::Rows v);
  void Wkv7(const kit::Wkv7Inputs& inputs, size_t state, kit::Rows y);
  void NormBonusGate(kit::Rows y, const kit::Norm& norm, const kit::Wkv7Inputs& inputs, const float* bonus, kit::Rows g,
                     kit::Rows out);

  // Behind the last op: enqueues what still waits.
  void Finish() { LaunchWaiting(); }

 private:
  struct WaitingProduct {
    kit::Product<Matrix> product;
    ProductEnd end;

    DeviceProduct OnDevice() const {
      return {product.weight->rows, product.in, product.out, product.then, end, {}, {}};
    }
  };

  void Keep(cudaError_t error) {
    if (error_ == cudaSuccess) error_ = error;
  }

  // The choice for a matrix and inputs of so many rows: of all paths, or of those that take products together.
  enum class Paths { kAll, kTogether };
  ProductChoice Choose(const Matrix& matrix, uint32_t num_rows, Paths paths) const;
  // A product with the copies of its rows; `writes_copy`: its path writes that of its results.
  DeviceProduct WithCopies(const WaitingProduct& product, bool writes_copy);
  // Launches a product by a path that takes one at a time. False: it is to go with others. `multiplications`: those of
  // the library.
  bool LaunchAlone(const WaitingProduct& product, uint32_t num_rows_for_choice, uint64_t& multiplications);
  // Launches products, those together that go by the same choice. At most 32.
  void Launch(std::span<const WaitingProduct> products, uint32_t num_rows_for_choice, uint64_t& multiplications);
  Tile TileOf(const ProductList& list, Inputs inputs);
  void LaunchTogether(const ProductChoice& choice, const ProductList& list);
  void LaunchWaiting();

  // Whether the step has so few rows that low-rank products go with the kernels beside them.
  bool IsFused() const {
    return context_.batch.num_rows <= kMostFusedRows && !IsChunked(context_.chunks, context_.batch.num_rows);
  }
  // Launches the shift that waits with these products of its blend, if one kernel does both.
  bool LaunchShift(std::initializer_list<kit::Product<Matrix>> products);

  // The waiting product that is stored in `out`, if its path can give it another end; else NULL.
  WaitingProduct* FindWaiting(const kit::Rows& out);
  // Gives a waiting product its end, with which it goes to `out`.
  static void AddTo(kit::Rows out, const ProductEnd& end, WaitingProduct& product);

  const OpsContext& context_;
  RoundedCopies rounded_;
  cudaError_t error_ = cudaSuccess;
  LibraryWork library_work_;
  std::array<WaitingProduct, kMaxProducts> waiting_ = {};
  uint32_t num_waiting_ = 0;
  NormShiftArguments shift_ = {};    // waits, if it has rows
  NormShiftArguments earlier_ = {};  // whose shift row the next NormShift is to write, if it has rows
  Wkv5Arguments wkv5_ = {};          // noted
  Wkv7Arguments wkv7_ = {};
};

static_assert(kit::Rwkv4Ops<Ops> && kit::Rwkv5Ops<Ops> && kit::Rwkv6Ops<Ops> && kit::Rwkv7Ops<Ops>);

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_OPS_H_
