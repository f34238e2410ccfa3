// A file as the host hands it to a format plugin, and the files beside it. Header only.
#ifndef SKEIN_PLUGINS_SUPPORT_SOURCE_H_
#define SKEIN_PLUGINS_SUPPORT_SOURCE_H_

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "skein/plugin.h"
#include "support/boundary.h"
#include "support/checkpoint.h"

namespace skein::plugin {

// Borrows the host's skein_source, which lives until the checkpoint opened from it is closed. Cheap to copy.
class Source {
 public:
  explicit Source(const skein_source* source) : source_(source) {}

  std::span<const uint8_t> bytes() const { return {source_->data, source_->size_bytes}; }
  std::string_view path() const { return source_->path; }
  // The path without its folders.
  std::string_view file_name() const { return path().substr(path().rfind('/') + 1); }

  // The file `name` of the same folder, opened once however often it is asked for. Throws what the host says:
  // INVALID_ARGUMENT for anything but a plain file name without control characters, NOT_FOUND, and others.
  Source Sibling(const std::string& name) const {
    // A NUL would end the name early. Other control characters would reach terminals with the host's message.
    if (std::any_of(name.begin(), name.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
      throw Error(SKEIN_INVALID_ARGUMENT, "names the file " + Quote(name) + " beside it; expected a plain file name");
    }
    if (!SKEIN_HAS(skein_source, source_, open_sibling)) {
      throw Error(SKEIN_UNIMPLEMENTED, "names the file " + Quote(name) + " beside it, and this host opens none");
    }
    const skein_source* sibling = nullptr;
    skein_message message{};
    const int32_t code = source_->open_sibling(source_->context, name.c_str(), &sibling, &message);
    if (code != SKEIN_OK) throw Error(code, message.text);
    return Source(sibling);
  }

 private:
  const skein_source* source_;
};

// Returns read(sibling) for the file `name` beside `source`. Errors of `read` are thrown on with the name in front.
template <typename ReadFile>
auto ReadSibling(const Source& source, const std::string& name, ReadFile read) {
  const Source sibling = source.Sibling(name);
  try {
    return read(sibling);
  } catch (const Error& error) {
    throw Error(error.code(), Quote(name) + ": " + error.what());
  }
}

}  // namespace skein::plugin

#endif  // SKEIN_PLUGINS_SUPPORT_SOURCE_H_
