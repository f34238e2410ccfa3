// The C table of a tokenizer plugin, made from a C++ class. Here is all that the boundary demands of every tokenizer:
// messages, sizes, nothing thrown. Knows no vocabulary format.
//
// The class `T` is immutable once constructed, and offers
//   // 0 to 100. Looks at the first 4096 bytes at most.
//   static uint32_t Probe(std::span<const uint8_t> vocabulary);
//   // Throws plugin::Error. Keeps no reference.
//   explicit T(std::span<const uint8_t> vocabulary);
//   uint32_t vocab_size() const;
//   // Each returns how many elements the result has, and writes them only if all fit. Throws plugin::Error.
//   uint64_t Encode(std::span<const uint8_t> text, std::span<uint32_t> tokens) const;
//   uint64_t Decode(std::span<const uint32_t> tokens, std::span<uint8_t> text) const;
// and, if the plugin carries a vocabulary,
//   // That vocabulary in the form of a file.
//   static std::string OwnVocabulary();
#ifndef SKEIN_PLUGINS_TOKENIZERS_TABLE_H_
#define SKEIN_PLUGINS_TOKENIZERS_TABLE_H_

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>

#include "skein/plugin.h"
#include "support/boundary.h"

namespace skein::plugin {

template <typename T>
struct TokenizerTable {
  static uint32_t Probe(const uint8_t* vocabulary, uint64_t vocabulary_bytes) {
    return T::Probe({vocabulary, vocabulary_bytes});
  }

  static int32_t Create(const skein_host* /*host*/, const uint8_t* vocabulary, uint64_t vocabulary_bytes,
                        void** tokenizer, skein_message* message) {
    *tokenizer = nullptr;
    return Guard(message, [&] { *tokenizer = new T(std::span<const uint8_t>(vocabulary, vocabulary_bytes)); });
  }

  static void Destroy(void* tokenizer) { delete static_cast<T*>(tokenizer); }

  static uint32_t VocabSize(void* tokenizer) { return static_cast<const T*>(tokenizer)->vocab_size(); }

  static int32_t Encode(void* tokenizer, const uint8_t* text, uint64_t text_bytes, uint32_t* tokens, uint64_t capacity,
                        uint64_t* count, skein_message* message) {
    *count = 0;
    return Guard(message, [&] {
      *count = static_cast<const T*>(tokenizer)->Encode({text, text_bytes}, {tokens, capacity});
      RequireRoom(*count, capacity, "tokens");
    });
  }

  static int32_t Decode(void* tokenizer, const uint32_t* tokens, uint64_t num_tokens, uint8_t* text, uint64_t capacity,
                        uint64_t* size_bytes, skein_message* message) {
    *size_bytes = 0;
    return Guard(message, [&] {
      *size_bytes = static_cast<const T*>(tokenizer)->Decode({tokens, num_tokens}, {text, capacity});
      RequireRoom(*size_bytes, capacity, "bytes");
    });
  }

  static int32_t OwnVocabulary(uint8_t* vocabulary, uint64_t capacity, uint64_t* size_bytes, skein_message* message) {
    *size_bytes = 0;
    return Guard(message, [&] {
      const std::string file = T::OwnVocabulary();
      *size_bytes = file.size();
      RequireRoom(*size_bytes, capacity, "bytes");
      std::copy(file.begin(), file.end(), vocabulary);
    });
  }

  static constexpr auto OwnVocabularyFunction() -> decltype(skein_tokenizer_table::own_vocabulary) {
    if constexpr (requires { T::OwnVocabulary(); }) {
      return OwnVocabulary;
    } else {
      return nullptr;
    }
  }

  static constexpr skein_tokenizer_table kTable = {
      .struct_size = sizeof(skein_tokenizer_table),
      .reserved = 0,
      .probe = Probe,
      .create = Create,
      .destroy = Destroy,
      .vocab_size = VocabSize,
      .encode = Encode,
      .decode = Decode,
      .own_vocabulary = OwnVocabularyFunction(),
  };

 private:
  static void RequireRoom(uint64_t needed, uint64_t capacity, const char* what) {
    if (needed <= capacity) return;
    throw Error(SKEIN_OUT_OF_RANGE, "expected room for " + std::to_string(needed) + " " + what + ", found room for " +
                                        std::to_string(capacity));
  }
};

}  // namespace skein::plugin

#endif  // SKEIN_PLUGINS_TOKENIZERS_TABLE_H_
