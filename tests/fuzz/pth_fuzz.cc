// The whole `.pth` reader: zip, pickle, views.
#include "formats/pth/reader.h"
#include "tests/fuzz/format_fuzzer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  skein::fuzz::ReadCheckpoint<skein::formats::Pth>({data, size}, "m.pth");
  return 0;
}
