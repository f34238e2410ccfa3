// A model file in words, as `skein inspect` prints it.
#ifndef SKEIN_FILES_DESCRIBE_H_
#define SKEIN_FILES_DESCRIBE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "model/model_file.h"

namespace skein {

// The number of weights of the whole model.
uint64_t NumParameters(const ModelFile& model);

// The template of a model's conversations, and the fact that decided it. "": no fact tells one.
struct DescribedTemplate {
  std::string name;
  std::string decided_by;
};

// The vocabulary that a model is used with if its host names none.
struct DescribedVocabulary {
  std::string kind;                // id of the tokenizer plugin; "": there is none
  std::string origin;              // "model", "beside" or "box" (skein_tokenizer_info)
  std::string where;               // path, or name
  std::vector<std::string> notes;  // what is wrong with it, or why there is none
};

// The decisions about a model that depend on more than its file.
struct Decisions {
  DescribedTemplate chat = {};
  DescribedVocabulary vocabulary = {};
};

// Dimensions, types, tokenizer, conversations, provenance, and a line per tensor. Ends with a newline. Control
// characters of the file's texts are escaped.
std::string DescribeText(const ModelFile& model, const Decisions& decisions = {});

// The same as one JSON object, indented, with a newline at the end.
std::string DescribeJson(const ModelFile& model, const Decisions& decisions = {});

}  // namespace skein

#endif  // SKEIN_FILES_DESCRIBE_H_
