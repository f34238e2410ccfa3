// Going back in a stream, or branching off in front of its end. A stream takes the state of the last checkpoint that is
// not behind the place [state/history.h], and reads the tokens between the two again.
#ifndef SKEIN_SERVING_GO_BACK_H_
#define SKEIN_SERVING_GO_BACK_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "engine/stream.h"
#include "engine/stream_state.h"
#include "state/history.h"

namespace skein {

// Takes the stream back to `position`, where nothing is pending, and waits for it. Gives the number of tokens that were
// read again. No effect at the stream's last position, that of a pending token included. FAILED_PRECONDITION: there is
// a writer. OUT_OF_RANGE: the stream's tokens up to the position are not known, or the state to begin with is gone.
// Also the codes of an eval. On failure the stream is what it was.
absl::StatusOr<uint64_t> Truncate(const std::shared_ptr<Stream>& stream, uint64_t position);

struct Branch {
  std::shared_ptr<Stream> stream;
  uint64_t num_replayed = 0;
};

// The most bytes of a checkpoint's name.
inline constexpr size_t kMaxCheckpointName = 63;

// A new stream as a fork of `stream` that was truncated. `stream` stays where it is, and may have a writer.
// RESOURCE_EXHAUSTED: the model has max_streams.
absl::StatusOr<Branch> ForkAt(const Stream& stream, uint64_t position);

// Names the stream's last position. INVALID_ARGUMENT: not 1 to kMaxCheckpointName bytes. ALREADY_EXISTS: another place
// of the stream has the name. FAILED_PRECONDITION: there is a writer.
absl::Status SetCheckpoint(const std::shared_ptr<Stream>& stream, std::string name);

// --- what a stream that stands at `at` has read ---

// The number of tokens from `begin` to the last position. OUT_OF_RANGE: `begin` is not among the positions known.
absl::StatusOr<uint64_t> NumTokensFrom(const StreamState& at, uint64_t begin);
// Reads these tokens.
void ReadTokens(const StreamState& at, uint64_t begin, absl::Span<uint32_t> tokens);

// NOT_FOUND: no place has the name.
absl::StatusOr<uint64_t> FindCheckpoint(const StreamState& at, absl::string_view name);
std::vector<StreamCheckpoint> ListCheckpoints(const StreamState& at);

}  // namespace skein

#endif  // SKEIN_SERVING_GO_BACK_H_
