// skein/runtime.h.
#include "skein/runtime.h"

#include <dlfcn.h>

#include <climits>
#include <cstdlib>
#include <string>

#include "abi/guard.h"
#include "abi/handle.h"
#include "abi/option_argument.h"
#include "absl/strings/str_join.h"
#include "base/process_end.h"
#include "runtime/worker.h"

namespace skein::abi {
namespace {

// The folder of the shared object that this code is in, "" if the loader does not say. std::filesystem is not used,
// since it allocates in functions that are noexcept.
std::string LibraryFolder() {
  Dl_info info = {};
  if (dladdr(reinterpret_cast<const void*>(&skein_runtime_create), &info) == 0 || info.dli_fname == nullptr) return "";
  char path[PATH_MAX];
  if (realpath(info.dli_fname, path) == nullptr) return "";
  const absl::string_view whole = path;
  return std::string(whole.substr(0, whole.rfind('/')));
}

// Why a plugin was refused, or which of its devices are left out.
std::string ReasonOf(Runtime& runtime, const PluginRecord& record) {
  if (record.table == nullptr || record.kind != SKEIN_PLUGIN_BACKEND) return record.reason;
  std::vector<std::string> reasons;
  for (const DeviceProblem& problem : runtime.ListDevices().problems) {
    if (problem.plugin_id == record.id) reasons.push_back(problem.reason);
  }
  return absl::StrJoin(reasons, "; ");
}

absl::Status CheckIndex(uint32_t index, size_t count, const char* noun) {
  if (index < count) return absl::OkStatus();
  return absl::OutOfRangeError(absl::StrCat(noun, " ", index, "; there are ", count));
}

}  // namespace

extern "C" {

SKEIN_API skein_status skein_runtime_create(skein_options options, skein_runtime* runtime, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_RETURN_IF_ERROR(CheckPointer(runtime, "runtime"));
    *runtime = nullptr;
    const HostWork work;
    SKEIN_RETURN_IF_ERROR(CheckProcessGoesOn());
    SKEIN_ASSIGN_OR_RETURN(const auto values, UnwrapOptions(options, SKEIN_OPTIONS_RUNTIME));
    SKEIN_ASSIGN_OR_RETURN(auto object, Runtime::Create(*values, LibraryFolder()));
    SKEIN_ASSIGN_OR_RETURN(*runtime, Wrap<skein_runtime>(std::move(object)));
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_runtime_release(skein_runtime runtime, skein_error* error) {
  return Guard(error, [&] { return Release(runtime).status(); });
}

SKEIN_API skein_status skein_runtime_load_plugin(skein_runtime runtime, const char* path, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(runtime));
    SKEIN_RETURN_IF_ERROR(CheckPointer(path, "path"));
    const HostWork work;
    SKEIN_RETURN_IF_ERROR(CheckProcessGoesOn());
    absl::Status loaded = object->plugins().LoadFile(path);
    RenewExitWait();
    return loaded;
  });
}

SKEIN_API skein_status skein_runtime_plugin_count(skein_runtime runtime, uint32_t* count, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(runtime));
    SKEIN_RETURN_IF_ERROR(CheckPointer(count, "count"));
    *count = static_cast<uint32_t>(object->plugins().records().size());
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_runtime_plugin_info(skein_runtime runtime, uint32_t index, skein_plugin_info* info,
                                                 skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(runtime));
    const std::vector<PluginRecord> records = object->plugins().records();
    SKEIN_RETURN_IF_ERROR(CheckIndex(index, records.size(), "plugin"));
    const PluginRecord& record = records[index];
    skein_plugin_info filled = {};
    filled.kind = record.kind;
    filled.loaded = record.table != nullptr ? 1 : 0;
    filled.abi = record.abi;
    CopyText(record.id, absl::MakeSpan(filled.id));
    CopyText(record.version, absl::MakeSpan(filled.version));
    CopyText(record.path, absl::MakeSpan(filled.path));
    CopyText(ReasonOf(*object, record), absl::MakeSpan(filled.reason));
    return FillStruct(filled, info);
  });
}

SKEIN_API skein_status skein_runtime_device_count(skein_runtime runtime, uint32_t* count, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(runtime));
    SKEIN_RETURN_IF_ERROR(CheckPointer(count, "count"));
    *count = static_cast<uint32_t>(object->ListDevices().devices.size());
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_runtime_device_info(skein_runtime runtime, uint32_t index, skein_device_info* info,
                                                 skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(runtime));
    const std::vector<DeviceDescription> devices = object->ListDevices().devices;
    SKEIN_RETURN_IF_ERROR(CheckIndex(index, devices.size(), "device"));
    const DeviceDescription& device = devices[index];
    skein_device_info filled = {};
    const uint32_t own_threads = device.info.num_threads;
    filled.threads = (own_threads != 0 ? own_threads : object->services().num_threads()) + device.plugin.num_threads;
    CopyText(device.info.name, absl::MakeSpan(filled.name));
    CopyText(device.plugin.id, absl::MakeSpan(filled.plugin_id));
    CopyText(device.info.description, absl::MakeSpan(filled.description));
    filled.memory_bytes = device.info.memory_bytes;
    filled.weight_types = device.info.weight_types;
    filled.generations = device.info.generations;
    return FillStruct(filled, info);
  });
}

SKEIN_API skein_status skein_runtime_poll_log(skein_runtime runtime, char* buffer, uint64_t capacity, uint64_t* size,
                                              uint32_t* severity, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(runtime));
    SKEIN_RETURN_IF_ERROR(CheckPointer(size, "size"));
    SKEIN_RETURN_IF_ERROR(CheckPointer(severity, "severity"));
    *size = 0;
    if (buffer == nullptr && capacity > 0) return CheckPointer(buffer, "buffer");
    bool taken;
    const std::optional<LogLine> line = object->log().Take(buffer == nullptr ? 0 : capacity, &taken);
    if (!line.has_value()) return absl::NotFoundError("log: no line is waiting");
    *severity = line->severity;
    SKEIN_RETURN_IF_ERROR(CopyToBuffer(line->text, buffer, capacity, size));
    if (taken && line->text.size() < capacity) buffer[line->text.size()] = '\0';
    return absl::OkStatus();
  });
}

SKEIN_API skein_status skein_runtime_metrics(skein_runtime runtime, char* buffer, uint64_t capacity, uint64_t* size,
                                             skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(runtime));
    return CopyToBuffer(object->metrics().Text(), buffer, capacity, size);
  });
}

SKEIN_API skein_status skein_runtime_progress(skein_runtime runtime, skein_progress* progress, skein_error* error) {
  return Guard(error, [&]() -> absl::Status {
    SKEIN_ASSIGN_OR_RETURN(const auto object, Unwrap(runtime));
    const Progress::View view = object->progress().view();
    skein_progress filled = {};
    filled.active = view.active ? 1 : 0;
    filled.done_bytes = view.done_bytes;
    filled.total_bytes = view.total_bytes;
    CopyText(view.what, absl::MakeSpan(filled.what));
    return FillStruct(filled, progress);
  });
}

}  // extern "C"

}  // namespace skein::abi
