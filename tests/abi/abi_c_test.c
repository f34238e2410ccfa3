/* The promises of the C ABI that hold for every function, seen from a C99 host: bad handles, order of release, buffers,
 * structs, options, forked children; and streams and requests at their simplest.
 *
 * abi_c_test PART [MODEL]. MODEL, else the environment's SKEIN_DEMO_MODEL, else the model that the build names, is a
 * small model with a tokenizer. Exit code 0: all held; 1: printed what did not; 77: the part needs a model and there is
 * none. */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "skein/skein.h"

#define SKIPPED 77

static int num_failures = 0;

#define EXPECT(condition)                                                      \
  do {                                                                         \
    if (!(condition)) {                                                        \
      ++num_failures;                                                          \
      fprintf(stderr, "%s:%d: expected %s\n", __FILE__, __LINE__, #condition); \
    }                                                                          \
  } while (0)

/* A call and the status it must have; the message of a failure is shown. The call uses the variable `error`. */
#define EXPECT_STATUS(expected, call) expect_status(__LINE__, #call, (expected), (call), &error)
#define EXPECT_OK(call) EXPECT_STATUS(SKEIN_OK, call)

static void expect_status(int line, const char* what, skein_status expected, skein_status found,
                          const skein_error* error) {
  if (found != expected) {
    ++num_failures;
    fprintf(stderr, "%s:%d: %s: expected %s, found %s (%s)\n", __FILE__, line, what, skein_status_name(expected),
            skein_status_name(found), error->message);
  } else if (error->code != found || error->message_bytes != strlen(error->message) ||
             (found == SKEIN_OK) != (error->message_bytes == 0)) {
    ++num_failures;
    fprintf(stderr, "%s:%d: %s: the skein_error does not fit status %s: code %d, %u bytes, \"%s\"\n", __FILE__, line,
            what, skein_status_name(found), (int)error->code, (unsigned)error->message_bytes, error->message);
  }
}

/* A set-up step: nothing can go on without it. */
static void need(skein_status status, const skein_error* error, const char* what) {
  if (status == SKEIN_OK) return;
  fprintf(stderr, "%s: %s: %s\n", what, skein_status_name(status), error->message);
  exit(1);
}
#define NEED(call) need((call), &error, #call)

/* --- one of everything --- */

enum { RUNTIME, OPTIONS, MODEL, TOKENIZER, STREAM, QUEUE, REQUEST, NUM_KINDS };

/* Live handles as numbers, by kind; 0 where there is none. */
typedef struct world {
  uintptr_t handle[NUM_KINDS];
} world;

static skein_runtime runtime_of(const world* w) { return (skein_runtime)w->handle[RUNTIME]; }
static skein_model model_of(const world* w) { return (skein_model)w->handle[MODEL]; }
static skein_tokenizer tokenizer_of(const world* w) { return (skein_tokenizer)w->handle[TOKENIZER]; }
static skein_stream stream_of(const world* w) { return (skein_stream)w->handle[STREAM]; }
static skein_queue queue_of(const world* w) { return (skein_queue)w->handle[QUEUE]; }
static skein_request request_of(const world* w) { return (skein_request)w->handle[REQUEST]; }

/* `model_path` NULL: without model, stream and request. */
static world make_world(const char* model_path) {
  world w = {{0}};
  skein_error error;
  skein_runtime runtime = NULL;
  skein_options options = NULL;
  skein_tokenizer tokenizer = NULL;
  skein_queue queue = NULL;
  NEED(skein_options_create(SKEIN_OPTIONS_RUNTIME, &options, &error));
  NEED(skein_options_set_i64(options, "threads", 2, &error));
  NEED(skein_runtime_create(options, &runtime, &error));
  NEED(skein_tokenizer_load(runtime, "bytes", NULL, &tokenizer, &error));
  NEED(skein_queue_create(runtime, NULL, &queue, &error));
  w.handle[RUNTIME] = (uintptr_t)runtime;
  w.handle[OPTIONS] = (uintptr_t)options;
  w.handle[TOKENIZER] = (uintptr_t)tokenizer;
  w.handle[QUEUE] = (uintptr_t)queue;
  if (model_path != NULL) {
    skein_model model = NULL;
    skein_stream stream = NULL;
    skein_request request = NULL;
    NEED(skein_model_load(runtime, model_path, NULL, &model, &error));
    NEED(skein_stream_create(model, NULL, &stream, &error));
    NEED(skein_request_create(stream, &request, &error));
    w.handle[MODEL] = (uintptr_t)model;
    w.handle[STREAM] = (uintptr_t)stream;
    w.handle[REQUEST] = (uintptr_t)request;
  }
  return w;
}

static skein_status release(int kind, uintptr_t handle, skein_error* error) {
  switch (kind) {
    case RUNTIME:
      return skein_runtime_release((skein_runtime)handle, error);
    case OPTIONS:
      return skein_options_release((skein_options)handle, error);
    case MODEL:
      return skein_model_release((skein_model)handle, error);
    case TOKENIZER:
      return skein_tokenizer_release((skein_tokenizer)handle, error);
    case STREAM:
      return skein_stream_release((skein_stream)handle, error);
    case QUEUE:
      return skein_queue_release((skein_queue)handle, error);
    default:
      return skein_request_release((skein_request)handle, error);
  }
}

static void release_world(const world* w) {
  skein_error error;
  int kind;
  for (kind = 0; kind < NUM_KINDS; ++kind) EXPECT_OK(release(kind, w->handle[kind], &error));
}

/* --- every function that takes a handle, called with good arguments but for the handle --- */

static skein_token one_token[1] = {1};
static char scratch[65536];
static uint64_t size_out;
static uint32_t number_out;
static void* handle_out; /* where a handle would be written: typed pointers are of one size and form here */

#define CALL(name, type, call)                                           \
  static skein_status call_##name(uintptr_t value, skein_error* error) { \
    type h = (type)value;                                                \
    return call;                                                         \
  }

CALL(options_set_i64, skein_options, skein_options_set_i64(h, "threads", 1, error))
CALL(options_set_f64, skein_options, skein_options_set_f64(h, "threads", 1, error))
CALL(options_set_str, skein_options, skein_options_set_str(h, "plugin_path", "", error))
CALL(runtime_load_plugin, skein_runtime, skein_runtime_load_plugin(h, "/nonexistent.so", error))
CALL(runtime_plugin_count, skein_runtime, skein_runtime_plugin_count(h, &number_out, error))
static skein_status call_runtime_plugin_info(uintptr_t value, skein_error* error) {
  skein_plugin_info info = {sizeof(info), 0, 0, 0, "", "", "", ""};
  return skein_runtime_plugin_info((skein_runtime)value, 0, &info, error);
}
CALL(runtime_device_count, skein_runtime, skein_runtime_device_count(h, &number_out, error))
static skein_status call_runtime_device_info(uintptr_t value, skein_error* error) {
  skein_device_info info;
  memset(&info, 0, sizeof(info));
  info.struct_size = sizeof(info);
  return skein_runtime_device_info((skein_runtime)value, 0, &info, error);
}
CALL(runtime_poll_log, skein_runtime,
     skein_runtime_poll_log(h, scratch, sizeof(scratch), &size_out, &number_out, error))
