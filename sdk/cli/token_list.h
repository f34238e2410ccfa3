// Lists of token ids as text.
#ifndef SKEIN_CLI_TOKEN_LIST_H_
#define SKEIN_CLI_TOKEN_LIST_H_

#include <string>
#include <string_view>
#include <vector>

#include "skein/skein.h"

namespace skein::cli {

// Reads ids separated by commas or white space, bare or as JSON arrays; several arrays are joined. Throws Error that
// names the byte of `where` at which something else was found. Does not check that an id is in a vocabulary.
std::vector<skein_token> ParseTokens(std::string_view text, const std::string& where);

// One JSON array without spaces, such as [1,2,3].
std::string FormatTokens(const std::vector<skein_token>& tokens);

}  // namespace skein::cli

#endif  // SKEIN_CLI_TOKEN_LIST_H_
