// Tokens that are read from the place of a stream without moving it: the synchronous work of scores and embeddings.
#ifndef SKEIN_SERVING_READING_H_
#define SKEIN_SERVING_READING_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "engine/model.h"
#include "engine/stream_state.h"
#include "scheduler/tenant.h"

namespace skein {

// Looks at the rows of output of one reading. Threads: one at a time.
class RowReader {
 public:
  virtual ~RowReader() = default;

  // The rows behind the tokens from number `first` on, counted from the first that is fed. An error ends the reading.
  // `rows` are gone when this returns.
  virtual absl::Status OnRows(uint64_t first, absl::Span<const float> rows) = 0;
};

struct Reading {
  StreamState at;                          // its pending token is fed first
  absl::Span<const uint32_t> tokens;       // of the vocabulary; if there is nothing to feed, the reading is done
  uint32_t output = 0;                     // SKEIN_STEP_LOGITS or SKEIN_STEP_HIDDEN
  uint64_t first_row = 0;                  // the first token whose row is wanted
  RowReader* reader = nullptr;             // outlives the call
  std::shared_ptr<Tenant> tenant = {};     // that it counts for
  int32_t priority = 0;                    // the higher goes first
  absl::Status status = absl::OkStatus();  // a reading with an error is not begun
};

// Runs the readings as ragged batches, waits for them, and sets the status of each. Each one that runs takes the place
// of a stream in the model's max_streams; 32 run at a time, if there is room for so many. A reading asks for admission
// when its turn has come. If the queue has no room for it, it waits for another one of the call to end.
// RESOURCE_EXHAUSTED of all that are left: there is room for none, and none runs. One that fails leaves the others
// alone. At any time a reading holds at most kMaxOutputBytes of rows, or one row.
void ReadAll(const std::shared_ptr<Model>& model, absl::Span<Reading> readings);

// OK if requests may have this priority.
absl::Status CheckPriority(int32_t priority);

// OK if all of `tokens` are in the vocabulary.
absl::Status CheckTokens(const Model& model, absl::Span<const uint32_t> tokens);

}  // namespace skein

#endif  // SKEIN_SERVING_READING_H_
