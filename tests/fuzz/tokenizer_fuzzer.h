// Uses a tokenizer through its C table as the host does. For fuzzers only.
#ifndef SKEIN_TESTS_FUZZ_TOKENIZER_FUZZER_H_
#define SKEIN_TESTS_FUZZ_TOKENIZER_FUZZER_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "skein/plugin.h"
#include "tests/fuzz/format_fuzzer.h"
#include "tokenizers/table.h"

namespace skein::fuzz {

template <typename T>
class FuzzedTokenizer {
 public:
  // `ok()` is false if the vocabulary was refused.
  explicit FuzzedTokenizer(std::span<const uint8_t> vocabulary) {
    Require(kTable.probe(vocabulary.data(), vocabulary.size()) <= 100);
    skein_message message{};
    const int32_t status = kTable.create(nullptr, vocabulary.data(), vocabulary.size(), &handle_, &message);
    Require(status != SKEIN_INTERNAL && (status == SKEIN_OK) == (handle_ != nullptr));
    Require(status == SKEIN_OK || message.text[0] != '\0');
  }
  ~FuzzedTokenizer() {
    if (handle_ != nullptr) kTable.destroy(handle_);
  }
  FuzzedTokenizer(const FuzzedTokenizer&) = delete;
  FuzzedTokenizer& operator=(const FuzzedTokenizer&) = delete;

  bool ok() const { return handle_ != nullptr; }

  // The tokens of `text`, encoded with little room first. Nothing if the tokenizer refuses the text.
  std::vector<uint32_t> Encode(std::span<const uint8_t> text) const {
    skein_message message{};
    uint64_t count = 0;
    std::vector<uint32_t> tokens(text.size() / 2);
    int32_t status = kTable.encode(handle_, text.data(), text.size(), tokens.data(), tokens.size(), &count, &message);
    if (status == SKEIN_OUT_OF_RANGE) {
      Require(count > tokens.size());
      tokens.resize(count);
      uint64_t again = 0;
      status = kTable.encode(handle_, text.data(), text.size(), tokens.data(), tokens.size(), &again, &message);
      Require(status == SKEIN_OK && again == count);
    }
    Require(status == SKEIN_OK || status == SKEIN_INVALID_ARGUMENT);
    tokens.resize(status == SKEIN_OK ? count : 0);
    for (const uint32_t token : tokens) Require(token < kTable.vocab_size(handle_));
    return tokens;
  }

  std::vector<uint8_t> Decode(const std::vector<uint32_t>& tokens) const {
    skein_message message{};
    uint64_t size = 0;
    int32_t status = kTable.decode(handle_, tokens.data(), tokens.size(), nullptr, 0, &size, &message);
    std::vector<uint8_t> text(size);
    if (status == SKEIN_OUT_OF_RANGE) {
      status = kTable.decode(handle_, tokens.data(), tokens.size(), text.data(), text.size(), &size, &message);
    }
    Require(status == SKEIN_OK && size == text.size());
    return text;
  }

 private:
  static constexpr const skein_tokenizer_table& kTable = plugin::TokenizerTable<T>::kTable;
  void* handle_ = nullptr;
};

// A text to encode with a vocabulary that is itself the input.
inline std::span<const uint8_t> SampleText() {
  static constexpr std::string_view kText = "User: caf\xc3\xa9 the\tthe  12\n\n\xff\x00 Assistant";
  return {reinterpret_cast<const uint8_t*>(kText.data()), kText.size()};
}

}  // namespace skein::fuzz

#endif  // SKEIN_TESTS_FUZZ_TOKENIZER_FUZZER_H_
