// The GGUF reader; the other file of a split is the same file again. The World tokenizer must accept or properly refuse
// the vocabulary that the reader hands over.
#include "formats/gguf/reader.h"
#include "tests/fuzz/format_fuzzer.h"
#include "tokenizers/world/vocabulary.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> file(data, size);
  const auto visit = [](std::string_view key, std::string_view value) {
    if (key != "skein.tokenizer.vocabulary") return;
    try {
      skein::tokenizers::Vocabulary({reinterpret_cast<const uint8_t*>(value.data()), value.size()});
    } catch (const skein::plugin::Error&) {
    }
  };
  skein::fuzz::ReadCheckpoint<skein::formats::Gguf>(file, "m-00001-of-00002.gguf", file, visit);
  return 0;
}
