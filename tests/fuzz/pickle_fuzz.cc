// The pickle interpreter alone: in a `.pth` the checksum of the zip entry would stop most changes before it.
#include "formats/pth/pickle.h"
#include "support/boundary.h"
#include "tests/fuzz/format_fuzzer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    skein::plugin::ByteReader reader({data, size}, "pickle");
    const skein::formats::PickledCheckpoint checkpoint = skein::formats::ReadPickle(&reader);
    for (const skein::formats::PickledTensor& tensor : checkpoint.tensors) {
      skein::fuzz::Require(!tensor.name.empty() && tensor.shape.size() == tensor.strides.size());
    }
  } catch (const skein::plugin::Error&) {
  }
  return 0;
}