CALL(runtime_metrics, skein_runtime, skein_runtime_metrics(h, scratch, sizeof(scratch), &size_out, error))
static skein_status call_runtime_progress(uintptr_t value, skein_error* error) {
  skein_progress progress;
  memset(&progress, 0, sizeof(progress));
  progress.struct_size = sizeof(progress);
  return skein_runtime_progress((skein_runtime)value, &progress, error);
}
CALL(model_load, skein_runtime, skein_model_load(h, "/nonexistent", NULL, (skein_model*)&handle_out, error))
static skein_status call_model_get_info(uintptr_t value, skein_error* error) {
  skein_model_info info;
  memset(&info, 0, sizeof(info));
  info.struct_size = sizeof(info);
  return skein_model_get_info((skein_model)value, &info, error);
}
CALL(model_chat_prompt, skein_model,
     skein_model_chat_prompt(h, NULL, sizeof(skein_chat_message), 0, NULL, scratch, sizeof(scratch), &size_out, error))
CALL(model_convert, skein_runtime, skein_model_convert(h, "/nonexistent", "/nonexistent/too", NULL, error))
CALL(model_describe, skein_runtime,
     skein_model_describe(h, "/nonexistent", NULL, scratch, sizeof(scratch), &size_out, error))
CALL(model_tokenizer, skein_model, skein_model_tokenizer(h, (skein_tokenizer*)&handle_out, error))
CALL(tokenizer_load, skein_runtime, skein_tokenizer_load(h, "bytes", NULL, (skein_tokenizer*)&handle_out, error))
static skein_status call_tokenizer_get_info(uintptr_t value, skein_error* error) {
  skein_tokenizer_info info = {sizeof(info), 0, ""};
  return skein_tokenizer_get_info((skein_tokenizer)value, &info, error);
}
CALL(tokenizer_encode, skein_tokenizer, skein_tokenizer_encode(h, "a", 1, one_token, 1, &size_out, error))
CALL(tokenizer_decode, skein_tokenizer,
     skein_tokenizer_decode(h, one_token, 1, scratch, sizeof(scratch), &size_out, error))
CALL(stream_create, skein_model, skein_stream_create(h, NULL, (skein_stream*)&handle_out, error))
CALL(stream_reset, skein_stream, skein_stream_reset(h, error))
CALL(stream_fork, skein_stream, skein_stream_fork(h, (skein_stream*)&handle_out, error))
CALL(stream_position, skein_stream, skein_stream_position(h, &size_out, error))
CALL(stream_snapshot, skein_stream, skein_stream_snapshot(h, NULL, 0, &size_out, error))
CALL(stream_restore, skein_stream, skein_stream_restore(h, scratch, 16, error))
CALL(stream_state, skein_stream, skein_stream_state(h, NULL, 0, &size_out, error))
static skein_status call_eval(uintptr_t value, skein_error* error) {
  skein_eval_item item = {NULL, one_token, 1, NULL, 0, SKEIN_OUTPUT_NONE, 0};
  return skein_eval((skein_model)value, &item, sizeof(item), 1, error);
}
CALL(queue_create, skein_runtime, skein_queue_create(h, NULL, (skein_queue*)&handle_out, error))
static skein_status call_queue_poll(uintptr_t value, skein_error* error) {
  skein_event event;
  return skein_queue_poll((skein_queue)value, &event, sizeof(event), 1, scratch, sizeof(scratch), &number_out,
                          &size_out, error);
}
CALL(queue_wait, skein_queue, skein_queue_wait(h, 0, &number_out, error))
CALL(queue_fd, skein_queue, skein_queue_fd(h, (int32_t*)&number_out, error))
CALL(queue_set_wakeup, skein_queue, skein_queue_set_wakeup(h, NULL, NULL, error))
static skein_status call_queue_submit(uintptr_t value, skein_error* error) {
  const skein_request none = NULL;
  return skein_queue_submit((skein_queue)value, &none, 1, error);
}
CALL(request_create, skein_stream, skein_request_create(h, (skein_request*)&handle_out, error))
CALL(request_set_prompt, skein_request, skein_request_set_prompt(h, "a", 1, error))
CALL(request_set_prompt_tokens, skein_request, skein_request_set_prompt_tokens(h, one_token, 1, error))
CALL(request_set_chat, skein_request, skein_request_set_chat(h, NULL, sizeof(skein_chat_message), 0, NULL, error))
CALL(request_set_options, skein_request, skein_request_set_options(h, NULL, error))
CALL(request_add_stop, skein_request, skein_request_add_stop(h, "a", 1, error))
CALL(request_add_stop_token, skein_request, skein_request_add_stop_token(h, 1, error))
CALL(request_set_logit_bias, skein_request, skein_request_set_logit_bias(h, 1, 0.5f, error))
CALL(request_set_user_data, skein_request, skein_request_set_user_data(h, 1, error))
CALL(request_cancel, skein_request, skein_request_cancel(h, error))
CALL(request_acknowledge, skein_request, skein_request_acknowledge(h, 1, error))

typedef struct function {
  const char* name;
  int kind; /* of the handle it takes */
  skein_status (*call)(uintptr_t value, skein_error* error);
} function;

