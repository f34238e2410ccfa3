// The boundary of a plugin, for every C++ plugin of the tree: errors are exceptions inside the plugin, and a code with
// a message outside. Header only; needs the C++20 standard library and the plugin headers.
#ifndef SKEIN_PLUGINS_SUPPORT_BOUNDARY_H_
#define SKEIN_PLUGINS_SUPPORT_BOUNDARY_H_

#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include "skein/plugin.h"

namespace skein::plugin {

// Thrown inside a plugin; `Guard` turns it into the code and message of the boundary.
class Error : public std::exception {
 public:
  Error(int32_t code, std::string text) : code_(code), text_(std::move(text)) {}
  int32_t code() const { return code_; }
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  int32_t code_;
  std::string text_;
};

inline void WriteMessage(skein_message* message, const char* text) {
  if (message == nullptr) return;
  std::strncpy(message->text, text, sizeof(message->text) - 1);
  message->text[sizeof(message->text) - 1] = '\0';
}

// Runs `body` and gives the code of the boundary. Nothing that `body` throws crosses it.
template <typename Body>
int32_t Guard(skein_message* message, Body&& body) noexcept {
  try {
    std::forward<Body>(body)();
    return SKEIN_OK;
  } catch (const Error& error) {
    WriteMessage(message, error.what());
    return error.code();
  } catch (const std::bad_alloc&) {
    WriteMessage(message, "out of memory");
    return SKEIN_RESOURCE_EXHAUSTED;
  } catch (const std::exception& error) {
    WriteMessage(message, error.what());
    return SKEIN_INTERNAL;
  } catch (...) {
    WriteMessage(message, "unknown exception");
    return SKEIN_INTERNAL;
  }
}

// The version handshake of skein_plugin_entry: answers with ABI 1, or says why not.
inline int32_t Answer(const skein_plugin_offer* offer, skein_plugin_answer* answer, skein_message* message,
                      uint32_t kind, const char* id, const char* version, const char* description, const void* table) {
  if (offer->abi_min > SKEIN_PLUGIN_ABI || offer->abi_max < SKEIN_PLUGIN_ABI) {
    WriteMessage(message, ("plugin speaks ABI " + std::to_string(SKEIN_PLUGIN_ABI) + "; the host offers " +
                           std::to_string(offer->abi_min) + " to " + std::to_string(offer->abi_max))
                              .c_str());
    return SKEIN_FAILED_PRECONDITION;
  }
  answer->abi = SKEIN_PLUGIN_ABI;
  answer->kind = kind;
  answer->id = id;
  answer->version = version;
  answer->description = description;
  answer->table = table;
  return SKEIN_OK;
}

}  // namespace skein::plugin

#endif  // SKEIN_PLUGINS_SUPPORT_BOUNDARY_H_
