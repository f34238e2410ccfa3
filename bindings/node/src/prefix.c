// skein/prefix.h for JavaScript.
#include <stdlib.h>

#include "addon.h"

// prefixCreate(stream, name, provenance): a handle
static napi_value prefix_create(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  skein_prefix prefix = NULL;
  const skein_status status =
      skein_prefix_create(handle_at(&args, 0), text_at(&args, 1), text_at(&args, 2), &prefix, &args.error);
  return finish_made(&args, status, prefix, HANDLE_PREFIX);
}

static napi_value prefix_release(napi_env env, napi_callback_info info) {
  return finish_release(env, info, HANDLE_PREFIX);
}

// prefixStart(prefix, options): the handle of a stream
static napi_value prefix_start(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  skein_stream stream = NULL;
  const skein_status status = skein_prefix_start(handle_at(&args, 0), handle_at(&args, 1), &stream, &args.error);
  return finish_made(&args, status, stream, HANDLE_STREAM);
}

static const member kPrefixMembers[] = {
    MEMBER(U64, skein_prefix_info, position),   MEMBER(U64, skein_prefix_info, state_bytes),
    MEMBER(U64, skein_prefix_info, file_bytes), MEMBER(TEXT, skein_prefix_info, fingerprint),
    MEMBER(TEXT, skein_prefix_info, name),      {NULL, 0, 0},
};

static skein_status run_get_info(call* self) {
  skein_prefix_info* info = self->data;
  info->struct_size = sizeof(*info);
  return skein_prefix_get_info(self->subject, info, &self->error);
}

static napi_value result_info(napi_env env, call* self) { return make_object(env, kPrefixMembers, self->data); }

// prefixGetInfo(prefix): promise of an object
static napi_value prefix_get_info(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  call* started = new_call(&args, run_get_info, result_info);
  if (started != NULL) {
    started->subject = handle_at(&args, 0);
    started->data = calloc(1, sizeof(skein_prefix_info));
    if (started->data == NULL) args.no_memory = true;
  }
  return finish_call(&args, started);
}

static skein_status fill_provenance(void* prefix, void* buffer, uint64_t capacity, uint64_t* size, skein_error* error) {
  return skein_prefix_provenance(prefix, buffer, capacity, size, error);
}

static napi_value prefix_provenance(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  void* text;
  uint64_t size;
  const skein_status status = fetch(fill_provenance, handle_at(&args, 0), 1, &text, &size, &args.error);
  napi_value value = status == SKEIN_OK ? make_text(env, text, size) : NULL;
  free(text);
  return finish(&args, status, value);
}

static skein_status run_save(call* self) {
  return skein_prefix_save(self->subject, self->text, self->flags, &self->error);
}

// prefixSave(prefix, path, flags): promise
static napi_value prefix_save(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  call* started = new_file_call(&args, run_save, result_nothing);
  if (started != NULL) started->flags = (uint32_t)unsigned_at(&args, 2);
  return finish_call(&args, started);
}

static skein_status run_load(call* self) {
  self->made_kind = HANDLE_PREFIX;
  return skein_prefix_load(self->subject, self->text, (skein_prefix*)&self->made, &self->error);
}

// prefixLoad(model, path): promise of a handle
static napi_value prefix_load(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  return finish_call(&args, new_file_call(&args, run_load, result_made));
}

static skein_status fill_description(void* context, void* buffer, uint64_t capacity, uint64_t* size,
                                     skein_error* error) {
  const call* self = context;
  return skein_snapshot_describe(self->text, self->options, buffer, capacity, size, error);
}

static skein_status run_describe(call* self) {
  return fetch(fill_description, self, 1, &self->data, &self->count, &self->error);
}

// snapshotDescribe(path, options): promise of a text
static napi_value snapshot_describe(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  call* started = new_call(&args, run_describe, result_text);
  if (started != NULL) {
    started->text = copy_text_at(&args, 0);
    started->options = handle_at(&args, 1);
  }
  return finish_call(&args, started);
}

const raw_function kPrefixFunctions[] = {
    {"prefixCreate", prefix_create},    {"prefixRelease", prefix_release},       {"prefixStart", prefix_start},
    {"prefixGetInfo", prefix_get_info}, {"prefixProvenance", prefix_provenance}, {"prefixSave", prefix_save},
    {"prefixLoad", prefix_load},        {"snapshotDescribe", snapshot_describe}, {NULL, NULL},
};
