#include "files/checkpoint/template_files.h"

#include <cstddef>
#include <utility>

#include "absl/strings/string_view.h"
#include "base/utf8.h"
#include "nlohmann/json.hpp"

namespace skein {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kTextFile = "chat_template.jinja";
constexpr const char* kJsonFiles[] = {"chat_template.json", "tokenizer_config.json"};
constexpr const char* kKey = "chat_template";

// Above a tokenizer_config.json that lists every token of a large vocabulary.
constexpr size_t kMaxFileBytes = 64 << 20;

// "": there is no such file, or it is too large.
absl::string_view Contents(const Checkpoint& checkpoint, const char* name) {
  const absl::StatusOr<absl::Span<const uint8_t>> bytes = checkpoint.OpenSibling(name);
  if (!bytes.ok() || bytes->size() > kMaxFileBytes) return "";
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

std::string TextOf(const Json& value) { return value.is_string() ? value.get<std::string>() : ""; }

// A list of {"name": ..., "template": ...}.
std::string ChooseFrom(const Json& templates) {
  std::string first;
  for (const Json& entry : templates) {
    if (!entry.is_object() || !entry.contains("template")) continue;
    std::string text = TextOf(entry["template"]);
    if (entry.contains("name") && entry["name"] == "default") return text;
    if (first.empty()) first = std::move(text);
  }
  return first;
}

std::string TemplateIn(absl::string_view contents) {
  const Json json = Json::parse(contents.begin(), contents.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains(kKey)) return "";
  const Json& value = json[kKey];
  if (value.is_array()) return ChooseFrom(value);
  if (value.is_object()) return value.contains("default") ? TextOf(value["default"]) : "";
  return TextOf(value);
}

}  // namespace

std::string ReadTemplateFiles(const Checkpoint& checkpoint) {
  std::string text(Contents(checkpoint, kTextFile));
  for (const char* file : kJsonFiles) {
    if (text.empty()) text = TemplateIn(Contents(checkpoint, file));
  }
  return ReplaceNonUtf8(text);
}

}  // namespace skein
