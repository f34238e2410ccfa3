// The reader of rwkv.cpp files.
#include "formats/rwkvcpp/reader.h"
#include "tests/fuzz/format_fuzzer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  skein::fuzz::ReadCheckpoint<skein::formats::RwkvCpp>({data, size}, "m.bin");
  return 0;
}