#define FUNCTION(name, kind) \
  { "skein_" #name, kind, call_##name }
static const function functions[] = {
    FUNCTION(options_set_i64, OPTIONS),
    FUNCTION(options_set_f64, OPTIONS),
    FUNCTION(options_set_str, OPTIONS),
    FUNCTION(runtime_load_plugin, RUNTIME),
    FUNCTION(runtime_plugin_count, RUNTIME),
    FUNCTION(runtime_plugin_info, RUNTIME),
    FUNCTION(runtime_device_count, RUNTIME),
    FUNCTION(runtime_device_info, RUNTIME),
    FUNCTION(runtime_poll_log, RUNTIME),
    FUNCTION(runtime_metrics, RUNTIME),
    FUNCTION(runtime_progress, RUNTIME),
    FUNCTION(model_load, RUNTIME),
    FUNCTION(model_get_info, MODEL),
    FUNCTION(model_chat_prompt, MODEL),
    FUNCTION(model_convert, RUNTIME),
    FUNCTION(model_describe, RUNTIME),
    FUNCTION(model_tokenizer, MODEL),
    FUNCTION(tokenizer_load, RUNTIME),
    FUNCTION(tokenizer_get_info, TOKENIZER),
    FUNCTION(tokenizer_encode, TOKENIZER),
    FUNCTION(tokenizer_decode, TOKENIZER),
    FUNCTION(stream_create, MODEL),
    FUNCTION(stream_reset, STREAM),
    FUNCTION(stream_fork, STREAM),
    FUNCTION(stream_position, STREAM),
    FUNCTION(stream_snapshot, STREAM),
    FUNCTION(stream_restore, STREAM),
    FUNCTION(stream_state, STREAM),
    FUNCTION(eval, MODEL),
    FUNCTION(queue_create, RUNTIME),
    FUNCTION(queue_poll, QUEUE),
    FUNCTION(queue_wait, QUEUE),
    FUNCTION(queue_fd, QUEUE),
    FUNCTION(queue_set_wakeup, QUEUE),
    FUNCTION(queue_submit, QUEUE),
    FUNCTION(request_create, STREAM),
    FUNCTION(request_set_prompt, REQUEST),
    FUNCTION(request_set_prompt_tokens, REQUEST),
    FUNCTION(request_set_chat, REQUEST),
    FUNCTION(request_set_options, REQUEST),
    FUNCTION(request_add_stop, REQUEST),
    FUNCTION(request_add_stop_token, REQUEST),
    FUNCTION(request_set_logit_bias, REQUEST),
    FUNCTION(request_set_user_data, REQUEST),
    FUNCTION(request_cancel, REQUEST),
    FUNCTION(request_acknowledge, REQUEST),
};
#define NUM_FUNCTIONS (sizeof(functions) / sizeof(functions[0]))

/* --- parts --- */

static void expect_refused(const char* name, skein_status status, const skein_error* error, uintptr_t value) {
  if (status == SKEIN_INVALID_HANDLE && error->code == status && error->message_bytes > 0) return;
  ++num_failures;
  fprintf(stderr, "%s: handle 0x%" PRIxPTR ": expected INVALID_HANDLE, found %s (%s)\n", name, value,
          skein_status_name(status), error->message);
}

/* Every function with NULL, garbage, released handles, and live ones of every other kind. */
static void test_handles(const char* model_path) {
  uintptr_t bad[64] = {0, 1, 0xdeadbeef, ((uintptr_t)1 << 52) + 5, UINTPTR_MAX, 8, (uintptr_t)1 << 63};
  size_t num_bad = 7;
  const world live = make_world(model_path);
  const world dead = make_world(model_path);
  skein_error error;
  size_t f, i;
  int kind;
  release_world(&dead);
  for (kind = 0; kind < NUM_KINDS; ++kind) {
    if (dead.handle[kind] != 0) bad[num_bad++] = dead.handle[kind];
  }
  for (f = 0; f < NUM_FUNCTIONS; ++f) {
    for (i = 0; i < num_bad; ++i) {
      expect_refused(functions[f].name, functions[f].call(bad[i], &error), &error, bad[i]);
      EXPECT(functions[f].call(bad[i], NULL) == SKEIN_INVALID_HANDLE);
    }
    for (kind = 0; kind < NUM_KINDS; ++kind) {
      const uintptr_t value = live.handle[kind];
      if (kind == functions[f].kind || value == 0) continue;
      expect_refused(functions[f].name, functions[f].call(value, &error), &error, value);
    }
  }
  for (kind = 0; kind < NUM_KINDS; ++kind) {
    int other;
    EXPECT_OK(release(kind, 0, &error));
    for (i = 1; i < num_bad; ++i) expect_refused("release", release(kind, bad[i], &error), &error, bad[i]);
    for (other = 0; other < NUM_KINDS; ++other) {
      const uintptr_t value = live.handle[other];
      if (other != kind && value != 0) expect_refused("release", release(kind, value, &error), &error, value);
    }
  }
  /* Options may be NULL, but not garbage or of another kind. */
  for (i = 1; i < num_bad; ++i) {
    const skein_options options = (skein_options)bad[i];
    skein_runtime runtime = NULL;
    skein_model model = NULL;
    skein_tokenizer tokenizer = NULL;
    skein_queue queue = NULL;
    EXPECT_STATUS(SKEIN_INVALID_HANDLE, skein_runtime_create(options, &runtime, &error));
    EXPECT_STATUS(SKEIN_INVALID_HANDLE, skein_model_load(runtime_of(&live), "/nonexistent", options, &model, &error));
    EXPECT_STATUS(SKEIN_INVALID_HANDLE,
                  skein_model_convert(runtime_of(&live), "/nonexistent", "/nonexistent/too", options, &error));
    EXPECT_STATUS(SKEIN_INVALID_HANDLE,
                  skein_model_describe(runtime_of(&live), "/nonexistent", options, NULL, 0, &size_out, &error));
    EXPECT_STATUS(SKEIN_INVALID_HANDLE, skein_tokenizer_load(runtime_of(&live), "bytes", options, &tokenizer, &error));
    EXPECT_STATUS(SKEIN_INVALID_HANDLE, skein_queue_create(runtime_of(&live), options, &queue, &error));
    if (model_path != NULL) {
      EXPECT_STATUS(SKEIN_INVALID_HANDLE,
                    skein_model_chat_prompt(model_of(&live), NULL, sizeof(skein_chat_message), 0, options, scratch,
                                            sizeof(scratch), &size_out, &error));
      EXPECT_STATUS(SKEIN_INVALID_HANDLE,
                    skein_request_set_chat(request_of(&live), NULL, sizeof(skein_chat_message), 0, options, &error));
    }
    EXPECT(runtime == NULL && model == NULL && tokenizer == NULL && queue == NULL);
  }
  if (model_path != NULL) {
    for (i = 0; i < num_bad; ++i) {
      skein_eval_item item = {(skein_stream)bad[i], one_token, 1, NULL, 0, SKEIN_OUTPUT_NONE, 0};
      const skein_request request = (skein_request)bad[i];
      EXPECT_STATUS(SKEIN_INVALID_HANDLE, skein_eval(model_of(&live), &item, sizeof(item), 1, &error));
      EXPECT(item.status == SKEIN_INVALID_HANDLE);
      EXPECT_STATUS(SKEIN_INVALID_HANDLE, skein_queue_submit(queue_of(&live), &request, 1, &error));
    }
  }
  /* The live ones were harmed by none of it. */
  EXPECT_OK(skein_runtime_device_count(runtime_of(&live), &number_out, &error));
  EXPECT_OK(skein_tokenizer_encode(tokenizer_of(&live), "a", 1, one_token, 1, &size_out, &error));
  if (model_path != NULL) EXPECT_OK(skein_stream_position(stream_of(&live), &size_out, &error));
  release_world(&live);
  for (kind = 0; kind < NUM_KINDS; ++kind) {
    if (live.handle[kind] != 0) EXPECT_STATUS(SKEIN_INVALID_HANDLE, release(kind, live.handle[kind], &error));
  }
}

/* Keys can be listed; each takes its own type and range and nothing else. */
static void test_options(void) {
  skein_error error;
  skein_options options = NULL;
  skein_runtime runtime = NULL;
  skein_queue queue = NULL;
  uint32_t kind, index, count = 0;
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_options_create(0, &options, &error));
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_options_create(99, &options, &error));
  EXPECT(options == NULL);
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_options_create(SKEIN_OPTIONS_MODEL, NULL, &error));
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_options_key_count(99, &count, &error));
  for (kind = SKEIN_OPTIONS_RUNTIME; kind <= SKEIN_OPTIONS_CHAT; ++kind) {
    skein_option_info info;
    EXPECT_OK(skein_options_create(kind, &options, &error));
    EXPECT_OK(skein_options_key_count(kind, &count, &error));
    for (index = 0; index < count; ++index) {
      memset(&info, 0, sizeof(info));
      info.struct_size = sizeof(info);
      EXPECT_OK(skein_options_key_info(kind, index, &info, &error));
      EXPECT(info.key[0] != '\0' && info.help[0] != '\0');
      if (info.type == SKEIN_OPTION_I64) {
        EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_options_set_f64(options, info.key, 0.5, &error));
        EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_options_set_str(options, info.key, "1", &error));
        if (info.min_value > -9e18) { /* else every int64_t from below is good */
          EXPECT_OK(skein_options_set_i64(options, info.key, (int64_t)info.min_value, &error));
          EXPECT_STATUS(SKEIN_INVALID_ARGUMENT,
                        skein_options_set_i64(options, info.key, (int64_t)info.min_value - 1, &error));
        } else {
          EXPECT_OK(skein_options_set_i64(options, info.key, INT64_MIN, &error));
        }
        if (info.max_value < 4503599627370496.0) { /* 2^52: beyond, a double does not tell x + 1 from x */
          EXPECT_OK(skein_options_set_i64(options, info.key, (int64_t)info.max_value, &error));
          EXPECT_STATUS(SKEIN_INVALID_ARGUMENT,
                        skein_options_set_i64(options, info.key, (int64_t)info.max_value + 1, &error));
        } else if (info.max_value > 9.2e18) {
          EXPECT_OK(skein_options_set_i64(options, info.key, INT64_MAX, &error));
        }
      } else if (info.type == SKEIN_OPTION_F64) {
        EXPECT_OK(skein_options_set_f64(options, info.key, info.min_value, &error));
        EXPECT_OK(skein_options_set_i64(options, info.key, (int64_t)ceil(info.min_value), &error));
        EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_options_set_f64(options, info.key, NAN, &error));
        EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_options_set_str(options, info.key, "1", &error));
        EXPECT_STATUS(
            SKEIN_INVALID_ARGUMENT,
            skein_options_set_f64(options, info.key, info.min_value - 1e-3 * fabs(info.min_value) - 1e-3, &error));
      } else {
        EXPECT(info.type == SKEIN_OPTION_STR);
        EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_options_set_i64(options, info.key, 1, &error));
        EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_options_set_str(options, info.key, NULL, &error));
      }
    }
    memset(&info, 0, sizeof(info));
    info.struct_size = sizeof(info);
    EXPECT_STATUS(SKEIN_OUT_OF_RANGE, skein_options_key_info(kind, count, &info, &error));
    EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_options_set_i64(options, "no_such_key", 1, &error));
    EXPECT(strstr(error.message, "no_such_key") != NULL);
    EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_options_set_str(options, NULL, "", &error));
    EXPECT_OK(skein_options_release(options, &error));
    options = NULL;
  }
  /* Options of another kind than the call wants. */
  EXPECT_OK(skein_options_create(SKEIN_OPTIONS_REQUEST, &options, &error));
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_runtime_create(options, &runtime, &error));
  EXPECT(runtime == NULL);
  EXPECT_OK(skein_runtime_create(NULL, &runtime, &error));
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_queue_create(runtime, options, &queue, &error));
  EXPECT_OK(skein_options_release(options, &error));
  EXPECT_OK(skein_runtime_release(runtime, &error));
}

