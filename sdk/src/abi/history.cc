// skein/history.h.
#include "skein/history.h"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "abi/guard.h"
#include "abi/handle.h"
#include "serving/go_back.h"

namespace skein::abi {

namespace {

static_assert(sizeof(skein_checkpoint::name) == kMaxCheckpointName + 1);

// Through `name`, the last field of the first version of the struct.
constexpr uint32_t kMinCheckpointBytes = offsetof(skein_checkpoint, name) + sizeof(skein_checkpoint::name);

void WriteCheckpoint(const StreamCheckpoint& from, uint32_t size, void* to) {
  skein_checkpoint checkpoint = {};
  checkpoint.position = from.position;
  checkpoint.state_bytes = from.num_bytes;
  from.name.copy(checkpoint.name, kMaxCheckpointName);
  std::memcpy(to, &checkpoint, std::min<size_t>(size, sizeof(checkpoint)));
}

}  // namespace

extern "C" {

SKEIN_API skein_status skein_stream_tokens(skein_stream stream, uint64_t begin, skein_token* tokens, uint64_t capacity,
                                           uint64_t* count, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(stream));
    const StreamState at = object->Committed();
    SKEIN_ASSIGN_OR_RETURN(const uint64_t needed, NumTokensFrom(at, begin));
    SKEIN_ASSIGN_OR_RETURN(const BufferUse use, CheckBuffer(tokens, capacity, needed, count, "tokens"));
    if (use == BufferUse::kWrite) ReadTokens(at, begin, {tokens, needed});
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_stream_truncate(skein_stream stream, uint64_t position, uint64_t* replayed,
                                             skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(stream));
    SKEIN_ASSIGN_OR_RETURN(const uint64_t num_replayed, Truncate(object, position));
    if (replayed != nullptr) *replayed = num_replayed;
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_stream_fork_at(skein_stream stream, uint64_t position, skein_stream* copy,
                                            uint64_t* replayed, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_RETURN_IF_ERROR(CheckPointer(copy, "copy"));
    *copy = nullptr;
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(stream));
    SKEIN_ASSIGN_OR_RETURN(Branch branch, ForkAt(*object, position));
    SKEIN_ASSIGN_OR_RETURN(*copy, Wrap<skein_stream>(std::move(branch.stream)));
    if (replayed != nullptr) *replayed = branch.num_replayed;
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_stream_set_checkpoint(skein_stream stream, const char* name, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(stream));
    SKEIN_RETURN_IF_ERROR(CheckPointer(name, "name"));
    return SetCheckpoint(object, name);
  });
}

SKEIN_API skein_status skein_stream_find_checkpoint(skein_stream stream, const char* name, uint64_t* position,
                                                    skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(stream));
    SKEIN_RETURN_IF_ERROR(CheckPointer(name, "name"));
    SKEIN_RETURN_IF_ERROR(CheckPointer(position, "position"));
    SKEIN_ASSIGN_OR_RETURN(*position, FindCheckpoint(object->Committed(), name));
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_stream_checkpoints(skein_stream stream, void* checkpoints, uint32_t checkpoint_size,
                                                uint64_t capacity, uint64_t* count, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(stream));
    SKEIN_RETURN_IF_ERROR(
        CheckElementSize(checkpoint_size, kMinCheckpointBytes, "checkpoint_size", "skein_checkpoint"));
    const std::vector<StreamCheckpoint> found = ListCheckpoints(object->Committed());
    SKEIN_ASSIGN_OR_RETURN(const BufferUse use, CheckBuffer(checkpoints, capacity, found.size(), count, "checkpoints"));
    if (use == BufferUse::kSizeOnly) return absl::OkStatus();
    for (size_t i = 0; i < found.size(); ++i) {
      WriteCheckpoint(found[i], checkpoint_size, static_cast<char*>(checkpoints) + i * checkpoint_size);
    }
    return absl::OkStatus();
  });
}

}  // extern "C"

}  // namespace skein::abi
