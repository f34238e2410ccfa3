// The names of code that a checkpoint's pickle may hold, and what each stands for. They are compared, never looked up:
// nothing is imported or called.
#ifndef SKEIN_PLUGINS_FORMATS_PTH_PICKLE_NAMES_H_
#define SKEIN_PLUGINS_FORMATS_PTH_PICKLE_NAMES_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace skein::formats {

// One of PyTorch's storage classes.
struct StorageClass {
  std::string_view name;  // as pickled in module "torch", such as "FloatStorage"
  uint64_t element_bytes;
  uint32_t dtype;  // SKEIN_DTYPE_*; NONE: listed, not read
};

enum class PickleMeaning : uint8_t {
  kDictClass,         // OrderedDict, defaultdict
  kTupleClass,        // torch.Size: the tuple that it is called with
  kRebuildTensor,     // _rebuild_tensor, _rebuild_tensor_v2
  kRebuildParameter,  // _rebuild_parameter, _rebuild_parameter_with_state
  kStorageClass,
  // A name that trainers leave beside the weights, such as argparse.Namespace. What is made of it is a value without
  // contents.
  kInert,
};

struct PickleName {
  PickleMeaning meaning = PickleMeaning::kInert;
  const StorageClass* storage_class = nullptr;  // kStorageClass
};

// Throws plugin::Error UNIMPLEMENTED for any other name, which it gives. `where` begins the message.
PickleName FindPickleName(std::string_view module, std::string_view name, const std::string& where);

// The storage classes that can be weights, for messages: "FloatStorage, HalfStorage".
std::string WeightStorageNames();

}  // namespace skein::formats

#endif  // SKEIN_PLUGINS_FORMATS_PTH_PICKLE_NAMES_H_
