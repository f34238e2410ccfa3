// The parts of a model that a container gives, and that a ModelFile is made of.
#ifndef SKEIN_MODEL_MODEL_CONTENTS_H_
#define SKEIN_MODEL_MODEL_CONTENTS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "model/config.h"
#include "model/metadata.h"
#include "model/weight_source.h"

namespace skein {

struct ModelContents {
  std::string path;
  ModelConfig config;
  ModelMetadata metadata;
  absl::Span<const uint8_t> vocabulary;  // of metadata.tokenizer_kind; empty: none. Lives as long as `weights`
  std::vector<float> initial_state;      // canonical (backend.h), finite; empty: streams start from the fresh state
  std::string fingerprint;               // of the source weights, 32 hex digits; "": the container does not know it
  std::unique_ptr<WeightSource> weights;
};

}  // namespace skein

#endif  // SKEIN_MODEL_MODEL_CONTENTS_H_
