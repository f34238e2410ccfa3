// A kernel that is ready to run: its instructions with the places of their operands, and what a warp needs of memory.
//
// A register is an array of its 32 lanes; a predicate is a word with a bit for each. Constants lie among the registers,
// the same in each lane, so that every operand of an instruction is a place in one block of memory, the warp's file.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_PTX_PROGRAM_H_
#define SKEIN_TESTS_CUDA_EMULATOR_PTX_PROGRAM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "module.h"
#include "types.h"

namespace skein::emulator::ptx {

class Warp;
struct Instruction;

inline constexpr uint32_t kLanes = 32;
inline constexpr uint32_t kAllLanes = ~0u;

// Does an instruction for some lanes, at least one.
using Handler = void (*)(Warp& warp, const Instruction& instruction, uint32_t lanes);

// A place in the file of a warp.
using Place = uint32_t;
inline constexpr Place kNoPlace = ~0u;
// Of registers that nothing has been written to: as a float, a NaN.
inline constexpr std::byte kUnwritten{0xFF};

// What the warp does about an instruction apart from calling its handler.
enum class Flow : uint8_t {
  kNext,     // nothing
  kBranch,   // lanes go on at `target`
  kExit,     // lanes end
  kMeet,     // the lanes of a mask wait for each other: the mask is that of place operands[kMeetMask]
  kBarrier,  // the lanes of the warp wait for each other, then for the block
  kPause,    // others have their turn behind it
};

struct Instruction {
  Handler handler = nullptr;
  Handler inner = nullptr;  // of a handler that wraps another
  std::array<Place, 16> operands = {};
  Flow flow = Flow::kNext;
  Place guard = kNoPlace;
  bool is_guard_negated = false;
  bool is_barrier = false;     // of those where lanes meet: a test may switch it off
  uint8_t num_elements = 1;    // of a vector
  uint8_t address_bytes = 0;   // of the register that has an address; 0: there is none
  uint8_t register_bytes = 0;  // of each number of a load or a store
  uint8_t access_bytes = 0;    // the same in memory
  uint8_t variant = 0;         // as its handler says
  uint8_t second_variant = 0;
  uint32_t target = 0;
  int64_t immediate = 0;
  int line = 0;
  SourceLine source;  // the same line of PTX where the text does not tell
  std::string_view opcode;
};
inline constexpr size_t kMeetMask = 15;

// Registers that a warp starts with.
enum class Special : uint8_t {
  kTidX,
  kTidY,
  kTidZ,
  kNtidX,
  kNtidY,
  kNtidZ,
  kCtaidX,
  kCtaidY,
  kCtaidZ,
  kNctaidX,
  kNctaidY,
  kNctaidZ,
  kLaneid,  // NOLINT
  kWarpid,
  kLanemaskEq,
  kLanemaskLt,
  kLanemaskLe,
  kLanemaskGt,
  kLanemaskGe,
  kDynamicSharedBytes,
};
struct SpecialRegister {
  Special special;
  Place place;
};

struct Program {
  std::string name;  // demangled
  std::string file;
  std::vector<Instruction> code;

  std::vector<std::byte> image;  // what a file begins as: the constants, and kUnwritten elsewhere
  uint32_t file_bytes = 0;
  std::vector<SpecialRegister> specials;

  std::vector<Variable> parameters;
  std::vector<uint32_t> parameter_offsets;
  uint32_t parameter_bytes = 0;
  uint32_t shared_bytes = 0;  // without dynamic ones, which lie behind
  uint32_t local_bytes = 0;   // of each lane
  size_t num_fused = 0;       // products
};

// The spaces' addresses. Those of shared memory do not begin at 0, so that NULL is none of them; generic addresses of
// shared and local memory and of parameters lie where no address of the host can be.
inline constexpr uint32_t kSharedBegin = 1024;
inline constexpr uint64_t kSharedWindow = uint64_t{1} << 60;
inline constexpr uint64_t kLocalWindow = uint64_t{2} << 60;
inline constexpr uint64_t kParamWindow = uint64_t{3} << 60;
inline constexpr uint64_t kWindowBytes = uint64_t{1} << 32;

enum class Space : uint8_t { kGeneric, kGlobal, kShared, kLocal, kParam, kConst };

// Whether products and sums become one operation where ptxas may do that (fusion.h).
enum class Products : uint8_t { kApart, kFused };

// Throws LoadError where it does not know something. Refers to the module's text.
Program Decode(const Module& module, const Entry& entry, Products products = Products::kApart);
// A name as it is written in C++; itself if it is none of C++.
std::string Demangled(std::string_view name);

}  // namespace skein::emulator::ptx

#endif  // SKEIN_TESTS_CUDA_EMULATOR_PTX_PROGRAM_H_
