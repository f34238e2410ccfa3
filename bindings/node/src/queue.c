// The queues of skein/request.h for JavaScript.
#include "addon.h"

// queueCreate(runtime, options): a handle
static napi_value queue_create(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  skein_queue queue = NULL;
  const skein_status status = skein_queue_create(handle_at(&args, 0), handle_at(&args, 1), &queue, &args.error);
  return finish_made(&args, status, queue, HANDLE_QUEUE);
}

static napi_value queue_release(napi_env env, napi_callback_info info) {
  return finish_release(env, info, HANDLE_QUEUE);
}

// queueSubmit(queue, handles): the handles of requests in a Float64Array
static napi_value queue_submit(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  size_t count;
  const double* handles = array_at(&args, 1, napi_float64_array, &count);
  skein_request* requests = keep_memory(&args, count * sizeof(skein_request));
  if (requests == NULL) return finish(&args, SKEIN_RESOURCE_EXHAUSTED, NULL);
  for (size_t i = 0; i < count; ++i) requests[i] = (void*)(uintptr_t)(handles[i] > 0 ? (uint64_t)handles[i] : 0);
  return finish(&args, skein_queue_submit(handle_at(&args, 0), requests, (uint32_t)count, &args.error), NULL);
}

// queuePoll(queue, events, text, textBytes): the number of events that were written to the Uint8Array `events`, their
// text to the Uint8Array `text`, and its size to the Float64Array `textBytes`. -1: `text` is too small, and `textBytes`
// has the size that is needed. One call takes many events, and JavaScript reads them without further ones.
static napi_value queue_poll(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  size_t events_bytes, text_capacity, num_sizes;
  void* events = array_at(&args, 1, napi_uint8_array, &events_bytes);
  char* text = array_at(&args, 2, napi_uint8_array, &text_capacity);
  double* text_bytes = array_at(&args, 3, napi_float64_array, &num_sizes);
  uint32_t count = 0;
  uint64_t size = 0;
  const skein_status status =
      skein_queue_poll(handle_at(&args, 0), events, sizeof(skein_event), (uint32_t)(events_bytes / sizeof(skein_event)),
                       text, text_capacity, &count, &size, &args.error);
  if (num_sizes > 0) *text_bytes = (double)size;
  if (status == SKEIN_OUT_OF_RANGE) return finish_number(&args, SKEIN_OK, -1);
  return finish_number(&args, status, count);
}

static const member kEventMembers[] = {
    MEMBER(U32, skein_event, kind),
    MEMBER(U32, skein_event, reason),
    MEMBER(U64, skein_event, request),
    MEMBER(U64, skein_event, user_data),
    MEMBER(U32, skein_event, token),
    MEMBER(I32, skein_event, status),
    MEMBER(U64, skein_event, text_offset),
    MEMBER(U64, skein_event, text_bytes),
    MEMBER(U64, skein_event, num_prompt_tokens),
    MEMBER(U64, skein_event, num_tokens),
    MEMBER(U64, skein_event, position),
    MEMBER(F32, skein_event, logprob),
    MEMBER(U32, skein_event, sample),
    MEMBER(U64, skein_event, num_cached_tokens),
    MEMBER(U64, skein_event, queue_us),
    MEMBER(U64, skein_event, prefill_us),
    MEMBER(U64, skein_event, decode_us),
    MEMBER(F64, skein_event, logprob_sum),
    MEMBER(U32, skein_event, cache),
    {NULL, 0, 0},
};

// eventOffsets(): where the members of an event are, in bytes, and its size as `bytes`
static napi_value event_offsets(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  return finish(&args, SKEIN_OK, make_offsets(env, kEventMembers, sizeof(skein_event)));
}

static skein_status run_wait(call* self) {
  uint32_t ready = 0;
  const skein_status status = skein_queue_wait(self->subject, self->number, &ready, &self->error);
  self->number = ready;
  return status;
}

// queueWait(queue, timeoutMs): promise of 0 or 1
static napi_value queue_wait(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  call* started = new_call(&args, run_wait, result_number);
  if (started != NULL) {
    started->subject = handle_at(&args, 0);
    started->number = signed_at(&args, 1);
  }
  return finish_call(&args, started);
}

static napi_value queue_fd(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  int32_t fd = -1;
  const skein_status status = skein_queue_fd(handle_at(&args, 0), &fd, &args.error);
  return finish_number(&args, status, fd);
}

// queueSetWakeup(queue, wanted): whether the function that was given to `setup` is called for this queue
static napi_value queue_set_wakeup(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  return finish(&args, mailbox_watch(args.shared->box, handle_at(&args, 0), flag_at(&args, 1), &args.error), NULL);
}

const raw_function kQueueFunctions[] = {
    {"queueCreate", queue_create}, {"queueRelease", queue_release},      {"queueSubmit", queue_submit},
    {"queuePoll", queue_poll},     {"eventOffsets", event_offsets},      {"queueWait", queue_wait},
    {"queueFd", queue_fd},         {"queueSetWakeup", queue_set_wakeup}, {NULL, NULL},
};
