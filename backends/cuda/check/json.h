// Writes JSON: objects whose members are added in order. For reports; it reads nothing.
#ifndef SKEIN_BACKENDS_CUDA_CHECK_JSON_H_
#define SKEIN_BACKENDS_CUDA_CHECK_JSON_H_

#include <string>
#include <vector>

namespace skein::check {

// Quoted, with what JSON does not allow in a text escaped.
std::string JsonText(const std::string& text);
// "null" for what JSON has no number for.
std::string JsonNumber(double value);
// The elements are JSON.
std::string JsonArray(const std::vector<std::string>& elements);

class JsonObject {
 public:
  JsonObject& Text(const std::string& name, const std::string& text) { return Add(name, JsonText(text)); }
  JsonObject& Number(const std::string& name, double value) { return Add(name, JsonNumber(value)); }
  // `json` is JSON.
  JsonObject& Add(const std::string& name, const std::string& json);

  std::string Get() const { return "{" + members_ + "}"; }

 private:
  std::string members_;
};

}  // namespace skein::check

#endif  // SKEIN_BACKENDS_CUDA_CHECK_JSON_H_
