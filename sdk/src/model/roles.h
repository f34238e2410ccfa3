// The tensors that a model of given dimensions has: which roles, in which layers, of which shape. The one list that
// naming, packages and descriptions share.
#ifndef SKEIN_MODEL_ROLES_H_
#define SKEIN_MODEL_ROLES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "model/config.h"

namespace skein {

// A dimension of a role's shape, by its letter in backend.h.
enum class Dim : uint8_t {
  kNone,
  kModel,
  kFfn,
  kVocab,
  kHeads,
  kHeadSize,
  kRankDecay,
  kRankIclr,
  kRankValue,
  kRankGate
};

// The letter: "C", "R_w"; "" for kNone.
const char* DimName(Dim dim);
uint32_t DimSize(Dim dim, const ModelConfig& config);

struct RoleInfo {
  uint32_t role;     // SKEIN_ROLE_*
  const char* name;  // "time.key"
  Dim dims[2];       // slowest first; the second is kNone for a vector
  bool is_matrix;    // may be stored in a smaller type: projections, low-rank factors, embedding, head
  bool per_layer;
  uint32_t first_layer;  // of those that have it, if per_layer
};

// In the order of ModelFile::tensors(): what comes before the layers, each layer's, what comes after.
absl::Span<const RoleInfo> Roles();

// nullptr for a number that is no role of this version.
const RoleInfo* FindRole(uint32_t role);

// True for the roles with is_matrix.
bool IsMatrixRole(uint32_t role);

// "embedding", "layers.3.time.key"; "role 99" for a number that is none.
std::string TensorName(uint32_t role, uint32_t layer);

std::vector<uint64_t> RoleShape(const RoleInfo& role, const ModelConfig& config);

struct ExpectedTensor {
  const RoleInfo* role;
  uint32_t layer;
};

// Every tensor of a valid config, in the order of ModelFile::tensors().
std::vector<ExpectedTensor> ExpectedTensors(const ModelConfig& config);

}  // namespace skein

#endif  // SKEIN_MODEL_ROLES_H_
