// Standard input, output and error as the tool's callers leave them: closed, or not blocking, which is a setting that
// one program of a pipe makes for all.
#ifndef SKEIN_CLI_STANDARD_STREAMS_H_
#define SKEIN_CLI_STANDARD_STREAMS_H_

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string_view>

namespace skein::cli {

// Puts a descriptor that can be neither read nor written in the place of each standard one that is closed. So no other
// file that is opened gets the number of one, and its content is neither read as input nor mixed with output. Called
// before anything is opened.
void FillClosedStreams();

// Writes all of `bytes`, and waits where the descriptor does not. 0, or an errno; then a part may be written.
int WriteAll(int descriptor, std::string_view bytes);

// Reads some bytes, and waits for them where the descriptor does not. 0: the end; -1: it failed (errno).
ssize_t ReadSome(int descriptor, std::span<char> bytes);

}  // namespace skein::cli

#endif  // SKEIN_CLI_STANDARD_STREAMS_H_