/* Sizes asked for, too small, exact: for a call that writes `unit`-sized elements to (buffer, capacity, size). */
typedef skein_status (*writer)(const world* w, void* buffer, uint64_t capacity, uint64_t* size, skein_error* error);

static skein_status write_encode(const world* w, void* buffer, uint64_t capacity, uint64_t* size, skein_error* error) {
  return skein_tokenizer_encode(tokenizer_of(w), "hello", 5, buffer, capacity, size, error);
}
static skein_status write_decode(const world* w, void* buffer, uint64_t capacity, uint64_t* size, skein_error* error) {
  static const skein_token tokens[] = {'h', 'e', 'l', 'l', 'o'};
  return skein_tokenizer_decode(tokenizer_of(w), tokens, 5, buffer, capacity, size, error);
}
static skein_status write_state(const world* w, void* buffer, uint64_t capacity, uint64_t* size, skein_error* error) {
  return skein_stream_state(stream_of(w), buffer, capacity, size, error);
}
static skein_status write_snapshot(const world* w, void* buffer, uint64_t capacity, uint64_t* size,
                                   skein_error* error) {
  return skein_stream_snapshot(stream_of(w), buffer, capacity, size, error);
}
static skein_options world_chat(void) {
  skein_error error;
  skein_options options = NULL;
  NEED(skein_options_create(SKEIN_OPTIONS_CHAT, &options, &error));
  NEED(skein_options_set_str(options, "template", "world", &error));
  return options;
}
static skein_status write_chat_prompt(const world* w, void* buffer, uint64_t capacity, uint64_t* size,
                                      skein_error* error) {
  static const skein_chat_message message = {"user", "Hello", 5};
  const skein_options options = world_chat();
  const skein_status status =
      skein_model_chat_prompt(model_of(w), &message, sizeof(message), 1, options, buffer, capacity, size, error);
  skein_options_release(options, NULL);
  return status;
}
static const char* described_path;
static skein_status write_describe(const world* w, void* buffer, uint64_t capacity, uint64_t* size,
                                   skein_error* error) {
  return skein_model_describe(runtime_of(w), described_path, NULL, buffer, capacity, size, error);
}

static void expect_buffer_rules(const world* w, writer write, uint64_t unit, const char* name) {
  const int failures_before = num_failures;
  skein_error error;
  uint64_t needed = 0, size = 0, i;
  unsigned char* buffer;
  EXPECT_OK(write(w, NULL, 0, &needed, &error));
  EXPECT(needed > 1);
  buffer = malloc(needed * unit + 64);
  if (buffer == NULL) exit(1);
  memset(buffer, 0x5a, needed * unit + 64);
  EXPECT_STATUS(SKEIN_OUT_OF_RANGE, write(w, buffer, needed - 1, &size, &error));
  EXPECT(size == needed);
  for (i = 0; i < needed * unit && buffer[i] == 0x5a; ++i) {
  }
  EXPECT(i == needed * unit); /* nothing was written */
  EXPECT_OK(write(w, buffer, needed, &size, &error));
  EXPECT(size == needed);
  for (i = 0; i < 64 && buffer[needed * unit + i] == 0x5a; ++i) {
  }
  EXPECT(i == 64); /* nor behind the capacity */
  EXPECT_OK(write(w, buffer, needed + 1, &size, &error));
  EXPECT(size == needed);
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, write(w, NULL, needed, &size, &error));
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, write(w, buffer, needed, NULL, &error));
  free(buffer);
  if (num_failures != failures_before) fprintf(stderr, "  … in %s\n", name);
}

static void test_buffers(const char* model_path) {
  const world w = make_world(model_path);
  skein_error error;
  uint64_t size = 0;
  expect_buffer_rules(&w, write_encode, sizeof(skein_token), "skein_tokenizer_encode");
  expect_buffer_rules(&w, write_decode, 1, "skein_tokenizer_decode");
  EXPECT_OK(skein_tokenizer_encode(tokenizer_of(&w), NULL, 0, NULL, 0, &size, &error));
  EXPECT(size == 0);
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_tokenizer_encode(tokenizer_of(&w), NULL, 1, NULL, 0, &size, &error));
  /* Metrics change from call to call; their size is asked for and a generous buffer filled. */
  EXPECT_OK(skein_runtime_metrics(runtime_of(&w), NULL, 0, &size, &error));
  EXPECT(size > 0);
  EXPECT_OK(skein_runtime_metrics(runtime_of(&w), scratch, sizeof(scratch), &size, &error));
  EXPECT_STATUS(SKEIN_OUT_OF_RANGE, skein_runtime_metrics(runtime_of(&w), scratch, 1, &size, &error));
  EXPECT(size > 1);
  if (model_path != NULL) {
    described_path = model_path;
    expect_buffer_rules(&w, write_state, sizeof(float), "skein_stream_state");
    expect_buffer_rules(&w, write_snapshot, 1, "skein_stream_snapshot");
    expect_buffer_rules(&w, write_describe, 1, "skein_model_describe");
    expect_buffer_rules(&w, write_chat_prompt, 1, "skein_model_chat_prompt");
  }
  release_world(&w);
}

/* A host compiled against an older header has shorter structs, one against a newer header longer ones. */
#define EXPECT_STRUCT_RULES(type, first_field, call)                                     \
  do {                                                                                   \
    union {                                                                              \
      type info;                                                                         \
      unsigned char bytes[sizeof(type) + 64];                                            \
    } u;                                                                                 \
    const size_t short_bytes = offsetof(type, first_field) + sizeof(u.info.first_field); \
    type* info = &u.info;                                                                \
    size_t i;                                                                            \
    memset(&u, 0x5a, sizeof(u));                                                         \
    u.info.struct_size = (uint32_t)short_bytes;                                          \
    EXPECT_OK(call);                                                                     \
    EXPECT(u.info.struct_size == short_bytes);                                           \
    for (i = short_bytes; i < sizeof(u.bytes) && u.bytes[i] == 0x5a; ++i) {              \
    }                                                                                    \
    EXPECT(i == sizeof(u.bytes)); /* filled up to struct_size only */                    \
    for (i = sizeof(uint32_t); i < short_bytes && u.bytes[i] == 0x5a; ++i) {             \
    }                                                                                    \
    EXPECT(i < short_bytes);                                                             \
    memset(&u, 0, sizeof(u));                                                            \
    u.info.struct_size = sizeof(u.bytes);                                                \
    EXPECT_OK(call);                                                                     \
    u.info.struct_size = 0;                                                              \
    EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, call);                                         \
    info = NULL;                                                                         \
    EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, call);                                         \
  } while (0)

