// Codes and texts as a plugin gave them, made safe to pass on. Everything that a plugin writes passes here on its way
// to a log, an error or an event.
#ifndef SKEIN_PLUGIN_MESSAGE_H_
#define SKEIN_PLUGIN_MESSAGE_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "skein/plugin.h"

namespace skein {

// The UTF-8 text in an array that a plugin filled. It ends at its NUL, or at the end of the array if the plugin wrote
// none.
template <size_t N>
std::string TextOf(const char (&array)[N]);

// The UTF-8 text of a string that ends with a NUL, "" for NULL. No more than 4096 bytes of it are read.
std::string TextAt(const char* text);

// Makes an array that a plugin filled hold TextOf(array), cut if need be, with a NUL behind it.
template <size_t N>
void EndText(char (&array)[N]);

// The code and message of a plugin's function as a status. INTERNAL: the code is not in status.h, or it is CANCELLED,
// DEADLINE_EXCEEDED or UNAUTHENTICATED. These three speak of a caller, not of a plugin: if CANCELLED were passed on, a
// request would look cancelled that nobody cancelled.
absl::Status FromPlugin(int32_t code, const skein_message& message, absl::string_view plugin_id);

// --- implementation ---

// At most `size` bytes, up to the first NUL.
std::string TextWithin(const char* text, size_t size);
void EndTextWithin(char* text, size_t size);

template <size_t N>
std::string TextOf(const char (&array)[N]) {
  return TextWithin(array, N);
}

template <size_t N>
void EndText(char (&array)[N]) {
  EndTextWithin(array, N);
}

}  // namespace skein

#endif  // SKEIN_PLUGIN_MESSAGE_H_
