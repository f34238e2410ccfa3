// Python's string and byte string literals, as its repr writes them.
#ifndef SKEIN_PLUGINS_TOKENIZERS_WORLD_LITERAL_H_
#define SKEIN_PLUGINS_TOKENIZERS_WORLD_LITERAL_H_

#include <string>
#include <string_view>

namespace skein::tokenizers {

// Appends the bytes that `literal` stands for to `*bytes`: '...' and "..." give their UTF-8 encoding, b'...' and b"..."
// the bytes themselves. Escapes: \\ \' \" \a \b \f \n \r \t \v \xNN, and in strings \uNNNN \UNNNNNNNN. As in Python,
// \xNN is a code point in a string and a byte in a byte string, and a byte string is written in ASCII. Not known: octal
// and named escapes, raw and triple-quoted literals. Throws plugin::Error DATA_LOSS that says what is wrong at which
// byte of the literal; `*bytes` is then unspecified.
void AppendLiteral(std::string_view literal, std::string* bytes);

}  // namespace skein::tokenizers

#endif  // SKEIN_PLUGINS_TOKENIZERS_WORLD_LITERAL_H_
