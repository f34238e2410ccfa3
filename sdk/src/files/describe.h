// A model file in words, as `skein inspect` prints it.
#ifndef SKEIN_FILES_DESCRIBE_H_
#define SKEIN_FILES_DESCRIBE_H_

#include <cstdint>
#include <string>

#include "model/model_file.h"

namespace skein {

// The number of weights of the whole model.
uint64_t NumParameters(const ModelFile& model);

// Dimensions, types, tokenizer, provenance, and a line per tensor. Ends with a newline. Control characters of the
// file's texts are escaped.
std::string DescribeText(const ModelFile& model);

// The same as one JSON object, indented, with a newline at the end.
std::string DescribeJson(const ModelFile& model);

}  // namespace skein

#endif  // SKEIN_FILES_DESCRIBE_H_
