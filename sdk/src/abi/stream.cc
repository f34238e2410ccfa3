// skein/stream.h.
#include "skein/stream.h"

#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "abi/guard.h"
#include "abi/handle.h"
#include "abi/option_argument.h"
#include "abi/save_flags.h"
#include "numbers/state_layout.h"
#include "runtime/option_keys.h"
#include "serving/eval.h"

namespace skein::abi {

namespace {

// Through `status`, the last field of the first version of the struct.
constexpr uint32_t kMinItemBytes = offsetof(skein_eval_item, status) + sizeof(skein_status);

absl::StatusOr<EvalItem> UnwrapItem(const skein_eval_item& item) {
  EvalItem unwrapped;
  SKEIN_ASSIGN_OR_RETURN(unwrapped.stream, Unwrap(item.stream));
  if (item.num_tokens > 0) SKEIN_RETURN_IF_ERROR(CheckPointer(item.tokens, "tokens"));
  if (item.output_kind != SKEIN_OUTPUT_NONE) SKEIN_RETURN_IF_ERROR(CheckPointer(item.output, "output"));
  unwrapped.tokens = {item.tokens, item.num_tokens};
  unwrapped.output_kind = item.output_kind;
  unwrapped.output = {item.output, item.output_capacity};
  return unwrapped;
}

absl::Status WriteToBuffer(PlannedSnapshot& planned, void* buffer, uint64_t capacity, uint64_t* size) {
  SKEIN_ASSIGN_OR_RETURN(const BufferUse use, CheckBuffer(buffer, capacity, planned.num_bytes(), size, "bytes"));
  if (use == BufferUse::kSizeOnly) return absl::OkStatus();
  return planned.Write({static_cast<uint8_t*>(buffer), planned.num_bytes()});
}

}  // namespace

extern "C" {

SKEIN_API skein_status skein_stream_create(skein_model model, skein_options options, skein_stream* stream,
                                           skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_RETURN_IF_ERROR(CheckPointer(stream, "stream"));
    *stream = nullptr;
    SKEIN_ASSIGN_OR_RETURN(auto object, Unwrap(model));
    SKEIN_ASSIGN_OR_RETURN(const auto values, UnwrapOptions(options, SKEIN_OPTIONS_STREAM));
    SKEIN_ASSIGN_OR_RETURN(auto created,
                           Stream::Create(std::move(object), (*values)[stream_options::kState],
                                          (*values)[stream_options::kTenant], (*values)[stream_options::kCacheSalt]));
    SKEIN_ASSIGN_OR_RETURN(*stream, Wrap<skein_stream>(std::move(created)));
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_stream_release(skein_stream stream, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Release(stream));
    if (object != nullptr) object->CancelWriter();
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_stream_reset(skein_stream stream, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(stream));
    return object->Reset();
  });
}

SKEIN_API skein_status skein_stream_fork(skein_stream stream, skein_stream* copy, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_RETURN_IF_ERROR(CheckPointer(copy, "copy"));
    *copy = nullptr;
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(stream));
    SKEIN_ASSIGN_OR_RETURN(auto fork, object->Fork());
    SKEIN_ASSIGN_OR_RETURN(*copy, Wrap<skein_stream>(std::move(fork)));
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_stream_position(skein_stream stream, uint64_t* position, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(stream));
    SKEIN_RETURN_IF_ERROR(CheckPointer(position, "position"));
    *position = object->Committed().position;
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_stream_snapshot(skein_stream stream, void* buffer, uint64_t capacity, uint64_t* size,
                                             skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(stream));
    PlannedSnapshot planned(*object->model(), object->Committed());
    return WriteToBuffer(planned, buffer, capacity, size);
  });
}

SKEIN_API skein_status skein_stream_snapshot_with(skein_stream stream, uint32_t flags, void* buffer, uint64_t capacity,
                                                  uint64_t* size, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(stream));
    SKEIN_ASSIGN_OR_RETURN(const SnapshotPast past, UnwrapSnapshotFlags(flags));
    PlannedSnapshot planned(*object->model(), object->Committed(), past);
    return WriteToBuffer(planned, buffer, capacity, size);
  });
}

SKEIN_API skein_status skein_stream_restore(skein_stream stream, const void* snapshot, uint64_t snapshot_bytes,
                                            skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(stream));
    SKEIN_RETURN_IF_ERROR(CheckPointer(snapshot, "snapshot"));
    return object->Restore({static_cast<const uint8_t*>(snapshot), snapshot_bytes});
  });
}

SKEIN_API skein_status skein_stream_save(skein_stream stream, const char* path, uint32_t flags, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(stream));
    SKEIN_RETURN_IF_ERROR(CheckPointer(path, "path"));
    SKEIN_ASSIGN_OR_RETURN(const SaveOptions options, UnwrapSaveFlags(flags));
    return SaveSnapshot(*object->model(), object->Committed(), std::nullopt, path, options);
  });
}

SKEIN_API skein_status skein_stream_load(skein_stream stream, const char* path, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(stream));
    SKEIN_RETURN_IF_ERROR(CheckPointer(path, "path"));
    return object->Load(path);
  });
}

SKEIN_API skein_status skein_stream_state(skein_stream stream, float* state, uint64_t capacity, uint64_t* count,
                                          skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(stream));
    const uint64_t needed = StateFloats(object->model()->config());
    SKEIN_ASSIGN_OR_RETURN(const BufferUse use, CheckBuffer(state, capacity, needed, count, "floats"));
    if (use == BufferUse::kSizeOnly) return absl::OkStatus();
    return object->ExportState({state, needed});
  });
}

SKEIN_API skein_status skein_eval(skein_model model, void* items, uint32_t item_size, uint32_t count,
                                  skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(model));
    SKEIN_RETURN_IF_ERROR(CheckPointer(items, "items"));
    SKEIN_RETURN_IF_ERROR(CheckElementSize(item_size, kMinItemBytes, "item_size", "skein_eval_item"));
    const auto item_at = [&](uint32_t i) {
      return reinterpret_cast<skein_eval_item*>(static_cast<char*>(items) + uint64_t{i} * item_size);
    };
    // Every item has a status also if memory runs out, before the items run or after.
    for (uint32_t i = 0; i < count; ++i) item_at(i)->status = SKEIN_RESOURCE_EXHAUSTED;
    std::vector<absl::StatusOr<EvalItem>> unwrapped;
    for (uint32_t i = 0; i < count; ++i) unwrapped.push_back(UnwrapItem(*item_at(i)));
    const std::vector<absl::Status> statuses = Eval(*object, unwrapped);
    for (uint32_t i = 0; i < count; ++i) item_at(i)->status = statuses[i].raw_code();
    for (uint32_t i = 0; i < count; ++i) SKEIN_RETURN_IF_ERROR(Annotate(statuses[i], absl::StrCat("item ", i)));
    return absl::OkStatus();
  });
}

}  // extern "C"

}  // namespace skein::abi
