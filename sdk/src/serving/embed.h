// Embeddings: the final hidden state of a text as one vector.
#ifndef SKEIN_SERVING_EMBED_H_
#define SKEIN_SERVING_EMBED_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/model.h"
#include "engine/stream.h"

namespace skein {

// The tokens of one text, and the place of its embedding.
struct EmbedItem {
  std::shared_ptr<Stream> stream = nullptr;  // read, and not moved; nullptr: the model's initial state
  absl::Span<const uint32_t> tokens = {};
  std::optional<absl::string_view> text = {};  // in place of tokens
  uint32_t pooling = 0;                        // SKEIN_POOLING_*
  bool normalise = false;
  absl::Span<float> embedding = {};  // at least [d_model]
  std::string tenant = "";           // of an item without a stream; "" is the common one
  int32_t priority = 0;              // the higher goes first
  uint64_t num_read = 0;             // output: the tokens of the text
};

// Computes the embeddings, in one batch as far as there is room, and gives a status for each; see skein_embed. An error
// in place of an item is its status.
std::vector<absl::Status> Embed(const std::shared_ptr<Model>& model, absl::Span<absl::StatusOr<EmbedItem>> items);

}  // namespace skein

#endif  // SKEIN_SERVING_EMBED_H_
