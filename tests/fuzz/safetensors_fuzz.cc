// The reader of single safetensors files.
#include "formats/safetensors/reader.h"
#include "tests/fuzz/format_fuzzer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  skein::fuzz::ReadCheckpoint<skein::formats::Safetensors>({data, size}, "m.safetensors");
  return 0;
}
