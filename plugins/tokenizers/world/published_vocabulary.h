// The published vocabulary of World models as the plugin carries it. README.md has its source, licence and form.
#ifndef SKEIN_PLUGINS_TOKENIZERS_WORLD_PUBLISHED_VOCABULARY_H_
#define SKEIN_PLUGINS_TOKENIZERS_WORLD_PUBLISHED_VOCABULARY_H_

#include <cstdint>
#include <span>
#include <string_view>

namespace skein::tokenizers {

// Whether `name` means the published vocabulary: "world", or "rwkv_vocab_v20230424", its name in the rwkv pip package.
bool IsPublishedName(std::string_view name);

// Walks the tokens in ascending order of their bytes.
class PublishedTokens {
 public:
  // One token: its first `num_shared` bytes are those of the token in front of it, and `rest` follows them.
  struct Token {
    uint32_t num_shared;
    std::string_view rest;
    uint32_t size() const { return num_shared + static_cast<uint32_t>(rest.size()); }
  };

  PublishedTokens();
  bool AtEnd() const { return data_.empty(); }
  Token Next();  // not AtEnd()

 private:
  std::span<const uint8_t> data_;
};

}  // namespace skein::tokenizers

#endif  // SKEIN_PLUGINS_TOKENIZERS_WORLD_PUBLISHED_VOCABULARY_H_
