#include "tests/abi/c_host.h"

#include <stdlib.h>
#include <string.h>

int num_failures = 0;

void expect_status(const char* file, int line, const char* what, skein_status expected, skein_status found,
                   const skein_error* error) {
  if (found != expected) {
    ++num_failures;
    fprintf(stderr, "%s:%d: %s: expected %s, found %s (%s)\n", file, line, what, skein_status_name(expected),
            skein_status_name(found), error->message);
  } else if (error->code != found || error->message_bytes != strlen(error->message) ||
             (found == SKEIN_OK) != (error->message_bytes == 0)) {
    ++num_failures;
    fprintf(stderr, "%s:%d: %s: the skein_error does not fit status %s: code %d, %u bytes, \"%s\"\n", file, line, what,
            skein_status_name(found), (int)error->code, (unsigned)error->message_bytes, error->message);
  }
}

void need(skein_status status, const skein_error* error, const char* what) {
  if (status == SKEIN_OK) return;
  fprintf(stderr, "%s: %s: %s\n", what, skein_status_name(status), error->message);
  exit(1);
}
skein_runtime runtime_of(const world* w) { return (skein_runtime)w->handle[RUNTIME]; }
skein_model model_of(const world* w) { return (skein_model)w->handle[MODEL]; }
skein_tokenizer tokenizer_of(const world* w) { return (skein_tokenizer)w->handle[TOKENIZER]; }
skein_stream stream_of(const world* w) { return (skein_stream)w->handle[STREAM]; }
skein_queue queue_of(const world* w) { return (skein_queue)w->handle[QUEUE]; }
skein_request request_of(const world* w) { return (skein_request)w->handle[REQUEST]; }
skein_prefix prefix_of(const world* w) { return (skein_prefix)w->handle[PREFIX]; }

world make_world(const char* model_path) {
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
    skein_prefix prefix = NULL;
    NEED(skein_model_load(runtime, model_path, NULL, &model, &error));
    NEED(skein_stream_create(model, NULL, &stream, &error));
    NEED(skein_request_create(stream, &request, &error));
    w.handle[MODEL] = (uintptr_t)model;
    w.handle[STREAM] = (uintptr_t)stream;
    w.handle[REQUEST] = (uintptr_t)request;
    NEED(skein_prefix_create(stream, "name", "a text", &prefix, &error));
    w.handle[PREFIX] = (uintptr_t)prefix;
  }
  return w;
}

skein_status release(int kind, uintptr_t handle, skein_error* error) {
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
    case REQUEST:
      return skein_request_release((skein_request)handle, error);
    default:
      return skein_prefix_release((skein_prefix)handle, error);
  }
}

void release_world(const world* w) {
  skein_error error;
  int kind;
  for (kind = 0; kind < NUM_KINDS; ++kind) EXPECT_OK(release(kind, w->handle[kind], &error));
}

skein_options world_chat(void) {
  skein_error error;
  skein_options options = NULL;
  NEED(skein_options_create(SKEIN_OPTIONS_CHAT, &options, &error));
  NEED(skein_options_set_str(options, "template", "world", &error));
  return options;
}