static void test_structs(const char* model_path) {
  const world w = make_world(model_path);
  skein_error error;
  EXPECT_STRUCT_RULES(skein_option_info, type, skein_options_key_info(SKEIN_OPTIONS_MODEL, 0, info, &error));
  EXPECT_STRUCT_RULES(skein_plugin_info, kind, skein_runtime_plugin_info(runtime_of(&w), 0, info, &error));
  EXPECT_STRUCT_RULES(skein_device_info, threads, skein_runtime_device_info(runtime_of(&w), 0, info, &error));
  EXPECT_STRUCT_RULES(skein_progress, active, skein_runtime_progress(runtime_of(&w), info, &error));
  EXPECT_STRUCT_RULES(skein_tokenizer_info, vocab_size, skein_tokenizer_get_info(tokenizer_of(&w), info, &error));
  if (model_path != NULL) {
    EXPECT_STRUCT_RULES(skein_model_info, num_layers, skein_model_get_info(model_of(&w), info, &error));
  }
  release_world(&w);
}

/* Releases a world in the order of `kinds`; what is not yet released still answers. */
static void release_in_order(const char* model_path, const int* kinds, int num_kinds) {
  world w = make_world(model_path);
  skein_error error;
  const skein_request request = request_of(&w);
  uint64_t position = 0;
  int i;
  EXPECT_OK(skein_request_set_prompt(request, "In", 2, &error));
  EXPECT_OK(skein_queue_submit(queue_of(&w), &request, 1, &error));
  for (i = 0; i < num_kinds; ++i) {
    EXPECT_OK(release(kinds[i], w.handle[kinds[i]], &error));
    EXPECT_STATUS(SKEIN_INVALID_HANDLE, release(kinds[i], w.handle[kinds[i]], &error));
    w.handle[kinds[i]] = 0;
    if (w.handle[STREAM] != 0) EXPECT_OK(skein_stream_position(stream_of(&w), &position, &error));
    if (w.handle[MODEL] != 0) EXPECT_OK(call_model_get_info(w.handle[MODEL], &error));
    if (w.handle[TOKENIZER] != 0) EXPECT_OK(call_tokenizer_encode(w.handle[TOKENIZER], &error));
    if (w.handle[QUEUE] != 0) EXPECT_OK(skein_queue_wait(queue_of(&w), 0, &number_out, &error));
  }
  EXPECT_OK(release(OPTIONS, w.handle[OPTIONS], &error));
}

/* All orders of kinds[fixed..], by swapping. */
static void release_in_every_order(const char* model_path, int* kinds, int fixed, int num_kinds) {
  int i;
  if (fixed == num_kinds) {
    release_in_order(model_path, kinds, num_kinds);
    return;
  }
  for (i = fixed; i < num_kinds; ++i) {
    const int swapped = kinds[i];
    kinds[i] = kinds[fixed];
    kinds[fixed] = swapped;
    release_in_every_order(model_path, kinds, fixed + 1, num_kinds);
    kinds[fixed] = kinds[i];
    kinds[i] = swapped;
  }
}

static void test_release_order(const char* model_path) {
  int kinds[] = {RUNTIME, MODEL, STREAM, QUEUE, REQUEST, TOKENIZER};
  release_in_every_order(model_path, kinds, 0, sizeof(kinds) / sizeof(kinds[0]));
}

/* Feeds `num_tokens` of `tokens` to a stream; gives the logits after the last in `logits`. */
static skein_status feed(const world* w, skein_stream stream, const skein_token* tokens, uint64_t num_tokens,
                         float* logits, uint64_t vocab_size, skein_error* error) {
  skein_eval_item item = {stream, tokens, num_tokens, logits, vocab_size, SKEIN_OUTPUT_LAST_LOGITS, 0};
  return skein_eval(model_of(w), &item, sizeof(item), 1, error);
}

static float largest_difference(const float* a, const float* b, uint64_t count) {
  float largest = 0;
  uint64_t i;
  for (i = 0; i < count; ++i) {
    const float difference = fabsf(a[i] - b[i]);
    if (!(difference <= largest)) largest = difference; /* NaN counts */
  }
  return largest;
}

/* Forks, snapshots and evals of a ragged batch give what one stream alone gives. */
static void test_streams(const char* model_path) {
  static const skein_token tokens[] = {72, 101, 108, 108, 111, 32};
  const float tolerance = 3e-4f; /* between two shapes of one computation in float32 */
  const world w = make_world(model_path);
  skein_error error;
  skein_model_info info;
  skein_stream copy = NULL, other = NULL;
  skein_eval_item items[2];
  struct {
    skein_eval_item item;
    uint64_t newer_field;
  } longer[2];
  float *whole, *part;
  unsigned char* snapshot;
  uint64_t position = 0, snapshot_bytes = 0, V;
  memset(&info, 0, sizeof(info));
  info.struct_size = sizeof(info);
  EXPECT_OK(skein_model_get_info(model_of(&w), &info, &error));
  V = info.vocab_size;
  whole = calloc(V, sizeof(float));
  part = calloc(2 * V, sizeof(float));
  if (whole == NULL || part == NULL) exit(1);
  EXPECT_OK(feed(&w, stream_of(&w), tokens, 6, whole, V, &error));
  EXPECT_OK(skein_stream_position(stream_of(&w), &position, &error));
  EXPECT(position == 6);

  /* From a fork. */
  EXPECT_OK(skein_stream_reset(stream_of(&w), &error));
  EXPECT_OK(feed(&w, stream_of(&w), tokens, 3, part, V, &error));
  EXPECT_OK(skein_stream_fork(stream_of(&w), &copy, &error));
  EXPECT_OK(feed(&w, stream_of(&w), tokens, 1, part, V, &error)); /* does not disturb the fork */
  EXPECT_OK(feed(&w, copy, tokens + 3, 3, part, V, &error));
  EXPECT(largest_difference(whole, part, V) <= tolerance);

  /* From a snapshot, in a ragged batch with another stream, as structs of a newer and longer form. */
  EXPECT_OK(skein_stream_create(model_of(&w), NULL, &other, &error));
  EXPECT_OK(feed(&w, other, tokens, 4, part, V, &error));
  EXPECT_OK(skein_stream_snapshot(other, NULL, 0, &snapshot_bytes, &error));
  snapshot = malloc(snapshot_bytes);
  if (snapshot == NULL) exit(1);
  EXPECT_OK(skein_stream_snapshot(other, snapshot, snapshot_bytes, &snapshot_bytes, &error));
  EXPECT_OK(skein_stream_restore(copy, snapshot, snapshot_bytes, &error));
  EXPECT_OK(skein_stream_position(copy, &position, &error));
  EXPECT(position == 4);
  EXPECT_OK(skein_stream_reset(other, &error));
  memset(longer, 0, sizeof(longer));
  longer[0].item = (skein_eval_item){copy, tokens + 4, 2, part, V, SKEIN_OUTPUT_LAST_LOGITS, -1};
  longer[1].item = (skein_eval_item){other, tokens, 6, part + V, V, SKEIN_OUTPUT_LAST_LOGITS, -1};
  EXPECT_OK(skein_eval(model_of(&w), longer, sizeof(longer[0]), 2, &error));
  EXPECT(longer[0].item.status == SKEIN_OK && longer[1].item.status == SKEIN_OK);
  EXPECT(largest_difference(whole, part, V) <= tolerance);
  EXPECT(largest_difference(whole, part + V, V) <= tolerance);

  /* A bad snapshot leaves the stream where it was. */
  snapshot[snapshot_bytes / 2] ^= 1;
  EXPECT_STATUS(SKEIN_DATA_LOSS, skein_stream_restore(copy, snapshot, snapshot_bytes, &error));
  snapshot[snapshot_bytes / 2] ^= 1;
  EXPECT_STATUS(SKEIN_DATA_LOSS, skein_stream_restore(copy, snapshot, snapshot_bytes - 1, &error));
  EXPECT_OK(skein_stream_position(copy, &position, &error));
  EXPECT(position == 6);

  /* A bad token fails its item alone; so do a stream twice, no tokens, and room that does not suffice. */
  {
    const skein_token bad_token = (skein_token)V;
    EXPECT_OK(skein_stream_reset(other, &error));
    items[0] = (skein_eval_item){copy, &bad_token, 1, part, V, SKEIN_OUTPUT_LAST_LOGITS, -1};
    items[1] = (skein_eval_item){other, tokens, 6, part + V, V, SKEIN_OUTPUT_LAST_LOGITS, -1};
    EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_eval(model_of(&w), items, sizeof(items[0]), 2, &error));
    EXPECT(items[0].status == SKEIN_INVALID_ARGUMENT && items[1].status == SKEIN_OK);
    EXPECT(largest_difference(whole, part + V, V) <= tolerance);
    EXPECT_OK(skein_stream_position(copy, &position, &error));
    EXPECT(position == 6);
    items[0] = (skein_eval_item){copy, tokens, 1, NULL, 0, SKEIN_OUTPUT_NONE, -1};
    items[1] = items[0];
    EXPECT(skein_eval(model_of(&w), items, sizeof(items[0]), 2, &error) != SKEIN_OK);
    items[0].num_tokens = 0;
    EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_eval(model_of(&w), items, sizeof(items[0]), 1, &error));
    items[0] = (skein_eval_item){copy, tokens, 1, part, V - 1, SKEIN_OUTPUT_LAST_LOGITS, -1};
    EXPECT(skein_eval(model_of(&w), items, sizeof(items[0]), 1, &error) != SKEIN_OK);
    items[0] = (skein_eval_item){copy, tokens, 1, part, V, 77, -1};
    EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_eval(model_of(&w), items, sizeof(items[0]), 1, &error));
  }
  EXPECT_OK(skein_stream_release(copy, &error));
  EXPECT_OK(skein_stream_release(other, &error));
  free(whole);
  free(part);
  free(snapshot);
  release_world(&w);
}

