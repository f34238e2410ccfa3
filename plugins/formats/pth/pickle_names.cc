#include "formats/pth/pickle_names.h"

#include <algorithm>
#include <iterator>

#include "support/checkpoint.h"

namespace skein::formats {
namespace {

constexpr StorageClass kStorageClasses[] = {
    {"FloatStorage", 4, SKEIN_DTYPE_F32},         {"HalfStorage", 2, SKEIN_DTYPE_F16},
    {"BFloat16Storage", 2, SKEIN_DTYPE_BF16},     {"DoubleStorage", 8, SKEIN_DTYPE_F64},
    {"ByteStorage", 1, SKEIN_DTYPE_U8},           {"CharStorage", 1, SKEIN_DTYPE_NONE},
    {"ShortStorage", 2, SKEIN_DTYPE_NONE},        {"IntStorage", 4, SKEIN_DTYPE_NONE},
    {"LongStorage", 8, SKEIN_DTYPE_NONE},         {"BoolStorage", 1, SKEIN_DTYPE_NONE},
    {"ComplexFloatStorage", 8, SKEIN_DTYPE_NONE}, {"ComplexDoubleStorage", 16, SKEIN_DTYPE_NONE},
};

struct KnownName {
  std::string_view module;
  std::string_view name;
  PickleMeaning meaning;
};

constexpr KnownName kKnownNames[] = {
    {"collections", "OrderedDict", PickleMeaning::kDictClass},
    {"collections", "defaultdict", PickleMeaning::kDictClass},
    {"torch", "Size", PickleMeaning::kTupleClass},
    {"torch._utils", "_rebuild_tensor", PickleMeaning::kRebuildTensor},
    {"torch._utils", "_rebuild_tensor_v2", PickleMeaning::kRebuildTensor},
    {"torch._utils", "_rebuild_parameter", PickleMeaning::kRebuildParameter},
    {"torch._utils", "_rebuild_parameter_with_state", PickleMeaning::kRebuildParameter},
    // Sets, types and numbers in the settings of trainers. "__builtin__" is Python 2's name, which protocol 2 keeps.
    {"__builtin__", "set", PickleMeaning::kInert},
    {"__builtin__", "frozenset", PickleMeaning::kInert},
    {"__builtin__", "list", PickleMeaning::kInert},
    {"__builtin__", "dict", PickleMeaning::kInert},
    {"__builtin__", "int", PickleMeaning::kInert},
    {"__builtin__", "float", PickleMeaning::kInert},
    {"__builtin__", "bool", PickleMeaning::kInert},
    {"__builtin__", "unicode", PickleMeaning::kInert},
    {"_codecs", "encode", PickleMeaning::kInert},
    {"argparse", "Namespace", PickleMeaning::kInert},
    {"lightning_fabric.utilities.data", "AttributeDict", PickleMeaning::kInert},
    {"pytorch_lightning.utilities.parsing", "AttributeDict", PickleMeaning::kInert},
    {"numpy", "dtype", PickleMeaning::kInert},
    {"numpy", "ndarray", PickleMeaning::kInert},
    {"numpy.core.multiarray", "scalar", PickleMeaning::kInert},
    {"numpy.core.multiarray", "_reconstruct", PickleMeaning::kInert},
    {"numpy._core.multiarray", "scalar", PickleMeaning::kInert},
    {"numpy._core.multiarray", "_reconstruct", PickleMeaning::kInert},
    {"pathlib", "PosixPath", PickleMeaning::kInert},
    {"torch", "device", PickleMeaning::kInert},
    {"torch", "float32", PickleMeaning::kInert},
    {"torch", "float16", PickleMeaning::kInert},
    {"torch", "bfloat16", PickleMeaning::kInert},
    {"types", "SimpleNamespace", PickleMeaning::kInert},
};

}  // namespace

PickleName FindPickleName(std::string_view module, std::string_view name, const std::string& where) {
  const auto* const known = std::find_if(std::begin(kKnownNames), std::end(kKnownNames), [&](const KnownName& each) {
    return each.module == module && each.name == name;
  });
  if (known != std::end(kKnownNames)) return {.meaning = known->meaning};
  const auto* const storage = std::find_if(std::begin(kStorageClasses), std::end(kStorageClasses),
                                           [&](const StorageClass& each) { return each.name == name; });
  if (module == "torch" && storage != std::end(kStorageClasses)) {
    return {.meaning = PickleMeaning::kStorageClass, .storage_class = storage};
  }
  const bool is_deepspeed = module.starts_with("deepspeed.");
  plugin::FailUnsupported(
      where + ": expected a name that state dicts need, found " +
      plugin::Quote(std::string(module) + "." + std::string(name)) + "; nothing in a checkpoint is ever executed" +
      (is_deepspeed ? ". It is DeepSpeed's: where weights lie in parts, zero_to_fp32.py of DeepSpeed joins them" : ""));
}

std::string WeightStorageNames() { return plugin::WeightTypeNames(kStorageClasses); }

}  // namespace skein::formats
