// Weights changed by adapters: low-rank products, lengths of rows, DiSHA blocks and whole tensors, merged when a tensor
// is read. How the files of adapters name these things: files/adapter/adapter.h.
#ifndef SKEIN_MODEL_ADAPTED_WEIGHTS_H_
#define SKEIN_MODEL_ADAPTED_WEIGHTS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "model/weight_source.h"
#include "skein/plugin.h"

namespace skein {

// A tensor of an adapter.
struct AdapterTensor {
  std::string name;  // as in its file, for messages
  std::vector<uint64_t> shape;
  // Writes all values as float32, row-major. Empty: the adapter has no such tensor. Threads: any.
  std::function<absl::Status(float* values)> read = {};

  bool is_present() const { return read != nullptr; }
};

// B A, with A [rank, in] and B [out, rank]. Both are present or none is.
struct LowRankProduct {
  AdapterTensor down = {};  // A
  AdapterTensor up = {};    // B
};

// The blocks of DiSHA (Bone, MiSS) and the columns or rows that they belong to.
enum class BlockOrder : uint8_t {
  kByInput,   // RWKV-PEFT's
  kByOutput,  // PEFT's
};

// The change that one adapter makes to one tensor W [out, in] of the model; a vector counts as a matrix of one row.
// Everything that is present is done in the order of the fields.
struct TensorChange {
  std::string path;                // of the adapter, for messages
  double scale = 1;                // of products and blocks
  AdapterTensor replacement = {};  // W = it; in the shape of W's role
  LowRankProduct initial = {};     // W -= scale B A: where PiSSA's training started
  LowRankProduct trained = {};     // W += scale B A
  // DoRA: each row of W is given this length, [out]; or each column, [in].
  AdapterTensor magnitude = {};
  bool magnitude_is_of_columns = false;
  // DiSHA, in one of two forms. [r, out]: each r columns of W in turn get the transpose of it, added; the last ones
  // get its first rows. kByOutput may have fewer columns, which repeat themselves. [n, r, r], with W in blocks of r by
  // r: W += W D[b] + D[b], where b counts the blocks of columns, n = in / r, or under kByOutput of rows, n = out / r.
  AdapterTensor blocks = {};
  BlockOrder block_order = BlockOrder::kByInput;
};

// OK if all parts have their partners and fit a tensor of `spec`. INVALID_ARGUMENT names the adapter's tensor at fault.
absl::Status CheckChange(const TensorSpec& spec, const TensorChange& change);

// A source with changes on top of `base`. `changes` is parallel to base->tensors(); each list is applied in its order,
// and CheckChange has passed it. `base_path` is for messages about the values of `base`. `host` must outlive the
// result.
//
// Tensors with changes are computed in float32 each time they are read and have that type; all others are those of
// `base`. No more of the merged weights is in memory than the tensor that is read.
std::unique_ptr<WeightSource> AdaptWeights(const skein_host& host, std::unique_ptr<WeightSource> base,
                                           std::string base_path, std::vector<std::vector<TensorChange>> changes);

}  // namespace skein

#endif  // SKEIN_MODEL_ADAPTED_WEIGHTS_H_
