/* The promises of the C ABI that hold for every function, seen from a C99 host: bad handles, order of release, buffers,
 * structs, options, forked children; and, in abi_c_streams_test.c, streams and requests at their simplest.
 *
 * abi_c_test PART [MODEL]. MODEL, else the environment's SKEIN_DEMO_MODEL, else the model that the build names, is a
 * small model with a tokenizer. Exit code 0: all held; 1: printed what did not; 77: the part needs a model and there is
 * none. */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/abi/c_host.h"

#define SKIPPED 77

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
  for (f = 0; f < num_functions; ++f) {
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
    EXPECT_STATUS(SKEIN_INVALID_HANDLE, skein_snapshot_describe("/nonexistent", options, NULL, 0, &size_out, &error));
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
  /* The live handles still work after all this. */
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
static skein_status write_chat_prompt(const world* w, void* buffer, uint64_t capacity, uint64_t* size,
                                      skein_error* error) {
  static const skein_chat_message message = {"user", "Hello", 5};
  const skein_options options = world_chat();
  const skein_status status =
      skein_model_chat_prompt(model_of(w), &message, sizeof(message), 1, options, buffer, capacity, size, error);
  skein_options_release(options, NULL);
  return status;
}
static skein_status write_provenance(const world* w, void* buffer, uint64_t capacity, uint64_t* size,
                                     skein_error* error) {
  return skein_prefix_provenance(prefix_of(w), buffer, capacity, size, error);
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
    expect_buffer_rules(&w, write_provenance, 1, "skein_prefix_provenance");
    expect_buffer_rules(&w, write_chat_prompt, 1, "skein_model_chat_prompt");
  }
  release_world(&w);
}

/* A host compiled against an older header has shorter structs; a host compiled against a newer one has longer structs.
 */
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
    EXPECT_STRUCT_RULES(skein_prefix_info, position, skein_prefix_get_info(prefix_of(&w), info, &error));
    EXPECT_STRUCT_RULES(skein_load, num_tenants, skein_model_get_load(model_of(&w), NULL, info, &error));
  }
  release_world(&w);
}

/* Releases a world in the order of `kinds`. Objects that are not yet released still answer. */
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
    if (w.handle[MODEL] != 0) EXPECT_OK(find_function("skein_model_get_info")->call(w.handle[MODEL], &error));
    if (w.handle[TOKENIZER] != 0) EXPECT_OK(find_function("skein_tokenizer_encode")->call(w.handle[TOKENIZER], &error));
    if (w.handle[QUEUE] != 0) EXPECT_OK(skein_queue_wait(queue_of(&w), 0, &number_out, &error));
  }
  EXPECT_OK(release(OPTIONS, w.handle[OPTIONS], &error));
  /* A prefix keeps what it needs, also when it is the last. */
  EXPECT_OK(find_function("skein_prefix_get_info")->call(w.handle[PREFIX], &error));
  EXPECT_OK(release(PREFIX, w.handle[PREFIX], &error));
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

/* In a forked child every call is refused, because the child has none of the library's threads. The parent goes on. */
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
    for (f = 0; f < num_functions; ++f) {
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
    test_foreign_queue(model_path);
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
