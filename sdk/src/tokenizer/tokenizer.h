// A tokenizer of a plugin, seen from C++: checked table, owned object, absl::Status. Only the plugin knows what tokens
// are.
#ifndef SKEIN_TOKENIZER_TOKENIZER_H_
#define SKEIN_TOKENIZER_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "plugin/registry.h"
#include "skein/plugin.h"

namespace skein {

using TokenizerPlugin = Plugin<skein_tokenizer_table>;

// Immutable. Threads: any.
class Tokenizer {
 public:
  // Makes the tokenizer of `vocabulary` with the plugin whose id is `kind`. If `kind` is "", it is the plugin that
  // recognises the vocabulary most surely, the first of `plugins` among equals. `where`, such as the path, begins each
  // message. `host` must outlive the tokenizer; the vocabulary and `plugins` need not. NOT_FOUND: no plugin `kind`.
  // INVALID_ARGUMENT: no plugin recognises the vocabulary; lists those that were asked. FAILED_PRECONDITION: the
  // plugin's table lacks a function. DATA_LOSS: the vocabulary is damaged; names the line.
  static absl::StatusOr<std::shared_ptr<const Tokenizer>> Create(absl::Span<const TokenizerPlugin> plugins,
                                                                 const skein_host& host, const std::string& kind,
                                                                 absl::Span<const uint8_t> vocabulary,
                                                                 const std::string& where);
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  const std::string& kind() const { return plugin_.id; }  // the plugin's id: "world", "bpe", "bytes"
  // Ids are below this. A model's embedding may have more rows.
  uint32_t vocab_size() const { return vocab_size_; }

  // The tokens of any bytes, UTF-8 or not. There are no more tokens than bytes, unless the vocabulary normalises the
  // text and makes it longer. INVALID_ARGUMENT: the vocabulary has no token for a byte; says where.
  absl::StatusOr<std::vector<uint32_t>> Encode(absl::string_view text) const;

  // The bytes of the tokens, which may end inside a UTF-8 sequence. Ids without text, such as the end of text, give no
  // bytes. INVALID_ARGUMENT: an id that is not below vocab_size.
  absl::StatusOr<std::string> Decode(absl::Span<const uint32_t> tokens) const;

 private:
  using Object = std::unique_ptr<void, void (*)(void*)>;

  Tokenizer(TokenizerPlugin plugin, Object object, uint32_t vocab_size)
      : plugin_(std::move(plugin)), object_(std::move(object)), vocab_size_(vocab_size) {}

  const TokenizerPlugin plugin_;
  const Object object_;  // the plugin's; its table destroys it
  const uint32_t vocab_size_;
};

}  // namespace skein

#endif  // SKEIN_TOKENIZER_TOKENIZER_H_
