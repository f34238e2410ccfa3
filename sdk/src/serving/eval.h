// The synchronous level: one item of skein_eval as a job of the engine.
#ifndef SKEIN_SERVING_EVAL_H_
#define SKEIN_SERVING_EVAL_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/model.h"
#include "engine/stream.h"

namespace skein {

// What one stream is to be fed, and where its outputs go.
struct EvalItem {
  std::shared_ptr<Stream> stream;
  absl::Span<const uint32_t> tokens;
  uint32_t output_kind = 0;  // SKEIN_OUTPUT_*
  absl::Span<float> output;  // large enough: see CheckEvalItem
};

// OK if the item can run on `model`. The message names what is wrong, not the item.
absl::Status CheckEvalItem(const Model& model, const EvalItem& item);

// Runs checked items as one ragged batch and waits for them. Gives a status for each; a stream whose item failed is
// where it was.
std::vector<absl::Status> Eval(Model& model, absl::Span<const EvalItem> items);

}  // namespace skein

#endif  // SKEIN_SERVING_EVAL_H_
