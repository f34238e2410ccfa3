// tokenizer.json files. With an accepted file any text can be encoded, and the tokens decoded.
#include "tests/fuzz/tokenizer_fuzzer.h"
#include "tokenizers/bpe/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const skein::fuzz::FuzzedTokenizer<skein::tokenizers::BpeTokenizer> tokenizer({data, size});
  if (tokenizer.ok()) tokenizer.Decode(tokenizer.Encode(skein::fuzz::SampleText()));
  return 0;
}
