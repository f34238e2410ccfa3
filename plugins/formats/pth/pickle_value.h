// The plain values that a pickle makes.
#ifndef SKEIN_PLUGINS_FORMATS_PTH_PICKLE_VALUE_H_
#define SKEIN_PLUGINS_FORMATS_PTH_PICKLE_VALUE_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "formats/pth/pickle_names.h"
#include "support/checkpoint.h"

namespace skein::formats {

enum class PickleKind : uint8_t {
  kNone,
  kBool,
  kInt,
  kFloat,
  kString,
  kTuple,
  kList,
  kDict,
  kName,
  kStorage,
  kTensor,
  kInert,
};

constexpr std::string_view PickleKindName(PickleKind kind) {
  constexpr std::string_view kNames[] = {
      "None",   "a truth value", "an integer",          "a float",   "a string", "a tuple",
      "a list", "a dict",        "a class or function", "a storage", "a tensor", "a value of no concern"};
  return kNames[static_cast<size_t>(kind)];
}

// Values refer to each other by index, so that sharing and cycles, which pickles may have, need no ownership.
using ValueId = uint32_t;
inline constexpr ValueId kNoValue = std::numeric_limits<ValueId>::max();

struct PickleValue {
  PickleKind kind = PickleKind::kNone;
  int64_t integer = 0;         // kBool, kInt; elements of a kStorage; index into Interpreter::tensors_ of a kTensor
  double number = 0;           // kFloat
  std::string_view text = {};  // kString; key of a kStorage
  PickleName name = {};        // kName; the class of a kStorage
  // kTuple, kList; kDict: key, value, key, value, ...; kStorage: offset and size of the part that it is, or nothing
  std::vector<ValueId> items = {};
};

// RESOURCE_EXHAUSTED: a hostile pickle would make us spend more than any model needs.
[[noreturn]] inline void FailLimit(const std::string& what, uint64_t limit) {
  throw plugin::Error(SKEIN_RESOURCE_EXHAUSTED,
                      "pickle: expected at most " + std::to_string(limit) + " " + what + ", found more");
}

}  // namespace skein::formats

#endif  // SKEIN_PLUGINS_FORMATS_PTH_PICKLE_VALUE_H_
