// Any bytes through the BPE tokenizer and back. Normalising may change a text once, and not a second time: the decoded
// text is encoded again and comes back as it was. A text with a special token is an exception. The token has no text,
// so its neighbours meet in the decoded text, and may compose.
#include <algorithm>
#include <string>

#include "tests/fuzz/tokenizer_fuzzer.h"
#include "tests/unit/plugins/tokenizers/small_bpe.h"
#include "tokenizers/bpe/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string vocabulary = skein::tokenizers::SmallBpe().dump();
  static const skein::fuzz::FuzzedTokenizer<skein::tokenizers::BpeTokenizer> tokenizer(
      {reinterpret_cast<const uint8_t*>(vocabulary.data()), vocabulary.size()});
  skein::fuzz::Require(tokenizer.ok());
  const std::vector<uint8_t> once = tokenizer.Decode(tokenizer.Encode({data, size}));
  const bool may_be_special = std::find(data, data + size, '<') != data + size;
  skein::fuzz::Require(may_be_special || tokenizer.Decode(tokenizer.Encode(once)) == once);
  return 0;
}
