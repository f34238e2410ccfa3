// Text to tokens and back.
#ifndef SKEIN_CPP_TOKENIZER_HPP_
#define SKEIN_CPP_TOKENIZER_HPP_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "skein/cpp/call.hpp"
#include "skein/cpp/namespace.hpp"
#include "skein/cpp/options.hpp"
#include "skein/cpp/owned.hpp"
#include "skein/cpp/runtime.hpp"
#include "skein/cpp/span.hpp"
#include "skein/tokenizer.h"

SKEIN_CPP_BEGIN

// Immutable: any number of threads may use one.
class Tokenizer : public Owned<skein_tokenizer, skein_tokenizer_release> {
 public:
  using Owned::Owned;
  // Loads a vocabulary file, or "world", "bytes", or that of a model file (skein_tokenizer_load).
  Tokenizer(const Runtime& runtime, const std::string& path, const TokenizerOptions& options = {}) {
    Call(skein_tokenizer_load, runtime.get(), Terminated(path), options.get(), out());
  }

  skein_tokenizer_info Info() const {
    auto info = Sized<skein_tokenizer_info>();
    Call(skein_tokenizer_get_info, get(), &info);
    return info;
  }

  // Any bytes as tokens.
  std::vector<Token> Encode(std::string_view text) const {
    // There are no more tokens than bytes, as good as always.
    return ReadInto<std::vector<Token>>(
        text.size(), [&](Token* data, uint64_t capacity, uint64_t* count, skein_error* error) {
          return skein_tokenizer_encode(get(), text.data(), text.size(), data, capacity, count, error);
        });
  }

  // Tokens as bytes, which may end inside a UTF-8 sequence.
  std::string Decode(Span<const Token> tokens) const {
    return Read<std::string>(skein_tokenizer_decode, get(), tokens.data(), static_cast<uint64_t>(tokens.size()));
  }
};

SKEIN_CPP_END

#endif  // SKEIN_CPP_TOKENIZER_HPP_
