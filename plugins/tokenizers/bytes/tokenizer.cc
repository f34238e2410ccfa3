#include "tokenizers/bytes/tokenizer.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "support/boundary.h"

namespace skein::tokenizers {
namespace {

constexpr std::string_view kName = "bytes";

bool IsName(std::span<const uint8_t> vocabulary) {
  return std::equal(vocabulary.begin(), vocabulary.end(), kName.begin(), kName.end());
}

}  // namespace

uint32_t BytesTokenizer::Probe(std::span<const uint8_t> vocabulary) { return IsName(vocabulary) ? 100 : 0; }

BytesTokenizer::BytesTokenizer(std::span<const uint8_t> vocabulary) {
  if (!vocabulary.empty() && !IsName(vocabulary)) {
    throw plugin::Error(SKEIN_INVALID_ARGUMENT, "bytes vocabulary: expected nothing or the text \"bytes\", found " +
                                                    std::to_string(vocabulary.size()) + " bytes of something else");
  }
}

uint64_t BytesTokenizer::Encode(std::span<const uint8_t> text, std::span<uint32_t> tokens) const {
  if (text.size() <= tokens.size()) std::copy(text.begin(), text.end(), tokens.begin());
  return text.size();
}

uint64_t BytesTokenizer::Decode(std::span<const uint32_t> tokens, std::span<uint8_t> text) const {
  const auto bad = std::find_if(tokens.begin(), tokens.end(), [](uint32_t token) { return token > 255; });
  if (bad != tokens.end()) {
    throw plugin::Error(SKEIN_INVALID_ARGUMENT, "token " + std::to_string(bad - tokens.begin()) +
                                                    ": expected an id below 256, found " + std::to_string(*bad));
  }
  if (tokens.size() <= text.size()) {
    std::transform(tokens.begin(), tokens.end(), text.begin(),
                   [](uint32_t token) { return static_cast<uint8_t>(token); });
  }
  return tokens.size();
}

}  // namespace skein::tokenizers
