// skein/stream.h for JavaScript.
#include <stdlib.h>
#include <string.h>

#include "addon.h"

// streamCreate(model, options): a handle
static napi_value stream_create(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  skein_stream stream = NULL;
  const skein_status status = skein_stream_create(handle_at(&args, 0), handle_at(&args, 1), &stream, &args.error);
  return finish_made(&args, status, stream, HANDLE_STREAM);
}

static napi_value stream_release(napi_env env, napi_callback_info info) {
  return finish_release(env, info, HANDLE_STREAM);
}

static napi_value stream_reset(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  return finish(&args, skein_stream_reset(handle_at(&args, 0), &args.error), NULL);
}

// streamFork(stream): a handle
static napi_value stream_fork(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  skein_stream copy = NULL;
  const skein_status status = skein_stream_fork(handle_at(&args, 0), &copy, &args.error);
  return finish_made(&args, status, copy, HANDLE_STREAM);
}

static napi_value stream_position(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  uint64_t position = 0;
  const skein_status status = skein_stream_position(handle_at(&args, 0), &position, &args.error);
  return finish_unsigned(&args, status, position);
}

static skein_status fill_snapshot(void* context, void* buffer, uint64_t capacity, uint64_t* size, skein_error* error) {
  return skein_stream_snapshot(((call*)context)->subject, buffer, capacity, size, error);
}

static skein_status run_snapshot(call* self) {
  return fetch(fill_snapshot, self, 1, &self->data, &self->count, &self->error);
}

// streamSnapshot(stream): promise of an Uint8Array
static napi_value stream_snapshot(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  call* started = new_call(&args, run_snapshot, result_bytes);
  if (started != NULL) started->subject = handle_at(&args, 0);
  return finish_call(&args, started);
}

static skein_status fill_snapshot_with(void* context, void* buffer, uint64_t capacity, uint64_t* size,
                                       skein_error* error) {
  const call* self = context;
  return skein_stream_snapshot_with(self->subject, self->flags, buffer, capacity, size, error);
}

static skein_status run_snapshot_with(call* self) {
  return fetch(fill_snapshot_with, self, 1, &self->data, &self->count, &self->error);
}

// streamSnapshotWith(stream, flags): promise of an Uint8Array
static napi_value stream_snapshot_with(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  call* started = new_call(&args, run_snapshot_with, result_bytes);
  if (started != NULL) {
    started->subject = handle_at(&args, 0);
    started->flags = (uint32_t)unsigned_at(&args, 1);
  }
  return finish_call(&args, started);
}

static skein_status run_restore(call* self) {
  return skein_stream_restore(self->subject, self->data, self->count, &self->error);
}

// streamRestore(stream, snapshot): promise
static napi_value stream_restore(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  const bytes snapshot = bytes_at(&args, 1);
  call* started = new_call(&args, run_restore, result_nothing);
  if (started != NULL) {
    started->subject = handle_at(&args, 0);
    started->data = malloc(snapshot.size + 1);  // not NULL for an empty one
    started->count = snapshot.size;
    if (started->data == NULL) {
      args.no_memory = true;
    } else if (snapshot.size > 0) {
      memcpy(started->data, snapshot.data, snapshot.size);
    }
  }
  return finish_call(&args, started);
}

static skein_status run_save(call* self) {
  return skein_stream_save(self->subject, self->text, self->flags, &self->error);
}

// streamSave(stream, path, flags): promise
static napi_value stream_save(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  call* started = new_file_call(&args, run_save, result_nothing);
  if (started != NULL) started->flags = (uint32_t)unsigned_at(&args, 2);
  return finish_call(&args, started);
}

static skein_status run_load(call* self) { return skein_stream_load(self->subject, self->text, &self->error); }

// streamLoad(stream, path): promise
static napi_value stream_load(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  return finish_call(&args, new_file_call(&args, run_load, result_nothing));
}

static skein_status fill_state(void* context, void* buffer, uint64_t capacity, uint64_t* count, skein_error* error) {
  return skein_stream_state(((call*)context)->subject, buffer, capacity, count, error);
}

static skein_status run_state(call* self) {
  return fetch(fill_state, self, sizeof(float), &self->data, &self->count, &self->error);
}

// streamState(stream): promise of a Float32Array
static napi_value stream_state(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  call* started = new_call(&args, run_state, result_floats);
  if (started != NULL) started->subject = handle_at(&args, 0);
  return finish_call(&args, started);
}

const raw_function kStreamFunctions[] = {
    {"streamCreate", stream_create},
    {"streamRelease", stream_release},
    {"streamReset", stream_reset},
    {"streamFork", stream_fork},
    {"streamPosition", stream_position},
    {"streamSnapshot", stream_snapshot},
    {"streamSnapshotWith", stream_snapshot_with},
    {"streamRestore", stream_restore},
    {"streamSave", stream_save},
    {"streamLoad", stream_load},
    {"streamState", stream_state},
    {NULL, NULL},
};
