#include "token_list.h"

#include <charconv>

#include "failure.h"

namespace skein::cli {
namespace {

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::string Quoted(char c) {
  constexpr char kHex[] = "0123456789abcdef";
  if (c >= 0x20 && c < 0x7f) return std::string("\"") + c + "\"";
  const auto byte = static_cast<unsigned char>(c);
  return std::string("byte 0x") + kHex[byte >> 4] + kHex[byte & 15];
}

}  // namespace

std::vector<skein_token> ParseTokens(std::string_view text, const std::string& where) {
  enum class After { kNothing, kId, kComma };  // the last thing before the next id, but for white space
  std::vector<skein_token> tokens;
  After after = After::kNothing;
  bool in_array = false;
  size_t i = 0;
  const auto refuse = [&](const std::string& expected, const std::string& found) {
    throw Failure(where + ": byte " + std::to_string(i) + ": expected " + expected + ", found " + found);
  };
  while (i < text.size()) {
    const char c = text[i];
    if (IsSpace(c)) {
      ++i;
    } else if (c >= '0' && c <= '9') {
      skein_token token = 0;
      const auto [end, error] = std::from_chars(text.data() + i, text.data() + text.size(), token);
      const size_t next = static_cast<size_t>(end - text.data());
      if (error != std::errc()) refuse("a token id of at most 4294967295", std::string(text.substr(i, next - i)));
      tokens.push_back(token);
      after = After::kId;
      i = next;
      if (i < text.size() && !IsSpace(text[i]) && text[i] != ',' && text[i] != ']') {
        refuse("a comma or white space after a token id", Quoted(text[i]));
      }
    } else if (c == ',' && after == After::kId) {
      after = After::kComma;
      ++i;
    } else if (c == '[' && !in_array && after == After::kNothing) {
      in_array = true;
      ++i;
    } else if (c == ']' && in_array && after != After::kComma) {
      in_array = false;
      after = After::kNothing;
      ++i;
    } else {
      refuse("a token id", Quoted(c));
    }
  }
  if (in_array) refuse("\"]\"", "the end");
  if (after == After::kComma) refuse("a token id", "the end");
  return tokens;
}

std::string FormatTokens(const std::vector<skein_token>& tokens) {
  std::string text = "[";
  for (const skein_token token : tokens) {
    if (text.size() > 1) text += ',';
    text += std::to_string(token);
  }
  return text + "]";
}

}  // namespace skein::cli
