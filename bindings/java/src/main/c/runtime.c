// The runtime: plugins, devices, log, metrics.
#include "support.h"

NATIVE(jlong, runtimeCreate)(JNIEnv* env, jclass c, jlong options) {
  (void)c;
  skein_error error;
  skein_runtime runtime = NULL;
  check(env, skein_runtime_create(HANDLE(skein_options, options), &runtime, &error), &error);
  return NUMBER(runtime);
}

NATIVE(void, runtimeRelease)(JNIEnv* env, jclass c, jlong runtime) {
  (void)c;
  skein_error error;
  check(env, skein_runtime_release(HANDLE(skein_runtime, runtime), &error), &error);
}

NATIVE(void, runtimeLoadPlugin)(JNIEnv* env, jclass c, jlong runtime, jbyteArray path) {
  (void)c;
  skein_error error;
  copied p = bytes_of(env, path);
  if (p.ok) check(env, skein_runtime_load_plugin(HANDLE(skein_runtime, runtime), p.data, &error), &error);
  free(p.data);
}

NATIVE(jint, runtimePluginCount)(JNIEnv* env, jclass c, jlong runtime) {
  (void)c;
  skein_error error;
  uint32_t count = 0;
  check(env, skein_runtime_plugin_count(HANDLE(skein_runtime, runtime), &count, &error), &error);
  return (jint)count;
}

NATIVE(void, runtimePluginInfo)
(JNIEnv* env, jclass c, jlong runtime, jint index, jlongArray numbers, jobjectArray texts) {
  (void)c;
  skein_error error;
  skein_plugin_info info = {.struct_size = sizeof(info)};
  const skein_runtime handle = HANDLE(skein_runtime, runtime);
  if (!check(env, skein_runtime_plugin_info(handle, (uint32_t)index, &info, &error), &error)) return;
  const jlong values[] = {info.kind, info.loaded, info.abi};
  const char* const strings[] = {info.id, info.version, info.path, info.reason};
  put_numbers(env, numbers, values, COUNT(values));
  put_texts(env, texts, strings, COUNT(strings));
}

NATIVE(jint, runtimeDeviceCount)(JNIEnv* env, jclass c, jlong runtime) {
  (void)c;
  skein_error error;
  uint32_t count = 0;
  check(env, skein_runtime_device_count(HANDLE(skein_runtime, runtime), &count, &error), &error);
  return (jint)count;
}

NATIVE(void, runtimeDeviceInfo)
(JNIEnv* env, jclass c, jlong runtime, jint index, jlongArray numbers, jobjectArray texts) {
  (void)c;
  skein_error error;
  skein_device_info info = {.struct_size = sizeof(info)};
  const skein_runtime handle = HANDLE(skein_runtime, runtime);
  if (!check(env, skein_runtime_device_info(handle, (uint32_t)index, &info, &error), &error)) return;
  const jlong values[] = {info.threads, (jlong)info.memory_bytes, info.weight_types, info.generations};
  const char* const strings[] = {info.name, info.plugin_id, info.description};
  put_numbers(env, numbers, values, COUNT(values));
  put_texts(env, texts, strings, COUNT(strings));
}

NATIVE(jbyteArray, runtimePollLog)(JNIEnv* env, jclass c, jlong runtime, jlongArray severity) {
  (void)c;
  skein_error error;
  room r;
  make_room(&r, 1);
  uint32_t level = 0;
  skein_status status;
  do {
    status = skein_runtime_poll_log(HANDLE(skein_runtime, runtime), r.data, r.capacity, &r.size, &level, &error);
  } while (needs_more(&r, status));
  if (status == SKEIN_NOT_FOUND) {
    free_room(&r);
    return NULL;
  }
  const jlong number = level;
  put_numbers(env, severity, &number, 1);
  return bytes_in(env, &r, status, &error);
}

NATIVE(jbyteArray, runtimeMetrics)(JNIEnv* env, jclass c, jlong runtime) {
  (void)c;
  skein_error error;
  room r;
  make_room(&r, 1);
  skein_status status;
  do {
    status = skein_runtime_metrics(HANDLE(skein_runtime, runtime), r.data, r.capacity, &r.size, &error);
  } while (needs_more(&r, status));
  return bytes_in(env, &r, status, &error);
}

NATIVE(void, runtimeProgress)(JNIEnv* env, jclass c, jlong runtime, jlongArray numbers, jobjectArray texts) {
  (void)c;
  skein_error error;
  skein_progress progress = {.struct_size = sizeof(progress)};
  if (!check(env, skein_runtime_progress(HANDLE(skein_runtime, runtime), &progress, &error), &error)) return;
  const jlong values[] = {progress.active, (jlong)progress.done_bytes, (jlong)progress.total_bytes};
  const char* const strings[] = {progress.what};
  put_numbers(env, numbers, values, COUNT(values));
  put_texts(env, texts, strings, COUNT(strings));
}
