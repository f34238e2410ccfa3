#include "tokenizers/world/literal.h"

#include <cstdint>

#include "support/boundary.h"

namespace skein::tokenizers {
namespace {

enum class LiteralKind { kString, kBytes };

[[noreturn]] void Fail(size_t position, const std::string& what) {
  throw plugin::Error(SKEIN_DATA_LOSS, "literal, byte " + std::to_string(position) + ": " + what);
}

bool IsSurrogate(uint32_t code_point) { return code_point >= 0xD800 && code_point <= 0xDFFF; }

void AppendUtf8(uint32_t code_point, std::string* bytes) {
  const auto continuation = [&](int shift) {
    bytes->push_back(static_cast<char>(0x80 | ((code_point >> shift) & 0x3F)));
  };
  if (code_point < 0x80) {
    bytes->push_back(static_cast<char>(code_point));
  } else if (code_point < 0x800) {
    bytes->push_back(static_cast<char>(0xC0 | (code_point >> 6)));
    continuation(0);
  } else if (code_point < 0x10000) {
    bytes->push_back(static_cast<char>(0xE0 | (code_point >> 12)));
    continuation(6);
    continuation(0);
  } else {
    bytes->push_back(static_cast<char>(0xF0 | (code_point >> 18)));
    continuation(12);
    continuation(6);
    continuation(0);
  }
}

// The number written as `num_digits` hexadecimal digits at `position`.
uint32_t HexNumber(std::string_view literal, size_t position, size_t num_digits) {
  uint32_t number = 0;
  for (size_t i = position; i < position + num_digits; ++i) {
    const char c = i < literal.size() ? literal[i] : '\0';
    uint32_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<uint32_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<uint32_t>(c - 'a' + 10);
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<uint32_t>(c - 'A' + 10);
    } else {
      Fail(i, "expected " + std::to_string(num_digits) + " hexadecimal digits in this escape");
    }
    number = number * 16 + digit;
  }
  return number;
}

// Bytes of the well-formed UTF-8 sequence at `position`; 0 if there is none.
size_t Utf8SequenceSize(std::string_view text, size_t position) {
  const auto byte = [&](size_t i) -> uint32_t {
    return position + i < text.size() ? static_cast<uint8_t>(text[position + i]) : 0;
  };
  const uint32_t lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t size = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  uint32_t code_point = size == 2 ? lead & 0x1F : size == 3 ? lead & 0x0F : lead & 0x07;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code_point = code_point << 6 | (byte(i) & 0x3F);
  }
  const bool overlong = (size == 3 && code_point < 0x800) || (size == 4 && code_point < 0x10000);
  return overlong || IsSurrogate(code_point) || code_point > 0x10FFFF ? 0 : size;
}

// Appends what the escape at `position`, a backslash, stands for. Returns its size in the literal.
size_t AppendEscape(std::string_view literal, size_t position, LiteralKind kind, std::string* bytes) {
  const char letter = literal[position + 1];  // the closing quote at least
  size_t num_digits = 0;
  switch (letter) {
    case '\\':
    case '\'':
    case '"':
      bytes->push_back(letter);
      return 2;
    case 'a':
      bytes->push_back('\a');
      return 2;
    case 'b':
      bytes->push_back('\b');
      return 2;
    case 'f':
      bytes->push_back('\f');
      return 2;
    case 'n':
      bytes->push_back('\n');
      return 2;
    case 'r':
      bytes->push_back('\r');
      return 2;
    case 't':
      bytes->push_back('\t');
      return 2;
    case 'v':
      bytes->push_back('\v');
      return 2;
    case 'x':
      num_digits = 2;
      break;
    case 'u':
      num_digits = 4;
      break;
    case 'U':
      num_digits = 8;
      break;
    default:
      break;
  }
  if (num_digits == 0 || (num_digits > 2 && kind == LiteralKind::kBytes)) {
    const std::string expected = R"(unknown escape; expected one of \\ \' \" \a \b \f \n \r \t \v \xNN)";
    Fail(position, kind == LiteralKind::kBytes ? expected : expected + R"( \uNNNN \UNNNNNNNN)");
  }
  const uint32_t number = HexNumber(literal, position + 2, num_digits);
  if (kind == LiteralKind::kBytes) {
    bytes->push_back(static_cast<char>(number));
  } else if (IsSurrogate(number) || number > 0x10FFFF) {
    Fail(position, "expected a code point that UTF-8 can encode, found " + std::to_string(number));
  } else {
    AppendUtf8(number, bytes);
  }
  return 2 + num_digits;
}

}  // namespace

void AppendLiteral(std::string_view literal, std::string* bytes) {
  size_t position = 0;
  LiteralKind kind = LiteralKind::kString;
  if (!literal.empty() && literal[0] == 'b') {
    kind = LiteralKind::kBytes;
    position = 1;
  }
  const char quote = position < literal.size() ? literal[position] : '\0';
  if (quote != '\'' && quote != '"') Fail(position, "expected ' or \" or b' or b\"");
  ++position;
  const size_t end = literal.size() - 1;  // of the closing quote
  if (end < position || literal[end] != quote) Fail(literal.size(), std::string("expected a closing ") + quote);

  while (position < end) {
    const char c = literal[position];
    if (c == quote) Fail(position, std::string("expected the end of the literal after ") + quote);
    if (c == '\\') {
      position += AppendEscape(literal, position, kind, bytes);
      continue;
    }
    const size_t size = Utf8SequenceSize(literal.substr(0, end), position);
    if (size == 0) Fail(position, "expected UTF-8, found byte " + std::to_string(static_cast<uint8_t>(c)));
    if (size > 1 && kind == LiteralKind::kBytes) Fail(position, "expected ASCII in a byte string");
    bytes->append(literal.substr(position, size));
    position += size;
  }
  // An escape that took the closing quote, as in '\', ends behind it.
  if (position != end) Fail(end, std::string("expected a closing ") + quote + ", found it escaped");
}

}  // namespace skein::tokenizers
