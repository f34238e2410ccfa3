#include "files/checkpoint/known_formats.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "plugin/message.h"

namespace skein {

std::vector<std::string> ModelExtensions(absl::Span<const Plugin<skein_format_table>> formats) {
  std::vector<std::string> extensions = {".skein"};
  for (const Plugin<skein_format_table>& format : formats) {
    const std::string text = TextAt(format.table->extensions);
    for (const absl::string_view extension : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
      if (std::find(extensions.begin(), extensions.end(), extension) == extensions.end()) {
        extensions.emplace_back(extension);
      }
    }
  }
  return extensions;
}

std::string KnownFormatsText(absl::Span<const Plugin<skein_format_table>> formats) {
  std::string text = "a .skein package";
  if (formats.empty()) return absl::StrCat(text, " (no format plugin is loaded)");
  for (size_t i = 0; i < formats.size(); ++i) {
    const std::string extensions = TextAt(formats[i].table->extensions);
    absl::StrAppend(&text, i + 1 == formats.size() ? " or " : ", ", formats[i].id,
                    extensions.empty() ? "" : absl::StrCat(" (", extensions, ")"));
  }
  return text;
}

}  // namespace skein
