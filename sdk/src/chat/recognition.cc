#include "chat/recognition.h"

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"

namespace skein {
namespace {

const ChatTemplate* Named(absl::string_view name) {
  const absl::StatusOr<const ChatTemplate*> found = FindChatTemplate(name);
  return found.ok() ? *found : nullptr;
}

// Other programs' names of our templates.
struct Alias {
  absl::string_view alias;
  absl::string_view name;
};
constexpr Alias kAliases[] = {{"rwkv-world", "world"}};  // llama.cpp

// A template, and the parts that a Jinja text for it has. The first row whose parts are all there counts.
struct Mark {
  absl::string_view name;
  absl::string_view parts[3];  // "" is in every text
};
constexpr Mark kMarks[] = {
    {"g1", {"User:", "Assistant:", "<think"}},
    {"world", {"User:", "Assistant:", ""}},
    {"raven", {"Bob:", "Alice:", ""}},
    {"instruct", {"Instruction:", "Response:", ""}},
};

const ChatTemplate* FromText(absl::string_view text) {
  if (const ChatTemplate* named = Named(text)) return named;
  for (const Alias& alias : kAliases) {
    if (text == alias.alias) return Named(alias.name);
  }
  for (const Mark& mark : kMarks) {
    bool fits = true;
    for (const absl::string_view part : mark.parts) fits = fits && absl::StrContains(text, part);
    if (fits) return Named(mark.name);
  }
  return nullptr;
}

// Whether a part of the name is g0 or g1, perhaps with a letter and a digit behind it: rwkv7-g1-2.9b, RWKV7-G1a-0.1B,
// rwkv7-g0a3-7.2b.
bool IsReasoningName(absl::string_view name) {
  for (const absl::string_view part : absl::StrSplit(name, absl::ByAnyChar("-_ ./"))) {
    const std::string lower = absl::AsciiStrToLower(part);
    if (!absl::StartsWith(lower, "g0") && !absl::StartsWith(lower, "g1")) continue;
    const absl::string_view edition = absl::string_view(lower).substr(2);
    if (edition.empty() || (edition.size() <= 2 && absl::ascii_isalpha(static_cast<unsigned char>(edition[0])))) {
      return true;
    }
  }
  return false;
}

}  // namespace

const ChatTemplate* RecogniseChatTemplate(const ChatClues& clues) {
  if (const ChatTemplate* from_file = FromText(clues.template_text)) return from_file;
  if (clues.tokenizer_kind == "world") return Named(IsReasoningName(clues.model_name) ? "g1" : "world");
  if (clues.tokenizer_kind == "bpe" && clues.generation == 4) return Named("raven");
  return nullptr;
}

}  // namespace skein
