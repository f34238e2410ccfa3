// Safetensors in shards. The input is the index up to the first NUL, which JSON cannot have; the rest is the content of
// every shard.
#include <algorithm>

#include "formats/safetensors/reader.h"
#include "tests/fuzz/format_fuzzer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> input(data, size);
  const size_t index_bytes = static_cast<size_t>(std::find(input.begin(), input.end(), 0) - input.begin());
  const std::span<const uint8_t> shard = input.subspan(std::min(size, index_bytes + 1));
  skein::fuzz::ReadCheckpoint<skein::formats::Safetensors>(input.first(index_bytes), "m.safetensors.index.json", shard);
  return 0;
}
