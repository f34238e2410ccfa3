/* What poll.py does, in C: poll MODEL STREAMS TOKENS. Prints the tokens, the seconds of the run, the seconds of
 * processor time of the process, and those of the thread that polls. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "skein/skein.h"

#define MAX_STREAMS 1024
#define NUM_EVENTS 256
#define TEXT_BYTES (1 << 15)

static void check(skein_status status, const skein_error* error) {
  if (status == SKEIN_OK) return;
  fprintf(stderr, "poll: %s: %s\n", skein_status_name(status), error->message);
  exit(1);
}

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void prepare(skein_model model, uint32_t index, int64_t num_tokens, skein_stream* stream,
                    skein_request* request) {
  skein_error error;
  skein_options options = NULL;
  check(skein_options_create(SKEIN_OPTIONS_REQUEST, &options, &error), &error);
  check(skein_options_set_i64(options, "max_tokens", num_tokens, &error), &error);
  check(skein_options_set_i64(options, "stop_at_end", 0, &error), &error);
  check(skein_options_set_i64(options, "seed", index, &error), &error);
  check(skein_stream_create(model, NULL, stream, &error), &error);
  check(skein_request_create(*stream, request, &error), &error);
  check(skein_request_set_prompt(*request, "And ", 4, &error), &error);
  check(skein_request_set_options(*request, options, &error), &error);
  skein_options_release(options, NULL);
}

/* Takes all events of all requests. Gives the number of tokens and adds up their text. */
static uint64_t read_all(skein_queue queue, uint32_t num_running, uint64_t* total_bytes) {
  static skein_event events[NUM_EVENTS];
  static char text[TEXT_BYTES];
  skein_error error;
  uint64_t num_tokens = 0;
  while (num_running > 0) {
    uint32_t ready = 0, count = 0, i;
    uint64_t text_bytes = 0;
    check(skein_queue_wait(queue, -1, &ready, &error), &error);
    check(skein_queue_poll(queue, events, sizeof(events[0]), NUM_EVENTS, text, TEXT_BYTES, &count, &text_bytes, &error),
          &error);
    for (i = 0; i < count; ++i) {
      *total_bytes += events[i].text_bytes;
      if (events[i].kind == SKEIN_EVENT_TOKEN) {
        ++num_tokens;
      } else {
        --num_running;
      }
    }
  }
  return num_tokens;
}

int main(int argc, char** argv) {
  static skein_stream streams[MAX_STREAMS];
  static skein_request requests[MAX_STREAMS];
  skein_runtime runtime = NULL;
  skein_model model = NULL;
  skein_options options = NULL;
  skein_queue queue = NULL;
  skein_error error;
  const uint32_t num_streams = argc == 4 ? (uint32_t)atoi(argv[2]) : 0;
  uint64_t num_tokens, text_bytes = 0;
  double wall, process, thread;
  uint32_t i;
  if (num_streams == 0 || num_streams > MAX_STREAMS) {
    fprintf(stderr, "usage: poll MODEL STREAMS TOKENS, of 1 to %d streams\n", MAX_STREAMS);
    return 2;
  }
  check(skein_runtime_create(NULL, &runtime, &error), &error);
  check(skein_options_create(SKEIN_OPTIONS_MODEL, &options, &error), &error);
  check(skein_options_set_i64(options, "calibrate", 0, &error), &error);
  check(skein_options_set_str(options, "tokenizer", "bytes", &error), &error);
  check(skein_model_load(runtime, argv[1], options, &model, &error), &error);
  check(skein_queue_create(runtime, NULL, &queue, &error), &error);
  for (i = 0; i < num_streams; ++i) prepare(model, i, atoi(argv[3]), &streams[i], &requests[i]);
  wall = seconds(CLOCK_MONOTONIC);
  process = seconds(CLOCK_PROCESS_CPUTIME_ID);
  thread = seconds(CLOCK_THREAD_CPUTIME_ID);
  check(skein_queue_submit(queue, requests, num_streams, &error), &error);
  num_tokens = read_all(queue, num_streams, &text_bytes);
  printf("%llu %.6f %.6f %.6f\n", (unsigned long long)num_tokens, seconds(CLOCK_MONOTONIC) - wall,
         seconds(CLOCK_PROCESS_CPUTIME_ID) - process, seconds(CLOCK_THREAD_CPUTIME_ID) - thread);
  return text_bytes == 0;
}
