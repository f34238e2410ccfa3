#include "cuda/check/json.h"

#include <cmath>
#include <cstdio>

namespace skein::check {

std::string JsonText(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20) {
      quoted += ' ';
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

std::string JsonNumber(double value) {
  if (!std::isfinite(value)) return "null";
  char text[32];
  std::snprintf(text, sizeof(text), "%.9g", value);
  return text;
}

std::string JsonArray(const std::vector<std::string>& elements) {
  std::string joined;
  for (const std::string& element : elements) joined += (joined.empty() ? "" : ",\n") + element;
  return "[" + joined + "]";
}

JsonObject& JsonObject::Add(const std::string& name, const std::string& json) {
  members_ += (members_.empty() ? "" : ", ") + JsonText(name) + ": " + json;
  return *this;
}

}  // namespace skein::check
