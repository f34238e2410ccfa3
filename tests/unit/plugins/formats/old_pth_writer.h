// Writes PyTorch's files before version 1.6, sound or broken on purpose. For tests.
#ifndef SKEIN_TESTS_UNIT_PLUGINS_FORMATS_OLD_PTH_WRITER_H_
#define SKEIN_TESTS_UNIT_PLUGINS_FORMATS_OLD_PTH_WRITER_H_

#include <string>
#include <utility>
#include <vector>

#include "tests/unit/plugins/formats/checkpoint_writer.h"

namespace skein::test {

// A tensor of a storage as such files pickle it: the persistent id has a sixth item. `part` is an opcode for it: "N",
// or the tuple (key, offset, size).
inline void OldTensor(PickleWriter* pickle, const std::string& storage_class, const std::string& key,
                      int64_t num_elements, int64_t offset, const std::vector<int64_t>& shape,
                      const std::vector<int64_t>& strides, const PickleWriter* part = nullptr) {
  pickle->Global("torch._utils", "_rebuild_tensor_v2").Raw("((").Text("storage").Global("torch", storage_class);
  pickle->Text(key).Text("cpu").Int(num_elements);
  if (part == nullptr) {
    pickle->Raw("N");
  } else {
    pickle->Raw(part->opcodes());
  }
  pickle->Raw("tQ").Int(offset).Ints(shape).Ints(strides).Raw("\x89").Global("collections", "OrderedDict").Raw(")RtR");
}

struct OldPthOptions {
  uint16_t version = 1001;
  bool little_endian = true;
};

// The key, number of elements and bytes of each storage, in the order of the keys.
struct OldStorage {
  std::string key;
  int64_t num_elements;
  Bytes bytes;
};

inline Bytes OldPthFile(const Bytes& pickle, const std::vector<OldStorage>& storages,
                        const OldPthOptions& options = {}) {
  Bytes file;
  Append(&file, std::string_view("\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20j\xa8P\x19.", 15));
  Append(&file, std::string_view("\x80\x02M"));
  Append(&file, options.version);
  Append(&file, std::string_view("."));
  PickleWriter machine;
  machine.Raw("}q\x01(").Text("protocol_version").Raw("M\xe9\x03").Text("little_endian");
  machine.Raw(options.little_endian ? "\x88" : "\x89").Text("type_sizes").Raw("}(").Text("short").Raw("K\x02");
  Append(&file, machine.Text("int").Raw("K\x04").Text("long").Raw("K\x04uu").Finish());
  Append(&file, pickle);
  PickleWriter keys;
  keys.Raw("](");
  for (const OldStorage& storage : storages) keys.Text(storage.key);
  Append(&file, keys.Raw("e").Finish());
  for (const OldStorage& storage : storages) {
    Append(&file, storage.num_elements);
    Append(&file, storage.bytes);
  }
  return file;
}

// A dict of two tensors of the storage "7": all of its six floats, and its last two.
inline Bytes OldPthFile() {
  PickleWriter pickle;
  pickle.Raw("}(").Text("a");
  OldTensor(&pickle, "FloatStorage", "7", 6, 0, {2, 3}, {3, 1});
  pickle.Text("b");
  OldTensor(&pickle, "FloatStorage", "7", 6, 4, {2}, {1});
  pickle.Text("epoch").Raw("K\x03u");
  return OldPthFile(pickle.Finish(), {{"7", 6, Floats({0, 1, 2, 3, 4, 5})}});
}

}  // namespace skein::test

#endif  // SKEIN_TESTS_UNIT_PLUGINS_FORMATS_OLD_PTH_WRITER_H_
