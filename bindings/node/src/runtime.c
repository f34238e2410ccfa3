// skein/runtime.h for JavaScript.
#include <stdlib.h>

#include "addon.h"

static skein_status run_create(call* self) {
  self->made_kind = HANDLE_RUNTIME;
  return skein_runtime_create(self->options, (skein_runtime*)&self->made, &self->error);
}

// runtimeCreate(options): promise of a handle
static napi_value runtime_create(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  call* started = new_call(&args, run_create, result_made);
  if (started != NULL) started->options = handle_at(&args, 0);
  return finish_call(&args, started);
}

static napi_value runtime_release(napi_env env, napi_callback_info info) {
  return finish_release(env, info, HANDLE_RUNTIME);
}

static skein_status run_load_plugin(call* self) {
  return skein_runtime_load_plugin(self->subject, self->text, &self->error);
}

// runtimeLoadPlugin(runtime, path): promise
static napi_value runtime_load_plugin(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  return finish_call(&args, new_file_call(&args, run_load_plugin, result_nothing));
}

static napi_value runtime_plugin_count(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  uint32_t count = 0;
  const skein_status status = skein_runtime_plugin_count(handle_at(&args, 0), &count, &args.error);
  return finish_number(&args, status, count);
}

static const member kPluginMembers[] = {
    MEMBER(U32, skein_plugin_info, kind),     MEMBER(U32, skein_plugin_info, loaded),
    MEMBER(U32, skein_plugin_info, abi),      MEMBER(TEXT, skein_plugin_info, id),
    MEMBER(TEXT, skein_plugin_info, version), MEMBER(TEXT, skein_plugin_info, path),
    MEMBER(TEXT, skein_plugin_info, reason),  {NULL, 0, 0},
};

// runtimePluginInfo(runtime, index)
static napi_value runtime_plugin_info(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  skein_plugin_info plugin = {.struct_size = sizeof(plugin)};
  const skein_status status =
      skein_runtime_plugin_info(handle_at(&args, 0), (uint32_t)unsigned_at(&args, 1), &plugin, &args.error);
  return finish(&args, status, status == SKEIN_OK ? make_object(env, kPluginMembers, &plugin) : NULL);
}

static napi_value runtime_device_count(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  uint32_t count = 0;
  const skein_status status = skein_runtime_device_count(handle_at(&args, 0), &count, &args.error);
  return finish_number(&args, status, count);
}

static const member kDeviceMembers[] = {
    MEMBER(U32, skein_device_info, threads),      MEMBER(TEXT, skein_device_info, name),
    MEMBER(TEXT, skein_device_info, plugin_id),   MEMBER(TEXT, skein_device_info, description),
    MEMBER(U64, skein_device_info, memory_bytes), MEMBER(U32, skein_device_info, weight_types),
    MEMBER(U32, skein_device_info, generations),  {NULL, 0, 0},
};

// runtimeDeviceInfo(runtime, index)
static napi_value runtime_device_info(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  skein_device_info device = {.struct_size = sizeof(device)};
  const skein_status status =
      skein_runtime_device_info(handle_at(&args, 0), (uint32_t)unsigned_at(&args, 1), &device, &args.error);
  return finish(&args, status, status == SKEIN_OK ? make_object(env, kDeviceMembers, &device) : NULL);
}

// runtimePollLog(runtime): {severity, text}, or undefined
static napi_value runtime_poll_log(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  char line[4097];
  uint64_t size = 0;
  uint32_t severity = 0;
  const skein_status status =
      skein_runtime_poll_log(handle_at(&args, 0), line, sizeof(line), &size, &severity, &args.error);
  napi_value entry = NULL;
  if (status == SKEIN_NOT_FOUND) return finish(&args, SKEIN_OK, NULL);
  if (status == SKEIN_OK && napi_create_object(env, &entry) == napi_ok) {
    set_property(env, entry, "severity", make_double(env, severity));
    set_property(env, entry, "text", make_text(env, line, size));
  }
  return finish(&args, status, entry);
}

static skein_status fill_metrics(void* runtime, void* buffer, uint64_t capacity, uint64_t* size, skein_error* error) {
  return skein_runtime_metrics(runtime, buffer, capacity, size, error);
}

static napi_value runtime_metrics(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  void* text;
  uint64_t size;
  const skein_status status = fetch(fill_metrics, handle_at(&args, 0), 1, &text, &size, &args.error);
  napi_value value = status == SKEIN_OK ? make_text(env, text, size) : NULL;
  free(text);
  return finish(&args, status, value);
}

static const member kProgressMembers[] = {
    MEMBER(U32, skein_progress, active),
    MEMBER(U64, skein_progress, done_bytes),
    MEMBER(U64, skein_progress, total_bytes),
    MEMBER(TEXT, skein_progress, what),
    {NULL, 0, 0},
};

static napi_value runtime_progress(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  skein_progress progress = {.struct_size = sizeof(progress)};
  const skein_status status = skein_runtime_progress(handle_at(&args, 0), &progress, &args.error);
  return finish(&args, status, status == SKEIN_OK ? make_object(env, kProgressMembers, &progress) : NULL);
}

const raw_function kRuntimeFunctions[] = {
    {"runtimeCreate", runtime_create},
    {"runtimeRelease", runtime_release},
    {"runtimeLoadPlugin", runtime_load_plugin},
    {"runtimePluginCount", runtime_plugin_count},
    {"runtimePluginInfo", runtime_plugin_info},
    {"runtimeDeviceCount", runtime_device_count},
    {"runtimeDeviceInfo", runtime_device_info},
    {"runtimePollLog", runtime_poll_log},
    {"runtimeMetrics", runtime_metrics},
    {"runtimeProgress", runtime_progress},
    {NULL, NULL},
};