/* With room for one stream, the next one fits as soon as the last is released. */
static void test_stream_limit(const char* model_path) {
  skein_error error;
  skein_runtime runtime = NULL;
  skein_options options = NULL;
  skein_model model = NULL;
  skein_stream stream = NULL, second = NULL;
  int i;
  NEED(skein_runtime_create(NULL, &runtime, &error));
  NEED(skein_options_create(SKEIN_OPTIONS_MODEL, &options, &error));
  NEED(skein_options_set_i64(options, "max_streams", 1, &error));
  NEED(skein_model_load(runtime, model_path, options, &model, &error));
  for (i = 0; i < 50 && num_failures == 0; ++i) {
    skein_eval_item item = {NULL, one_token, 1, NULL, 0, SKEIN_OUTPUT_NONE, -1};
    EXPECT_OK(skein_stream_create(model, NULL, &stream, &error));
    EXPECT_STATUS(SKEIN_RESOURCE_EXHAUSTED, skein_stream_create(model, NULL, &second, &error));
    EXPECT_STATUS(SKEIN_RESOURCE_EXHAUSTED, skein_stream_fork(stream, &second, &error));
    EXPECT(second == NULL);
    item.stream = stream;
    EXPECT_OK(skein_eval(model, &item, sizeof(item), 1, &error));
    EXPECT_OK(skein_stream_release(stream, &error));
  }
  EXPECT_OK(skein_model_release(model, &error));
  EXPECT_OK(skein_options_release(options, &error));
  EXPECT_OK(skein_runtime_release(runtime, &error));
}

/* What a request gave. */
typedef struct outcome {
  uint32_t num_terminals;
  uint32_t kind, reason; /* of the terminal event */
  uint64_t num_tokens;
  char text[4096];
  uint64_t text_bytes;
} outcome;

/* Drains events until `num_requests` terminal ones have come; user data are indices of `outcomes`. `event_size` may be
 * more than that of the struct. */
static void drain(skein_queue queue, outcome* outcomes, uint32_t num_requests, uint32_t event_size) {
  unsigned char events[8 * 256];
  char text[1024];
  uint32_t num_ended = 0;
  skein_error error;
  while (num_ended < num_requests) {
    uint32_t ready = 0, count = 0, i;
    uint64_t text_bytes = 0;
    NEED(skein_queue_wait(queue, 60000, &ready, &error));
    EXPECT(ready == 1);
    if (ready == 0) return;
    NEED(skein_queue_poll(queue, events, event_size, 8, text, sizeof(text), &count, &text_bytes, &error));
    for (i = 0; i < count; ++i) {
      skein_event event;
      outcome* o;
      memcpy(&event, events + i * event_size, sizeof(event));
      EXPECT(event.user_data < num_requests);
      if (event.user_data >= num_requests) return;
      o = &outcomes[event.user_data];
      EXPECT(o->num_terminals == 0); /* nothing comes after the terminal event */
      EXPECT(event.text_offset + event.text_bytes <= text_bytes);
      if (o->text_bytes + event.text_bytes <= sizeof(o->text)) {
        memcpy(o->text + o->text_bytes, text + event.text_offset, (size_t)event.text_bytes);
        o->text_bytes += event.text_bytes;
      }
      o->num_tokens = event.num_tokens;
      if (event.kind != SKEIN_EVENT_TOKEN) {
        ++o->num_terminals;
        ++num_ended;
        o->kind = event.kind;
        o->reason = event.reason;
      }
    }
  }
}

static skein_request prepared(skein_stream stream, uint64_t index, int64_t max_tokens, int64_t seed) {
  skein_error error;
  skein_request request = NULL;
  skein_options options = NULL;
  NEED(skein_request_create(stream, &request, &error));
  NEED(skein_request_set_prompt(request, "In the ", 7, &error));
  NEED(skein_options_create(SKEIN_OPTIONS_REQUEST, &options, &error));
  NEED(skein_options_set_i64(options, "max_tokens", max_tokens, &error));
  NEED(skein_options_set_i64(options, "seed", seed, &error));
  NEED(skein_options_set_i64(options, "stop_at_end", 0, &error));
  NEED(skein_request_set_options(request, options, &error));
  NEED(skein_options_release(options, &error));
  NEED(skein_request_set_user_data(request, index, &error));
  return request;
}

static pthread_mutex_t wakeup_mutex = PTHREAD_MUTEX_INITIALIZER;
static int num_wakeups = 0; /* guarded by wakeup_mutex */
static void count_wakeup(void* argument) {
  pthread_mutex_lock(&wakeup_mutex);
  num_wakeups += *(int*)argument;
  pthread_mutex_unlock(&wakeup_mutex);
}

