// Any bytes through the World tokenizer and back. They must come back unchanged.
#include <string>

#include "tests/fuzz/tokenizer_fuzzer.h"
#include "tokenizers/world/tokenizer.h"

namespace {

// All single bytes, and some words that begin each other.
std::string SmallVocabulary() {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string file;
  size_t id = 1;
  for (; id <= 256; ++id) {
    file += std::to_string(id) + " b'\\x" + kHex[(id - 1) / 16] + kHex[(id - 1) % 16] + "' 1\n";
  }
  for (const std::string word :
       {"th", "the", " the", "then", "\\n\\n", "aaaa", "aaaaaaaa", "\\xff\\xff", "\\xc3\\xa9"}) {
    size_t length = 0;
    for (size_t i = 0; i < word.size(); ++length) i += word[i] != '\\' ? 1 : word[i + 1] == 'x' ? 4 : 2;
    file += std::to_string(id++) + " b'" + word + "' " + std::to_string(length) + "\n";
  }
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string vocabulary = SmallVocabulary();
  static const skein::fuzz::FuzzedTokenizer<skein::tokenizers::WorldTokenizer> tokenizer(
      {reinterpret_cast<const uint8_t*>(vocabulary.data()), vocabulary.size()});
  skein::fuzz::Require(tokenizer.ok());
  const std::vector<uint8_t> decoded = tokenizer.Decode(tokenizer.Encode({data, size}));
  skein::fuzz::Require(std::equal(decoded.begin(), decoded.end(), data, data + size));
  return 0;
}
