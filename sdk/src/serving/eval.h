// The synchronous level: the items of a skein_eval as jobs of the engine.
#ifndef SKEIN_SERVING_EVAL_H_
#define SKEIN_SERVING_EVAL_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "engine/model.h"
#include "engine/stream.h"

namespace skein {

// The tokens for one stream, and the place of its outputs.
struct EvalItem {
  std::shared_ptr<Stream> stream;
  absl::Span<const uint32_t> tokens;
  uint32_t output_kind = 0;  // SKEIN_OUTPUT_*
  absl::Span<float> output = {};
};

// Runs the items as one ragged batch and waits for them. Gives a status for each item. An error in place of an item is
// its status. Any other item gets an error if it cannot run, else the status of its end. If an item fails, its stream
// is where it was.
std::vector<absl::Status> Eval(const Model& model, absl::Span<const absl::StatusOr<EvalItem>> items);

}  // namespace skein

#endif  // SKEIN_SERVING_EVAL_H_