static void test_requests(const char* model_path) {
  const world w = make_world(model_path);
  const skein_queue queue = queue_of(&w);
  skein_error error;
  skein_stream streams[2] = {NULL, NULL};
  skein_request requests[2];
  outcome outcomes[2], alone[1];
  uint32_t count = 7;
  uint64_t text_bytes = 7;
  int32_t fd = -1;
  int one = 1, seen;
  skein_event event;
  struct pollfd waiting;
  EXPECT_OK(skein_stream_create(model_of(&w), NULL, &streams[0], &error));
  EXPECT_OK(skein_stream_create(model_of(&w), NULL, &streams[1], &error));
  EXPECT_OK(skein_queue_fd(queue, &fd, &error));
  waiting.fd = fd;
  waiting.events = POLLIN;
  EXPECT(poll(&waiting, 1, 0) == 0);
  EXPECT_OK(skein_queue_poll(queue, &event, sizeof(event), 1, NULL, 0, &count, &text_bytes, &error));
  EXPECT(count == 0 && text_bytes == 0);
  EXPECT_OK(skein_queue_set_wakeup(queue, count_wakeup, &one, &error));

  /* Two at once, as events of a newer and longer form. */
  memset(outcomes, 0, sizeof(outcomes));
  requests[0] = prepared(streams[0], 0, 20, 1);
  requests[1] = prepared(streams[1], 1, 30, 2);
  EXPECT_OK(skein_queue_submit(queue, requests, 2, &error));
  EXPECT_STATUS(SKEIN_FAILED_PRECONDITION, skein_queue_submit(queue, requests, 2, &error)); /* once only */
  EXPECT(poll(&waiting, 1, 60000) == 1);
  drain(queue, outcomes, 2, sizeof(skein_event) + 8);
  EXPECT(outcomes[0].kind == SKEIN_EVENT_DONE && outcomes[0].reason == SKEIN_REASON_LENGTH);
  EXPECT(outcomes[0].num_tokens == 20 && outcomes[1].num_tokens == 30);
  EXPECT(outcomes[0].text_bytes > 0 && outcomes[1].text_bytes > 0);
  EXPECT(poll(&waiting, 1, 0) == 0);
  pthread_mutex_lock(&wakeup_mutex);
  seen = num_wakeups;
  pthread_mutex_unlock(&wakeup_mutex);
  EXPECT(seen > 0);
  EXPECT_OK(skein_queue_set_wakeup(queue, NULL, NULL, &error));
  EXPECT_OK(skein_request_cancel(requests[0], &error)); /* ended before: no effect */
  EXPECT_OK(skein_request_release(requests[0], &error));
  EXPECT_OK(skein_request_release(requests[1], &error));

  /* The same seed gives the same text, alone as in company. */
  memset(alone, 0, sizeof(alone));
  EXPECT_OK(skein_stream_reset(streams[1], &error));
  requests[0] = prepared(streams[1], 0, 20, 1);
  EXPECT_OK(skein_queue_submit(queue, requests, 1, &error));
  drain(queue, alone, 1, sizeof(skein_event));
  EXPECT(alone[0].text_bytes == outcomes[0].text_bytes &&
         memcmp(alone[0].text, outcomes[0].text, (size_t)alone[0].text_bytes) == 0);
  EXPECT_OK(skein_request_release(requests[0], &error));

  /* A busy stream has one writer; a cancelled request ends once, as cancelled. */
  memset(alone, 0, sizeof(alone));
  requests[0] = prepared(streams[0], 0, 1000000, 3);
  requests[1] = prepared(streams[0], 1, 10, 3);
  EXPECT_OK(skein_queue_submit(queue, requests, 1, &error));
  EXPECT_STATUS(SKEIN_FAILED_PRECONDITION, skein_queue_submit(queue, &requests[1], 1, &error));
  EXPECT_STATUS(SKEIN_FAILED_PRECONDITION, skein_stream_reset(streams[0], &error));
  EXPECT_OK(skein_stream_position(streams[0], &size_out, &error));
  EXPECT_OK(skein_request_cancel(requests[0], &error));
  drain(queue, alone, 1, sizeof(skein_event));
  EXPECT(alone[0].num_terminals == 1 && alone[0].kind == SKEIN_EVENT_CANCELLED);
  EXPECT_OK(skein_request_release(requests[0], &error));
  EXPECT_OK(skein_request_release(requests[1], &error));

  /* A request whose handle is gone runs on; a stop text is no part of the text. */
  memset(alone, 0, sizeof(alone));
  EXPECT_OK(skein_stream_reset(streams[0], &error));
  requests[0] = prepared(streams[0], 0, 20, 1);
  EXPECT(outcomes[0].text_bytes >= 6);
  EXPECT_OK(skein_request_add_stop(requests[0], outcomes[0].text + 3, 3, &error));
  EXPECT_OK(skein_queue_submit(queue, requests, 1, &error));
  EXPECT_OK(skein_request_release(requests[0], &error));
  drain(queue, alone, 1, sizeof(skein_event));
  EXPECT(alone[0].kind == SKEIN_EVENT_DONE && alone[0].reason == SKEIN_REASON_STOP_TEXT);
  EXPECT(alone[0].text_bytes <= 3 && memcmp(alone[0].text, outcomes[0].text, (size_t)alone[0].text_bytes) == 0);

  /* What a request refuses. */
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_request_add_stop(request_of(&w), "", 0, &error));
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_request_add_stop_token(request_of(&w), UINT32_MAX, &error));
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_request_set_logit_bias(request_of(&w), 1, NAN, &error));
  requests[0] = request_of(&w);
  EXPECT_STATUS(SKEIN_FAILED_PRECONDITION, skein_queue_submit(queue, requests, 1, &error)); /* nothing to continue */
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_queue_submit(queue, NULL, 1, &error));

  EXPECT_OK(skein_stream_release(streams[0], &error));
  EXPECT_OK(skein_stream_release(streams[1], &error));
  release_world(&w);
}

