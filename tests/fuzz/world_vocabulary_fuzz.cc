// World vocabulary files. With an accepted file, a text that can be encoded decodes to itself.
#include "tests/fuzz/tokenizer_fuzzer.h"
#include "tokenizers/world/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const skein::fuzz::FuzzedTokenizer<skein::tokenizers::WorldTokenizer> tokenizer({data, size});
  if (!tokenizer.ok()) return 0;
  const std::span<const uint8_t> text = skein::fuzz::SampleText();
  const std::vector<uint32_t> tokens = tokenizer.Encode(text);
  if (tokens.empty()) return 0;
  const std::vector<uint8_t> decoded = tokenizer.Decode(tokens);
  skein::fuzz::Require(std::equal(decoded.begin(), decoded.end(), text.begin(), text.end()));
  return 0;
}
