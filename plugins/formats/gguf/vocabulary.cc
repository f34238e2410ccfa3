#include "formats/gguf/vocabulary.h"

#include <cstddef>

#include "support/checkpoint.h"

namespace skein::formats {
namespace {

using plugin::FailCorrupt;
using plugin::Quote;

// Of llama.cpp's token types, those with text.
constexpr int32_t kNormal = 1;
constexpr int32_t kUserDefined = 4;
constexpr int32_t kByte = 6;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The bytes that `escaped` stands for: \n \r \t \xNN, and \ before any other character for that character.
std::string Unescape(std::string_view escaped, size_t id) {
  const auto fail = [&] {
    FailCorrupt("vocabulary: token " + std::to_string(id) + ": malformed escape in " + Quote(escaped));
  };
  std::string bytes;
  for (size_t i = 0; i < escaped.size(); ++i) {
    if (escaped[i] != '\\') {
      bytes += escaped[i];
      continue;
    }
    if (++i == escaped.size()) fail();
    switch (escaped[i]) {
      case 'n':
        bytes += '\n';
        break;
      case 'r':
        bytes += '\r';
        break;
      case 't':
        bytes += '\t';
        break;
      case 'x': {
        const int high = i + 1 < escaped.size() ? HexDigit(escaped[i + 1]) : -1;
        const int low = i + 2 < escaped.size() ? HexDigit(escaped[i + 2]) : -1;
        if (high < 0 || low < 0) fail();
        bytes += static_cast<char>(high * 16 + low);
        i += 2;
        break;
      }
      default:
        bytes += escaped[i];
    }
  }
  return bytes;
}

void AppendLiteral(std::string_view bytes, std::string* file) {
  constexpr std::string_view kHex = "0123456789abcdef";
  *file += "b'";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '\'' && c != '\\') {
      *file += c;
    } else {
      *file += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  *file += "'";
}

bool HasText(std::string_view token, size_t id, std::span<const int32_t> types) {
  if (token.empty()) return false;
  if (!types.empty()) return types[id] == kNormal || types[id] == kUserDefined || types[id] == kByte;
  return !(id == 0 && token == "<s>") && token != std::string("[PAD").append(std::to_string(id)).append("]");
}

}  // namespace

std::string WorldVocabularyFile(std::span<const std::string_view> tokens, std::span<const int32_t> types) {
  if (!types.empty() && types.size() != tokens.size()) {
    FailCorrupt("vocabulary: expected a type for each of " + std::to_string(tokens.size()) + " tokens, found " +
                std::to_string(types.size()));
  }
  std::string file;
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (!HasText(tokens[id], id, types)) continue;
    const std::string bytes = Unescape(tokens[id], id);
    file.append(std::to_string(id)).append(" ");
    AppendLiteral(bytes, &file);
    file.append(" ").append(std::to_string(bytes.size())).append("\n");
  }
  return file;
}

}  // namespace skein::formats