/* Messages as a prompt, and as what a request continues. */
static void test_chat(const char* model_path) {
  /* Messages of a newer and longer form. */
  struct {
    skein_chat_message message;
    uint64_t newer;
  } messages[3] = {{{"system", " Be brief.\r\n", 12}, 1}, {{"user", "In\n\n\nthe", 8}, 2}, {{"assistant", NULL, 0}, 3}};
  static const char expected[] = "System: Be brief.\n\nUser: In\nthe\n\nAssistant:";
  static const char closed[] = "System: Be brief.\n\nUser: In\nthe\n\nAssistant:\n\n";
  const world w = make_world(model_path);
  const skein_model model = model_of(&w);
  const uint32_t stride = sizeof(messages[0]);
  const uint32_t exact = sizeof(skein_chat_message);
  const skein_chat_message stranger = {"tool", "x", 1};
  const skein_chat_message nameless = {NULL, "x", 1};
  const skein_chat_message textless = {"user", NULL, 1};
  const skein_chat_message binary = {"user", "\xff", 1};
  const skein_options chat = world_chat();
  const skein_options other = (skein_options)w.handle[OPTIONS];
  const skein_request request = request_of(&w);
  skein_request same = NULL;
  skein_options greedy = NULL;
  skein_model_info info;
  skein_error error;
  outcome outcomes[2];

  EXPECT_OK(skein_model_chat_prompt(model, messages, stride, 2, chat, scratch, sizeof(scratch), &size_out, &error));
  EXPECT(size_out == strlen(expected) && memcmp(scratch, expected, strlen(expected)) == 0);
  EXPECT_OK(skein_model_chat_prompt(model, messages, stride, 3, chat, scratch, sizeof(scratch), &size_out, &error));
  EXPECT(size_out == strlen(closed) && memcmp(scratch, closed, strlen(closed)) == 0);

  /* What is refused. The model in the box is not for conversations: it has no template of its own. */
  memset(&info, 0, sizeof(info));
  info.struct_size = sizeof(info);
  EXPECT_OK(skein_model_get_info(model, &info, &error));
  EXPECT(info.chat_template[0] == '\0');
  EXPECT_STATUS(SKEIN_FAILED_PRECONDITION,
                skein_model_chat_prompt(model, messages, stride, 2, NULL, scratch, sizeof(scratch), &size_out, &error));
  EXPECT_STATUS(SKEIN_FAILED_PRECONDITION, skein_request_set_chat(request, messages, stride, 2, NULL, &error));
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_request_set_chat(request, messages, stride, 2, other, &error));
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_request_set_chat(request, messages, exact - 1, 2, chat, &error));
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_request_set_chat(request, NULL, exact, 1, chat, &error));
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_request_set_chat(request, &stranger, exact, 1, chat, &error));
  EXPECT(strstr(error.message, "message 0") != NULL && strstr(error.message, "tool") != NULL);
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_request_set_chat(request, &nameless, exact, 1, chat, &error));
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_request_set_chat(request, &textless, exact, 1, chat, &error));
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_request_set_chat(request, &binary, exact, 1, chat, &error));
  EXPECT_OK(skein_options_set_str(chat, "think", "maybe", &error));
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_request_set_chat(request, messages, stride, 2, chat, &error));
  EXPECT_OK(skein_options_set_str(chat, "think", "", &error));
  EXPECT_OK(skein_options_set_str(chat, "template", "no-such", &error));
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_request_set_chat(request, messages, stride, 2, chat, &error));
  EXPECT(strstr(error.message, "world") != NULL);
  EXPECT_OK(skein_options_set_str(chat, "template", "world", &error));

  /* The request continues that text. */
  EXPECT_OK(skein_stream_fork(stream_of(&w), (skein_stream*)&handle_out, &error));
  EXPECT_OK(skein_request_create((skein_stream)handle_out, &same, &error));
  EXPECT_OK(skein_options_create(SKEIN_OPTIONS_REQUEST, &greedy, &error));
  EXPECT_OK(skein_options_set_f64(greedy, "temperature", 0, &error));
  EXPECT_OK(skein_options_set_i64(greedy, "max_tokens", 16, &error));
  EXPECT_OK(skein_request_set_chat(request, messages, stride, 2, chat, &error));
  EXPECT_OK(skein_request_set_prompt(same, expected, strlen(expected), &error));
  EXPECT_OK(skein_request_set_options(request, greedy, &error));
  EXPECT_OK(skein_request_set_options(same, greedy, &error));
  EXPECT_OK(skein_request_set_user_data(request, 0, &error));
  EXPECT_OK(skein_request_set_user_data(same, 1, &error));
  EXPECT_OK(skein_queue_submit(queue_of(&w), &request, 1, &error));
  EXPECT_OK(skein_queue_submit(queue_of(&w), &same, 1, &error));
  memset(outcomes, 0, sizeof(outcomes));
  drain(queue_of(&w), outcomes, 2, sizeof(skein_event));
  EXPECT(outcomes[0].text_bytes > 0 && outcomes[0].text_bytes == outcomes[1].text_bytes &&
         memcmp(outcomes[0].text, outcomes[1].text, (size_t)outcomes[0].text_bytes) == 0);

  EXPECT_OK(skein_request_release(same, &error));
  EXPECT_OK(skein_stream_release((skein_stream)handle_out, &error));
  EXPECT_OK(skein_options_release(greedy, &error));
  EXPECT_OK(skein_options_release(chat, &error));
  release_world(&w);
}

/* In a forked child every call is refused: the threads of the library are not there. The parent goes on. */
static void test_fork(const char* model_path) {
  const world w = make_world(model_path);
  skein_error error;
  skein_runtime runtime = NULL;
  skein_options options = NULL;
  skein_option_info info;
  pid_t child;
  int status = 0;
  fflush(stderr);
  child = fork();
  if (child == 0) {
    size_t f;
    int kind;
    num_failures = 0;
    for (f = 0; f < NUM_FUNCTIONS; ++f) {
      const uintptr_t value = w.handle[functions[f].kind];
      if (value == 0) continue;
      if (functions[f].call(value, &error) != SKEIN_FAILED_PRECONDITION) {
        ++num_failures;
        fprintf(stderr, "%s in a forked child: expected FAILED_PRECONDITION, found %s\n", functions[f].name,
                skein_status_name(error.code));
      }
    }
    for (kind = 0; kind < NUM_KINDS; ++kind) {
      if (w.handle[kind] != 0) EXPECT_STATUS(SKEIN_FAILED_PRECONDITION, release(kind, w.handle[kind], &error));
    }
    memset(&info, 0, sizeof(info));
    info.struct_size = sizeof(info);
    EXPECT_STATUS(SKEIN_FAILED_PRECONDITION, skein_runtime_create(NULL, &runtime, &error));
    EXPECT_STATUS(SKEIN_FAILED_PRECONDITION, skein_options_create(SKEIN_OPTIONS_MODEL, &options, &error));
    EXPECT_STATUS(SKEIN_FAILED_PRECONDITION, skein_options_key_count(SKEIN_OPTIONS_MODEL, &number_out, &error));
    EXPECT_STATUS(SKEIN_FAILED_PRECONDITION, skein_options_key_info(SKEIN_OPTIONS_MODEL, 0, &info, &error));
    EXPECT(strcmp(skein_status_name(SKEIN_OK), "OK") == 0);
    EXPECT(skein_version()[0] == '1');
    _exit(num_failures == 0 ? 0 : 1);
  }
  EXPECT(child > 0 && waitpid(child, &status, 0) == child);
  EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_OK(skein_tokenizer_encode(tokenizer_of(&w), "a", 1, one_token, 1, &size_out, &error));
  release_world(&w);
}

/* --- */

static int is_readable(const char* path) {
  FILE* file = fopen(path, "rb");
  if (file != NULL) fclose(file);
  return file != NULL;
}

int main(int argc, char** argv) {
  const char* part = argc > 1 ? argv[1] : "";
  const char* model_path = argc > 2 ? argv[2] : getenv("SKEIN_DEMO_MODEL");
#ifdef SKEIN_DEMO_MODEL
  if (model_path == NULL) model_path = SKEIN_DEMO_MODEL;
#endif
  if (model_path == NULL || !is_readable(model_path)) {
    fprintf(stderr, "no model: what needs one is skipped\n");
    model_path = NULL;
  }
  if (strcmp(part, "options") == 0) {
    test_options();
  } else if (strcmp(part, "handles") == 0) {
    test_handles(model_path);
  } else if (strcmp(part, "buffers") == 0) {
    test_buffers(model_path);
  } else if (strcmp(part, "structs") == 0) {
    test_structs(model_path);
  } else if (strcmp(part, "fork") == 0) {
    test_fork(model_path);
  } else if (model_path == NULL) {
    return SKIPPED;
  } else if (strcmp(part, "release_order") == 0) {
    test_release_order(model_path);
  } else if (strcmp(part, "streams") == 0) {
    test_streams(model_path);
  } else if (strcmp(part, "stream_limit") == 0) {
    test_stream_limit(model_path);
  } else if (strcmp(part, "requests") == 0) {
    test_requests(model_path);
  } else if (strcmp(part, "chat") == 0) {
    test_chat(model_path);
  } else {
    fprintf(stderr,
            "usage: abi_c_test "
            "handles|options|buffers|structs|release_order|streams|stream_limit|requests|chat|fork [MODEL]\n");
    return 2;
  }
  return num_failures == 0 ? 0 : 1;
}
