// The tensors that a model of given dimensions has: which roles, in which layers, of which shape. The one list that
// naming, packages and descriptions share.
#ifndef SKEIN_NUMBERS_ROLES_H_
#define SKEIN_NUMBERS_ROLES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "model/config.h"

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

// The bit of a generation and variant; 0 if this version of skein runs none such.
VersionSet VersionOf(const ModelConfig& config);
// Sets generation and variant to those of the one bit in `version`.
void SetVersion(VersionSet version, ModelConfig* config);

// A dimension of a role's shape, by its letter in backend.h.
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
  VersionSet versions;   // that have it in this shape
};

// In the order of ModelFile::tensors(): what comes before the layers, each layer's, what comes after. A role whose
// shape depends on the version has a row for each shape; the rows differ in `dims` and `versions` alone.
absl::Span<const RoleInfo> Roles();

// Any row of the role; nullptr for a number that is no role.
const RoleInfo* FindRole(uint32_t role);

// The row for the version of `config`; nullptr if it has no such role.
const RoleInfo* FindRole(uint32_t role, const ModelConfig& config);

// True for the roles with is_matrix.
bool IsMatrixRole(uint32_t role);

// True for a low-rank factor: a matrix with a rank among its dimensions.
bool IsFactorRole(uint32_t role);

// The type that a tensor of `shape` gets where the matrices of its model are to be in `wanted` and its own values are
// in `own`: vectors float32; matrices `wanted`, or, if that is NONE, `own`. Two kinds do not go below 8 bits and become
// Q8 where `wanted` is Q4: low-rank factors, and the embedding, whose 4 bits would cost a sixth to a third of all that
// Q4 loses and save no time, since a token reads one row of it. Where rows are so short that whole groups take as much
// room as 16 bits (up to 65 inputs in Q8, 17 in Q4), a matrix gets 16: bf16 if that is what it comes in, or float16,
// which is the closer one.
uint32_t TypeInModel(uint32_t role, absl::Span<const uint64_t> shape, uint32_t wanted, uint32_t own);

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

#endif  // SKEIN_NUMBERS_ROLES_H_
