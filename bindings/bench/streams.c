/* Many streams at once, in C: streams MODEL NUM_STREAMS NUM_TOKENS [PAUSE_US]. Prints the processor time of the whole
 * process while texts are written and that of the thread that reads them, in seconds, the bytes of text, and the
 * seconds that it took. The bench programs of the bindings do the same in their languages; the difference is what a
 * binding costs. Events are taken as they come, or once in PAUSE_US, as some bindings do it: one by one they cost more.
 */
#include <skein/skein.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_STREAMS = 1024, NUM_EVENTS = 256 };

static void check(skein_status status, const skein_error* error) {
  if (status == SKEIN_OK) return;
  fprintf(stderr, "streams: %s: %s\n", skein_status_name(status), error->message);
  exit(1);
}

static void set(skein_options options, const char* key, int64_t value) {
  skein_error error;
  check(skein_options_set_i64(options, key, value, &error), &error);
}

static double seconds_of(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Takes events until all requests have ended; gives the bytes of text. */
static uint64_t take_all(skein_queue queue, int num_running, long pause_us) {
  const struct timespec pause = {0, 1000 * pause_us};
  static skein_event events[NUM_EVENTS];
  static char text[65536];
  skein_error error;
  uint64_t total = 0;
  while (num_running > 0) {
    uint32_t ready, count, i;
    uint64_t size;
    check(skein_queue_wait(queue, -1, &ready, &error), &error);
    check(skein_queue_poll(queue, events, sizeof(events[0]), NUM_EVENTS, text, sizeof(text), &count, &size, &error),
          &error);
    total += size;
    for (i = 0; i < count; ++i) num_running -= events[i].kind == SKEIN_EVENT_DONE;
    if (pause_us > 0) nanosleep(&pause, NULL);
  }
  return total;
}

int main(int argc, char** argv) {
  static skein_request requests[MAX_STREAMS];
  skein_options runtime_options, model_options, options;
  skein_runtime runtime;
  skein_model model;
  skein_queue queue;
  skein_error error;
  double begin, thread_begin, wall_begin;
  uint64_t size;
  int i, num_streams;
  if (argc < 4 || argc > 5 || atoi(argv[2]) > MAX_STREAMS) {
    fprintf(stderr, "usage: streams MODEL NUM_STREAMS NUM_TOKENS [PAUSE_US]\n");
    return 2;
  }
  num_streams = atoi(argv[2]);
  check(skein_options_create(SKEIN_OPTIONS_RUNTIME, &runtime_options, &error), &error);
  set(runtime_options, "threads", 1);
  check(skein_runtime_create(runtime_options, &runtime, &error), &error);
  check(skein_options_create(SKEIN_OPTIONS_MODEL, &model_options, &error), &error);
  set(model_options, "calibrate", 0);
  check(skein_options_set_str(model_options, "device", "cpu", &error), &error);
  check(skein_model_load(runtime, argv[1], model_options, &model, &error), &error);
  check(skein_queue_create(runtime, NULL, &queue, &error), &error);
  check(skein_options_create(SKEIN_OPTIONS_REQUEST, &options, &error), &error);
  set(options, "max_tokens", atoi(argv[3]));
  set(options, "stop_at_end", 0);
  for (i = 0; i < num_streams; ++i) {
    static const skein_token kPrompt[] = {65, 110, 100};
    skein_stream stream;
    set(options, "seed", i);
    check(skein_stream_create(model, NULL, &stream, &error), &error);
    check(skein_request_create(stream, &requests[i], &error), &error);
    check(skein_request_set_options(requests[i], options, &error), &error);
    check(skein_request_set_prompt_tokens(requests[i], kPrompt, 3, &error), &error);
  }
  begin = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  thread_begin = seconds_of(CLOCK_THREAD_CPUTIME_ID);
  wall_begin = seconds_of(CLOCK_MONOTONIC);
  check(skein_queue_submit(queue, requests, (uint32_t)num_streams, &error), &error);
  size = take_all(queue, num_streams, argc == 5 ? atol(argv[4]) : 0);
  printf("%.4f %.4f %llu %.4f\n", seconds_of(CLOCK_PROCESS_CPUTIME_ID) - begin,
         seconds_of(CLOCK_THREAD_CPUTIME_ID) - thread_begin, (unsigned long long)size,
         seconds_of(CLOCK_MONOTONIC) - wall_begin);
  return 0;
}
