#include "tokenizers/world/published_vocabulary.h"

// The assembler puts the file into the object as it is. gcc and clang have it on every processor, and neither parses a
// quarter of a megabyte of literals.
__asm__(
    ".pushsection .rodata\n"
    ".balign 16\n"
    ".globl skein_world_vocabulary\n"
    ".hidden skein_world_vocabulary\n"
    ".globl skein_world_vocabulary_end\n"
    ".hidden skein_world_vocabulary_end\n"
    "skein_world_vocabulary:\n"
    ".incbin \"" SKEIN_WORLD_VOCABULARY_FILE
    "\"\n"
    "skein_world_vocabulary_end:\n"
    ".byte 0\n"
    ".popsection\n");

extern "C" {
[[gnu::visibility("hidden")]] extern const uint8_t skein_world_vocabulary[];
[[gnu::visibility("hidden")]] extern const uint8_t skein_world_vocabulary_end[];
}

namespace skein::tokenizers {

bool IsPublishedName(std::string_view name) { return name == "world" || name == "rwkv_vocab_v20230424"; }

PublishedTokens::PublishedTokens() : data_(skein_world_vocabulary, skein_world_vocabulary_end) {}

PublishedTokens::Token PublishedTokens::Next() {
  const size_t num_rest = data_[1];
  const Token token = {data_[0], {reinterpret_cast<const char*>(data_.data()) + 2, num_rest}};
  data_ = data_.subspan(2 + num_rest);
  return token;
}

}  // namespace skein::tokenizers
