// The tensors of a model: which roles there are, and which of them a model of given dimensions has, in which layers and
// of which shape. The list itself is roles.inc.
#ifndef SKEIN_NUMBERS_ROLES_H_
#define SKEIN_NUMBERS_ROLES_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "skein/backend.h"

namespace skein {

// Versions of RWKV as a set of bits, so that tables can say in one word which of them a row is for.
using VersionSet = uint32_t;
inline constexpr VersionSet kV4 = 1;
inline constexpr VersionSet kV50 = 2;
inline constexpr VersionSet kV51 = 4;
inline constexpr VersionSet kV52 = 8;
inline constexpr VersionSet kV6 = 16;
inline constexpr VersionSet kV7 = 32;
inline constexpr VersionSet kV5 = kV50 | kV51 | kV52;
inline constexpr VersionSet kAllVersions = kV4 | kV5 | kV6 | kV7;

// A version by the two numbers that backend.h has for it.
struct Version {
  VersionSet bit;
  uint32_t generation;
  uint32_t variant;
};
inline constexpr Version kVersions[] = {{kV4, 4, 0},  {kV50, 5, 0}, {kV51, 5, 1},
                                        {kV52, 5, 2}, {kV6, 6, 0},  {kV7, 7, 0}};

// The bit of the model's generation and variant; 0 if there is no such version.
VersionSet VersionOf(const skein_backend_model& model);

// A dimension of a role's shape, which backend.h gives as a letter.
enum class Dim : uint8_t {
  kNone,
  kModel,
  kAtt,
  kFfn,
  kVocab,
  kHeads,
  kHeadSize,
  kRankMix,
  kRankDecay,
  kRankIclr,
  kRankValue,
  kRankGate
};

// Those that are ranks of low-rank factors.
inline constexpr Dim kRanks[] = {Dim::kRankMix, Dim::kRankDecay, Dim::kRankIclr, Dim::kRankValue, Dim::kRankGate};

// The letter: "C", "R_w"; "" for kNone.
const char* DimName(Dim dim);
// The field of a model: "d_model", "rank_decay"; "" for kNone.
const char* DimField(Dim dim);
// 1 for kNone.
uint32_t DimSize(Dim dim, const skein_backend_model& model);

struct RoleInfo {
  uint32_t role;       // SKEIN_ROLE_*
  const char* symbol;  // "TIME_KEY", as in SKEIN_ROLE_TIME_KEY
  const char* name;    // "time.key"
  Dim dims[2];         // slowest first; the second is kNone for a vector
  bool is_matrix;      // may be stored in a smaller type: projections, low-rank factors, embedding, head
  bool per_layer;
  uint32_t first_layer;  // of those that have it, if per_layer
  VersionSet versions;   // that have it in this shape
};

// Every row of roles.inc, in the order in which models list their tensors: before the layers, each layer's, after
// them. A role whose shape depends on the version has a row for each shape. The rows differ in `dims` and `versions`
// alone.
std::span<const RoleInfo> Roles();

// Any row of the role; nullptr for a number that is no role.
const RoleInfo* FindRole(uint32_t role);

// The row for the model's version; nullptr if that has no such role.
const RoleInfo* FindRole(uint32_t role, const skein_backend_model& model);

// "TIME_KEY"; "UNKNOWN" for a number that is no role.
const char* RoleSymbol(uint32_t role);

// True for the roles with is_matrix.
bool IsMatrixRole(uint32_t role);

// True for a low-rank factor: a matrix with a rank among its dimensions.
bool IsFactorRole(uint32_t role);

// Whether a tensor of this role may lie in this layout: every one in rows, and matrices in panels too, but for the
// embedding, of which single rows are looked up.
bool RoleTakesLayout(uint32_t role, uint32_t layout);

// Whether a tensor in one of the first `num_layers` layers of a model of this version has the dimension.
bool HasDim(VersionSet version, Dim dim, uint32_t num_layers);

// "embedding", "layers.3.time.key"; "role 99" for a number that is none.
std::string TensorName(uint32_t role, uint32_t layer);

std::vector<uint64_t> RoleShape(const RoleInfo& role, const skein_backend_model& model);

struct ExpectedTensor {
  const RoleInfo* role;
  uint32_t layer;
};

// Every tensor of a model, in the order of Roles().
std::vector<ExpectedTensor> ExpectedTensors(const skein_backend_model& model);

}  // namespace skein

#endif  // SKEIN_NUMBERS_ROLES_H_
