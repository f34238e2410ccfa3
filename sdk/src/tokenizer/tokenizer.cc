#include "tokenizer/tokenizer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status.h"
#include "plugin/message.h"
#include "plugin/table_rules.h"

namespace skein {
namespace {

std::string IdsOf(absl::Span<const TokenizerPlugin> plugins) {
  if (plugins.empty()) return "none";
  return absl::StrJoin(plugins, ", ", [](std::string* out, const TokenizerPlugin& plugin) { out->append(plugin.id); });
}

absl::StatusOr<TokenizerPlugin> FindByKind(absl::Span<const TokenizerPlugin> plugins, const std::string& kind) {
  for (const TokenizerPlugin& plugin : plugins) {
    if (plugin.id == kind) return plugin;
  }
  return absl::NotFoundError(absl::StrCat("expected tokenizer plugin \"", kind, "\", found plugins: ", IdsOf(plugins)));
}

// Whether a text starts with the byte order mark that Windows writes in front of UTF-16.
bool IsUtf16(absl::Span<const uint8_t> text) {
  return text.size() >= 2 && ((text[0] == 0xFF && text[1] == 0xFE) || (text[0] == 0xFE && text[1] == 0xFF));
}

absl::StatusOr<TokenizerPlugin> FindByContent(absl::Span<const TokenizerPlugin> plugins,
                                              absl::Span<const uint8_t> vocabulary) {
  const TokenizerPlugin* best = nullptr;
  uint32_t best_score = 0;
  for (const TokenizerPlugin& plugin : plugins) {
    if (!SKEIN_HAS(skein_tokenizer_table, plugin.table, probe)) continue;
    const uint32_t score = plugin.table->probe(vocabulary.data(), vocabulary.size());
    if (score <= best_score) continue;
    best = &plugin;
    best_score = score;
  }
  if (best != nullptr) return *best;
  if (IsUtf16(vocabulary)) {
    return absl::InvalidArgumentError("expected a vocabulary in UTF-8, found text in UTF-16");
  }
  return absl::InvalidArgumentError(absl::StrCat("expected a vocabulary that a tokenizer plugin recognises, found ",
                                                 vocabulary.size(),
                                                 " bytes that none does; plugins: ", IdsOf(plugins)));
}

absl::Status SizeError(const std::string& plugin_id, const char* function, uint64_t size, uint64_t capacity) {
  return absl::InternalError(
      absl::StrCat(plugin_id, ": ", function, ": expected a size of at most ", capacity, ", found ", size));
}

}  // namespace

const char* OriginName(VocabularyOrigin origin) {
  switch (origin) {
    case VocabularyOrigin::kGiven:
      return "given";
    case VocabularyOrigin::kModel:
      return "model";
    case VocabularyOrigin::kBeside:
      return "beside";
    case VocabularyOrigin::kBox:
      return "box";
  }
  return "";
}

std::optional<TokenizerPlugin> FindVocabularyName(absl::Span<const TokenizerPlugin> plugins, absl::string_view name) {
  constexpr uint32_t kCertain = 100;
  const auto* bytes = reinterpret_cast<const uint8_t*>(name.data());
  for (const TokenizerPlugin& plugin : plugins) {
    if (!SKEIN_HAS(skein_tokenizer_table, plugin.table, probe)) continue;
    if (plugin.table->probe(bytes, name.size()) == kCertain) return plugin;
  }
  return std::nullopt;
}

absl::StatusOr<std::string> OwnVocabulary(const TokenizerPlugin& plugin) {
  std::string vocabulary;
  if (!SKEIN_HAS(skein_tokenizer_table, plugin.table, own_vocabulary)) return vocabulary;
  uint64_t size_bytes = 0;
  skein_message message = {};
  const auto write = [&] {
    return plugin.table->own_vocabulary(reinterpret_cast<uint8_t*>(vocabulary.data()), vocabulary.size(), &size_bytes,
                                        &message);
  };
  int32_t code = write();
  if (code == SKEIN_OUT_OF_RANGE) {
    if (size_bytes > vocabulary.max_size()) {
      return SizeError(plugin.id, "own_vocabulary", size_bytes, vocabulary.max_size());
    }
    vocabulary.resize(size_bytes);
    code = write();
  }
  SKEIN_RETURN_IF_ERROR(FromPlugin(code, message, plugin.id));
  if (size_bytes > vocabulary.size()) {
    return SizeError(plugin.id, "own_vocabulary", size_bytes, vocabulary.size());
  }
  vocabulary.resize(size_bytes);
  return vocabulary;
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> Tokenizer::Create(absl::Span<const TokenizerPlugin> plugins,
                                                                   const skein_host& host, const std::string& kind,
                                                                   absl::Span<const uint8_t> vocabulary,
                                                                   const std::string& where, VocabularyOrigin origin) {
  absl::StatusOr<TokenizerPlugin> plugin =
      kind.empty() ? FindByContent(plugins, vocabulary) : FindByKind(plugins, kind);
  if (!plugin.ok()) return Annotate(plugin.status(), where);
  SKEIN_RETURN_IF_ERROR(
      Annotate(CheckTable(plugin->table), absl::StrCat(where, ": tokenizer plugin \"", plugin->id, "\"")));

  void* object = nullptr;
  skein_message message = {};
  const int32_t code = plugin->table->create(&host, vocabulary.data(), vocabulary.size(), &object, &message);
  SKEIN_RETURN_IF_ERROR(Annotate(FromPlugin(code, message, plugin->id), where));
  // From here on `object` has an owner, whatever throws.
  std::unique_ptr<void, void (*)(void*)> owned(object, plugin->table->destroy);
  return std::shared_ptr<const Tokenizer>(new Tokenizer(*std::move(plugin), std::move(owned), where, origin));
}

Tokenizer::Tokenizer(TokenizerPlugin plugin, Object object, std::string where, VocabularyOrigin origin)
    : plugin_(std::move(plugin)),
      object_(std::move(object)),
      where_(std::move(where)),
      origin_(origin),
      vocab_size_(plugin_.table->vocab_size(object_.get())) {}

absl::StatusOr<std::vector<uint32_t>> Tokenizer::Encode(absl::string_view text) const {
  // There are seldom more tokens than bytes. A vocabulary that normalises can make a text longer: then a second call
  // has the exact size.
  std::vector<uint32_t> tokens(text.size());
  uint64_t count = 0;
  skein_message message = {};
  const auto encode = [&] {
    return plugin_.table->encode(object_.get(), reinterpret_cast<const uint8_t*>(text.data()), text.size(),
                                 tokens.data(), tokens.size(), &count, &message);
  };
  int32_t code = encode();
  if (code == SKEIN_OUT_OF_RANGE && count > tokens.size()) {
    if (count > tokens.max_size()) return SizeError(plugin_.id, "encode", count, tokens.max_size());
    tokens.resize(count);
    code = encode();
  }
  SKEIN_RETURN_IF_ERROR(FromPlugin(code, message, plugin_.id));
  if (count > tokens.size()) return SizeError(plugin_.id, "encode", count, tokens.size());
  tokens.resize(count);
  tokens.shrink_to_fit();
  return tokens;
}

absl::StatusOr<std::string> Tokenizer::Decode(absl::Span<const uint32_t> tokens) const {
  // Most tokens are short, so that one call is enough for most texts. Else a second call has the exact size.
  constexpr uint64_t kLikelyTokenBytes = 16;
  std::string text(tokens.size() * kLikelyTokenBytes, '\0');
  uint64_t size_bytes = 0;
  skein_message message = {};
  const auto decode = [&] {
    return plugin_.table->decode(object_.get(), tokens.data(), tokens.size(), reinterpret_cast<uint8_t*>(text.data()),
                                 text.size(), &size_bytes, &message);
  };
  int32_t code = decode();
  if (code == SKEIN_OUT_OF_RANGE && size_bytes > text.size()) {
    if (size_bytes > text.max_size()) return SizeError(plugin_.id, "decode", size_bytes, text.max_size());
    text.resize(size_bytes);
    code = decode();
  }
  SKEIN_RETURN_IF_ERROR(FromPlugin(code, message, plugin_.id));
  if (size_bytes > text.size()) return SizeError(plugin_.id, "decode", size_bytes, text.size());
  text.resize(size_bytes);
  return text;
}

}  // namespace skein
