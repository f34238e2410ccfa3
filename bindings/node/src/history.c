// skein/history.h for JavaScript.
#include <stdlib.h>

#include "addon.h"

typedef struct past {
  skein_stream stream;
  uint64_t begin;
} past;

static skein_status fill_tokens(void* context, void* buffer, uint64_t capacity, uint64_t* count, skein_error* error) {
  const past* asked = context;
  return skein_stream_tokens(asked->stream, asked->begin, buffer, capacity, count, error);
}

// streamTokens(stream, begin): an Uint32Array
static napi_value stream_tokens(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  past asked = {handle_at(&args, 0), unsigned_at(&args, 1)};
  void* tokens;
  uint64_t count;
  const skein_status status = fetch(fill_tokens, &asked, sizeof(skein_token), &tokens, &count, &args.error);
  return finish(&args, status, status == SKEIN_OK ? make_array(env, napi_uint32_array, tokens, count) : NULL);
}

static skein_status run_truncate(call* self) {
  uint64_t replayed = 0;
  const skein_status status = skein_stream_truncate(self->subject, (uint64_t)self->number, &replayed, &self->error);
  self->number = (int64_t)replayed;
  return status;
}

// streamTruncate(stream, position): promise of the number of tokens that were read again
static napi_value stream_truncate(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  call* started = new_call(&args, run_truncate, result_number);
  if (started != NULL) {
    started->subject = handle_at(&args, 0);
    started->number = (int64_t)unsigned_at(&args, 1);
  }
  return finish_call(&args, started);
}

static skein_status run_fork_at(call* self) {
  uint64_t replayed = 0;
  self->made_kind = HANDLE_STREAM;
  const skein_status status =
      skein_stream_fork_at(self->subject, (uint64_t)self->number, (skein_stream*)&self->made, &replayed, &self->error);
  self->number = (int64_t)replayed;
  return status;
}

static napi_value result_fork_at(napi_env env, call* self) {
  napi_value result = NULL, made = result_made(env, self);
  if (made == NULL || napi_create_object(env, &result) != napi_ok) return NULL;
  set_property(env, result, "stream", made);
  set_property(env, result, "replayed", result_number(env, self));
  return result;
}

// streamForkAt(stream, position): promise of {stream, replayed}
static napi_value stream_fork_at(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  call* started = new_call(&args, run_fork_at, result_fork_at);
  if (started != NULL) {
    started->subject = handle_at(&args, 0);
    started->number = (int64_t)unsigned_at(&args, 1);
  }
  return finish_call(&args, started);
}

// streamSetCheckpoint(stream, name)
static napi_value stream_set_checkpoint(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  return finish(&args, skein_stream_set_checkpoint(handle_at(&args, 0), text_at(&args, 1), &args.error), NULL);
}

// streamFindCheckpoint(stream, name): a position
static napi_value stream_find_checkpoint(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  uint64_t position = 0;
  const skein_status status =
      skein_stream_find_checkpoint(handle_at(&args, 0), text_at(&args, 1), &position, &args.error);
  return finish_unsigned(&args, status, position);
}

static const member kCheckpointMembers[] = {
    MEMBER(U64, skein_checkpoint, position),
    MEMBER(U64, skein_checkpoint, state_bytes),
    MEMBER(TEXT, skein_checkpoint, name),
    {NULL, 0, 0},
};

static skein_status fill_checkpoints(void* stream, void* buffer, uint64_t capacity, uint64_t* count,
                                     skein_error* error) {
  return skein_stream_checkpoints(stream, buffer, sizeof(skein_checkpoint), capacity, count, error);
}

// streamCheckpoints(stream): an array of objects
static napi_value stream_checkpoints(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  void* places;
  uint64_t count;
  napi_value list = NULL;
  const skein_status status =
      fetch(fill_checkpoints, handle_at(&args, 0), sizeof(skein_checkpoint), &places, &count, &args.error);
  if (status == SKEIN_OK && napi_create_array_with_length(env, count, &list) == napi_ok) {
    for (uint64_t i = 0; i < count; ++i) {
      napi_set_element(env, list, (uint32_t)i, make_object(env, kCheckpointMembers, (skein_checkpoint*)places + i));
    }
  }
  free(places);
  return finish(&args, status, list);
}

const raw_function kHistoryFunctions[] = {
    {"streamTokens", stream_tokens},
    {"streamTruncate", stream_truncate},
    {"streamForkAt", stream_fork_at},
    {"streamSetCheckpoint", stream_set_checkpoint},
    {"streamFindCheckpoint", stream_find_checkpoint},
    {"streamCheckpoints", stream_checkpoints},
    {NULL, NULL},
};
