// The model's text on a terminal. Models may write any bytes, and a terminal obeys some of them: it would clear the
// screen, or answer into the next message.
#ifndef SKEIN_CLI_SCREEN_TEXT_H_
#define SKEIN_CLI_SCREEN_TEXT_H_

#include <string>
#include <string_view>

namespace skein::cli {

// `text` with U+FFFD for every control character but newline and tab. Carriage returns are left out. `text` does not
// begin or end inside a character.
std::string ScreenText(std::string_view text);

}  // namespace skein::cli

#endif  // SKEIN_CLI_SCREEN_TEXT_H_
