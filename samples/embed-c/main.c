/* Two texts at once from one model, by polling: embed-c MODEL [PROMPT [PROMPT]]. C99 over the C ABI of
 * skein alone. Both requests are computed as one batch; their lines are printed as they fill up, each behind its
 * request's number. */
#include <stdio.h>
#include <string.h>

#include "skein/skein.h"

#define NUM_TEXTS 2
#define NUM_EVENTS 16

typedef struct text_line {
  char bytes[100];
  size_t size;
} text_line;

/* Reports a failed call; every call of the ABI returns its status and fills `error`. */
static int failed(skein_status status, const skein_error* error) {
  if (status != SKEIN_OK) fprintf(stderr, "embed-c: %s: %s\n", skein_status_name(status), error->message);
  return status != SKEIN_OK;
}

static void print_line(unsigned number, text_line* line) {
  if (line->size > 0) printf("[%u] %.*s\n", number, (int)line->size, line->bytes);
  line->size = 0;
  fflush(stdout);
}

/* Adds the piece of text that came with an event, and prints the line when it is full. */
static void add_text(unsigned number, text_line* line, const char* text, uint64_t text_bytes) {
  for (; text_bytes > 0; ++text, --text_bytes) {
    if (*text != '\n') line->bytes[line->size++] = *text;
    if (*text == '\n' || (*text == ' ' && line->size > 70) || line->size == sizeof(line->bytes)) {
      print_line(number, line);
    }
  }
}

/* Makes a stream and a request on it that completes `prompt`; its events will carry `number`. */
static int make_request(skein_model model, const char* prompt, uint64_t number, skein_stream* stream,
                        skein_request* request) {
  skein_error error;
  return failed(skein_stream_create(model, NULL, stream, &error), &error) ||
         failed(skein_request_create(*stream, request, &error), &error) ||
         failed(skein_request_set_prompt(*request, prompt, strlen(prompt), &error), &error) ||
         failed(skein_request_set_user_data(*request, number, &error), &error);
}

/* Submits the requests and prints their text until each has had its terminal event. */
static int stream_texts(skein_queue queue, const skein_request* requests) {
  text_line lines[NUM_TEXTS] = {{"", 0}, {"", 0}};
  skein_event events[NUM_EVENTS];
  char text[4096];
  skein_error error;
  int num_running = NUM_TEXTS, bad = 0;
  if (failed(skein_queue_submit(queue, requests, NUM_TEXTS, &error), &error)) return 1;
  while (num_running > 0) {
    uint32_t ready = 0, count = 0, i;
    uint64_t text_bytes = 0;
    /* A host with an event loop of its own would watch the descriptor of skein_queue_fd instead. */
    if (failed(skein_queue_wait(queue, -1, &ready, &error), &error) ||
        failed(skein_queue_poll(queue, events, sizeof(events[0]), NUM_EVENTS, text, sizeof(text), &count, &text_bytes,
                                &error),
               &error)) {
      return 1;
    }
    for (i = 0; i < count; ++i) {
      const unsigned number = (unsigned)events[i].user_data;
      add_text(number, &lines[number], text + events[i].text_offset, events[i].text_bytes);
      if (events[i].kind == SKEIN_EVENT_TOKEN) continue;
      print_line(number, &lines[number]); /* with ERROR, the event's text was the reason */
      printf("[%u] %s\n", number, events[i].kind == SKEIN_EVENT_DONE ? "(done)" : "(failed)");
      if (events[i].kind != SKEIN_EVENT_DONE) bad = 1;
      --num_running;
    }
  }
  return bad;
}

int main(int argc, char** argv) {
  const char* prompts[NUM_TEXTS] = {"In the beginning", "And it came to pass"};
  skein_runtime runtime = NULL;
  skein_model model = NULL;
  skein_queue queue = NULL;
  skein_stream streams[NUM_TEXTS] = {NULL, NULL};
  skein_request requests[NUM_TEXTS] = {NULL, NULL};
  skein_error error;
  int i, bad;
  if (argc < 2) {
    fprintf(stderr, "usage: embed-c MODEL [PROMPT [PROMPT]]\n");
    return 2;
  }
  for (i = 0; i < NUM_TEXTS && i + 2 < argc; ++i) prompts[i] = argv[i + 2];

  bad = failed(skein_runtime_create(NULL, &runtime, &error), &error) ||
        failed(skein_model_load(runtime, argv[1], NULL, &model, &error), &error) ||
        failed(skein_queue_create(runtime, NULL, &queue, &error), &error);
  for (i = 0; i < NUM_TEXTS && !bad; ++i) {
    bad = make_request(model, prompts[i], (uint64_t)i, &streams[i], &requests[i]);
  }
  if (!bad) bad = stream_texts(queue, requests);

  for (i = 0; i < NUM_TEXTS; ++i) { /* in any order; NULL is fine */
    skein_request_release(requests[i], NULL);
    skein_stream_release(streams[i], NULL);
  }
  skein_queue_release(queue, NULL);
  skein_model_release(model, NULL);
  skein_runtime_release(runtime, NULL);
  return bad;
}
