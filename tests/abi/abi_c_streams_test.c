/* Parts of abi_c_test: streams, requests and conversations at their simplest, seen from a C99 host. */
#define _POSIX_C_SOURCE 200809L

#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/abi/c_host.h"

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
void test_streams(const char* model_path) {
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

  /* Each of these fails its item alone: a bad token, a stream that occurs twice, no tokens, too little room. */
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
void test_stream_limit(const char* model_path) {
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

/* A queue takes requests of its own runtime; a request that it refused can go to another queue. */
void test_foreign_queue(const char* model_path) {
  const world w = make_world(model_path);
  const skein_request request = request_of(&w);
  skein_error error;
  skein_runtime runtime = NULL;
  skein_queue foreign = NULL, queue = NULL;
  NEED(skein_runtime_create(NULL, &runtime, &error));
  NEED(skein_queue_create(runtime, NULL, &foreign, &error));
  NEED(skein_queue_create(runtime_of(&w), NULL, &queue, &error));
  EXPECT_OK(skein_request_set_prompt(request, "In the ", 7, &error));
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_queue_submit(foreign, &request, 1, &error));
  EXPECT(strstr(error.message, "another runtime") != NULL);
  EXPECT_OK(skein_runtime_release(runtime, &error));
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_queue_submit(foreign, &request, 1, &error));
  EXPECT_OK(skein_queue_submit(queue, &request, 1, &error));
  EXPECT_OK(skein_queue_release(queue, &error));
  EXPECT_OK(skein_queue_release(foreign, &error));
  release_world(&w);
}

/* The result of a request. */
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

void test_requests(const char* model_path) {
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

  /* Arguments that a request refuses. */
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

/* Messages as a prompt, given to the model as text or to a request. */
void test_chat(const char* model_path) {
  /* Messages of a newer and longer form. */
  struct {
    skein_chat_message message;
    uint64_t newer;
  } messages[3] = {{{"system", " Be brief.\r\n", 12}, 1}, {{"user", "In\n\n\nthe", 8}, 2}, {{"assistant", NULL, 0}, 3}};
  static const char expected[] = "System: Be brief.\n\nUser: In\nthe\n\nAssistant:";
  static const char thought[] = "System: Be brief.\n\nUser: In\nthe (think a lot)\n\nAssistant: <think";
  static const char closed[] = "System: Be brief.\n\nUser: In\nthe\n\nAssistant:\n\n";
  const world w = make_world(model_path);
  const skein_model model = model_of(&w);
  const uint32_t stride = sizeof(messages[0]);
  const uint32_t exact = sizeof(skein_chat_message);
  const skein_chat_message stranger = {"tool", "x", 1};
  const skein_chat_message nameless = {NULL, "x", 1};
  const skein_chat_message textless = {"user", NULL, 1};
  const skein_chat_message binary = {"user", "\xff", 1};
  const skein_chat_message instruction = {"system", "\xff", 1};
  /* NUL, a lonely continuation, and the first half of a character: whatever a model says is taken back. */
  const skein_chat_message said = {"assistant", "a\0\x80 \xf0\x9f", 6};
  static const char taken[] = "Assistant: a\xef\xbf\xbd\xef\xbf\xbd \xef\xbf\xbd\n\n";
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

  /* Calls that are refused. The model in the box is not for conversations: it has no template of its own. */
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
  EXPECT(strstr(error.message, "message 0: expected UTF-8") != NULL);
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_request_set_chat(request, &instruction, exact, 1, chat, &error));
  EXPECT_OK(skein_model_chat_prompt(model, &said, exact, 1, chat, scratch, sizeof(scratch), &size_out, &error));
  EXPECT(size_out == strlen(taken) && memcmp(scratch, taken, strlen(taken)) == 0);
  EXPECT_OK(skein_request_set_chat(request, &said, exact, 1, chat, &error));
  EXPECT_OK(skein_options_set_str(chat, "think", "maybe", &error));
  EXPECT_STATUS(SKEIN_INVALID_ARGUMENT, skein_request_set_chat(request, messages, stride, 2, chat, &error));
  EXPECT(strstr(error.message, "on, off, none, short or long") != NULL);
  EXPECT_OK(skein_options_set_str(chat, "think", "long", &error));
  EXPECT_OK(skein_model_chat_prompt(model, messages, stride, 2, chat, scratch, sizeof(scratch), &size_out, &error));
  EXPECT(size_out == strlen(thought) && memcmp(scratch, thought, strlen(thought)) == 0);
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
