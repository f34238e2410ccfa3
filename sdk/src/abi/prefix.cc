// skein/prefix.h.
#include "skein/prefix.h"

#include <string>

#include "abi/guard.h"
#include "abi/handle.h"
#include "abi/option_argument.h"
#include "abi/save_flags.h"
#include "engine/describe_snapshot.h"
#include "numbers/state_layout.h"
#include "runtime/option_keys.h"

namespace skein::abi {

namespace {

std::string TextOrEmpty(const char* text) { return text == nullptr ? "" : text; }

}  // namespace

extern "C" {

SKEIN_API skein_status skein_prefix_create(skein_stream stream, const char* name, const char* provenance,
                                           skein_prefix* prefix, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_RETURN_IF_ERROR(CheckPointer(prefix, "prefix"));
    *prefix = nullptr;
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(stream));
    SKEIN_ASSIGN_OR_RETURN(auto created, Prefix::Create(*object, {TextOrEmpty(name), TextOrEmpty(provenance)}));
    SKEIN_ASSIGN_OR_RETURN(*prefix, Wrap<skein_prefix>(std::move(created)));
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_prefix_release(skein_prefix prefix, skein_error* error) {
  return Guard(error, [&] { return Release(prefix).status(); });
}

SKEIN_API skein_status skein_prefix_start(skein_prefix prefix, skein_options options, skein_stream* stream,
                                          skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_RETURN_IF_ERROR(CheckPointer(stream, "stream"));
    *stream = nullptr;
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(prefix));
    SKEIN_ASSIGN_OR_RETURN(const auto values, UnwrapOptions(options, SKEIN_OPTIONS_STREAM));
    if (!std::string((*values)[stream_options::kState]).empty()) {
      return absl::InvalidArgumentError("option state: a stream that starts from a prefix has no other initial state");
    }
    SKEIN_ASSIGN_OR_RETURN(auto started,
                           object->Start((*values)[stream_options::kTenant], (*values)[stream_options::kCacheSalt]));
    SKEIN_ASSIGN_OR_RETURN(*stream, Wrap<skein_stream>(std::move(started)));
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_prefix_get_info(skein_prefix prefix, skein_prefix_info* info, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(prefix));
    SKEIN_ASSIGN_OR_RETURN(const std::string fingerprint, object->model()->Fingerprint());
    skein_prefix_info filled = {};
    filled.position = object->position();
    filled.state_bytes = StateFloats(object->model()->config()) * sizeof(float);
    filled.file_bytes = object->file_bytes();
    CopyText(fingerprint, absl::MakeSpan(filled.fingerprint));
    CopyText(object->label().name, absl::MakeSpan(filled.name));
    return FillStruct(filled, info);
  });
}

SKEIN_API skein_status skein_prefix_provenance(skein_prefix prefix, char* buffer, uint64_t capacity, uint64_t* size,
                                               skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(prefix));
    return CopyToBuffer(object->label().provenance, buffer, capacity, size);
  });
}

SKEIN_API skein_status skein_prefix_save(skein_prefix prefix, const char* path, uint32_t flags, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(prefix));
    SKEIN_RETURN_IF_ERROR(CheckPointer(path, "path"));
    SKEIN_ASSIGN_OR_RETURN(const SaveOptions options, UnwrapSaveFlags(flags));
    return object->Save(path, options);
  });
}

SKEIN_API skein_status skein_prefix_load(skein_model model, const char* path, skein_prefix* prefix,
                                         skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_RETURN_IF_ERROR(CheckPointer(prefix, "prefix"));
    *prefix = nullptr;
    SKEIN_ASSIGN_OR_RETURN(auto object, Unwrap(model));
    SKEIN_RETURN_IF_ERROR(CheckPointer(path, "path"));
    SKEIN_ASSIGN_OR_RETURN(auto loaded, Prefix::Load(std::move(object), path));
    SKEIN_ASSIGN_OR_RETURN(*prefix, Wrap<skein_prefix>(std::move(loaded)));
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_snapshot_describe(const char* path, skein_options options, char* buffer, uint64_t capacity,
                                               uint64_t* size, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_RETURN_IF_ERROR(CheckPointer(path, "path"));
    SKEIN_RETURN_IF_ERROR(CheckPointer(size, "size"));
    SKEIN_ASSIGN_OR_RETURN(const auto values, UnwrapOptions(options, SKEIN_OPTIONS_DESCRIBE));
    SKEIN_ASSIGN_OR_RETURN(const std::string text, DescribeSnapshot(path, *values));
    return CopyToBuffer(text, buffer, capacity, size);
  });
}

}  // extern "C"

}  // namespace skein::abi
