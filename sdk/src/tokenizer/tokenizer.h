// A tokenizer of a plugin, seen from C++: checked table, owned object, absl::Status. Only the plugin knows what tokens
// are.
#ifndef SKEIN_TOKENIZER_TOKENIZER_H_
#define SKEIN_TOKENIZER_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <optional>
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

// How a vocabulary came to be used.
enum class VocabularyOrigin {
  kGiven,   // by the host
  kModel,   // it is in the model's file
  kBeside,  // it is in a file beside the model
  kBox,     // a plugin carries it, and the number of the model's rows told which
};

// As skein_tokenizer_info.origin: "given", "model", "beside", "box".
const char* OriginName(VocabularyOrigin origin);

// The plugin that knows `name` as that of a vocabulary which needs no file, such as "world" or "bytes"; nullopt: none.
std::optional<TokenizerPlugin> FindVocabularyName(absl::Span<const TokenizerPlugin> plugins, absl::string_view name);

// The vocabulary that a plugin carries, in the form of a file. "": it carries none.
absl::StatusOr<std::string> OwnVocabulary(const TokenizerPlugin& plugin);

// Immutable. Threads: any.
class Tokenizer {
 public:
  // Makes the tokenizer of `vocabulary`, a file or a name, with the plugin whose id is `kind`. If `kind` is "", it is
  // the plugin that recognises the vocabulary most surely, the first of `plugins` among equals. `where`, the path or
  // the name, begins each message. `host` must outlive the tokenizer; the vocabulary and `plugins` need not. NOT_FOUND:
  // no plugin `kind`. INVALID_ARGUMENT: no plugin recognises the vocabulary; lists those that were asked.
  // FAILED_PRECONDITION: the plugin's table lacks a function. DATA_LOSS: the vocabulary is damaged; names the line.
  static absl::StatusOr<std::shared_ptr<const Tokenizer>> Create(absl::Span<const TokenizerPlugin> plugins,
                                                                 const skein_host& host, const std::string& kind,
                                                                 absl::Span<const uint8_t> vocabulary,
                                                                 const std::string& where,
                                                                 VocabularyOrigin origin = VocabularyOrigin::kGiven);
  Tokenizer(const Tokenizer&) = delete;
  Tokenizer& operator=(const Tokenizer&) = delete;

  const std::string& kind() const { return plugin_.id; }  // the plugin's id: "world", "bpe", "bytes"
  // Ids are below this. A model's embedding may have more rows.
  uint32_t vocab_size() const { return vocab_size_; }
  VocabularyOrigin origin() const { return origin_; }
  const std::string& where() const { return where_; }  // as Create was told

  // The tokens of any bytes, UTF-8 or not. There are no more tokens than bytes, unless the vocabulary normalises the
  // text and makes it longer. INVALID_ARGUMENT: the vocabulary has no token for a byte; says where.
  absl::StatusOr<std::vector<uint32_t>> Encode(absl::string_view text) const;

  // The bytes of the tokens, which may end inside a UTF-8 sequence. Ids without text, such as the end of text, give no
  // bytes. INVALID_ARGUMENT: an id that is not below vocab_size.
  absl::StatusOr<std::string> Decode(absl::Span<const uint32_t> tokens) const;

 private:
  using Object = std::unique_ptr<void, void (*)(void*)>;

  Tokenizer(TokenizerPlugin plugin, Object object, std::string where, VocabularyOrigin origin);

  const TokenizerPlugin plugin_;
  const Object object_;  // the plugin's; its table destroys it
  const std::string where_;
  const VocabularyOrigin origin_;
  const uint32_t vocab_size_;
};

}  // namespace skein

#endif  // SKEIN_TOKENIZER_TOKENIZER_H_
