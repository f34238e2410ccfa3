#include "chat/recognition.h"

#include <cstddef>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "chat/jinja_text.h"

namespace skein {
namespace {

constexpr absl::string_view kG1 = "g1";
constexpr absl::string_view kWorld = "world";
constexpr absl::string_view kRaven = "raven";
constexpr absl::string_view kInstruct = "instruct";

const ChatTemplate* Named(absl::string_view name) {
  for (const ChatTemplate& chat_template : ChatTemplates()) {
    if (chat_template.name == name) return &chat_template;
  }
  return nullptr;
}

// The labels of its turns tell the template that a text is for. The first row whose labels are all there counts.
struct Labels {
  absl::string_view first;
  absl::string_view second;
  absl::string_view name;
};
constexpr Labels kLabels[] = {
    {"User:", "Assistant:", kWorld}, {"Bob:", "Alice:", kRaven}, {"Instruction:", "Response:", kInstruct}};

// llama.cpp's name for World's template, which older files have in place of a text.
constexpr absl::string_view kWorldAlias = "rwkv-world";

// "": the text is not one of RWKV's.
absl::string_view TemplateByLabels(absl::string_view text) {
  if (text == kWorldAlias) return kWorld;
  for (const Labels& labels : kLabels) {
    if (absl::StrContains(text, labels.first) && absl::StrContains(text, labels.second)) return labels.name;
  }
  return "";
}

// Whether the answer begins with a think block although the host asked for nothing.
bool OpensThinkBlock(absl::string_view text) {
  const std::string written = CertainJinjaText(text);
  const absl::string_view end = absl::StripTrailingAsciiWhitespace(written);
  return absl::EndsWith(end, "<think") || absl::EndsWith(end, "<think>");
}

// "g1" of "RWKV-7 (G1)", "g1a2" of "rwkv7-g1a2-0.4b": takes the next part of a name in small letters off `*rest`.
std::string TakePart(absl::string_view* rest) {
  size_t size = 0;
  while (size < rest->size() && absl::ascii_isalnum(static_cast<unsigned char>((*rest)[size]))) ++size;
  std::string part = absl::AsciiStrToLower(rest->substr(0, size));
  rest->remove_prefix(size < rest->size() ? size + 1 : size);
  return part;
}

// g0 or g1, perhaps with an edition behind it, a letter and a digit: g1, g1a, g0a3. "rwkv7" may stand in front.
bool IsReasoningPart(absl::string_view part) {
  absl::ConsumePrefix(&part, "rwkv7");
  if (!absl::ConsumePrefix(&part, "g0") && !absl::ConsumePrefix(&part, "g1")) return false;
  return part.empty() || (part.size() <= 2 && absl::ascii_isalpha(static_cast<unsigned char>(part[0])));
}

// "": the name tells nothing.
absl::string_view TemplateByName(absl::string_view name, uint32_t generation) {
  absl::string_view found;
  while (!name.empty()) {
    const std::string part = TakePart(&name);
    if (generation == 7 && IsReasoningPart(part)) return kG1;  // some of their names say World too
    if (absl::StartsWith(part, "world")) found = kWorld;
    if (generation == 4 && part == "raven") found = kRaven;
  }
  return found;
}

}  // namespace

RecognisedTemplate RecogniseChatTemplate(const ChatClues& clues) {
  if (const ChatTemplate* named = Named(clues.template_text)) return {named, ChatClue::kTemplateName};
  const absl::string_view by_labels = TemplateByLabels(clues.template_text);
  if (!by_labels.empty() && by_labels != kWorld) return {Named(by_labels), ChatClue::kTemplateText};
  const absl::string_view by_name = TemplateByName(clues.model_name, clues.generation);
  if (!by_name.empty()) return {Named(by_name), ChatClue::kModelName};
  if (by_labels == kWorld) {
    return {Named(OpensThinkBlock(clues.template_text) ? kG1 : kWorld), ChatClue::kTemplateText};
  }
  if (clues.tokenizer_kind == "world") return {Named(kWorld), ChatClue::kVocabulary};
  if (clues.tokenizer_kind == "bpe" && clues.generation == 4) return {Named(kRaven), ChatClue::kVocabulary};
  return {};
}

bool TellsChatTemplate(absl::string_view model_name, uint32_t generation) {
  return !TemplateByName(model_name, generation).empty();
}

absl::string_view ChatClueText(ChatClue clue) {
  switch (clue) {
    case ChatClue::kNone:
      return "";
    case ChatClue::kTemplateName:
      return "metadata";
    case ChatClue::kTemplateText:
      return "template text";
    case ChatClue::kModelName:
      return "name";
    case ChatClue::kVocabulary:
      return "vocabulary";
  }
  return "";
}

}  // namespace skein
