// Requests, and the queue of their events. A request is a prompt with sampling and stops; the scheduler runs it in a
// batch with all others.
//
// Order: create a queue and a request on a stream; set prompt, options, stops; submit; drain events until the request's
// terminal event (DONE, ERROR or CANCELLED: each request gets exactly one); release. Nothing requires a callback.
#ifndef SKEIN_REQUEST_H_
#define SKEIN_REQUEST_H_

#include "skein/base.h"
#include "skein/options.h"
#include "skein/status.h"

SKEIN_EXTERN_C_BEGIN

#define SKEIN_MAX_TOP_LOGPROBS 64  // the most of the option logprobs

// --- queues ---

// Makes a completion queue. `options` (kind SKEIN_OPTIONS_QUEUE, none yet) may be NULL. One queue serves any number of
// requests and models of its runtime. RESOURCE_EXHAUSTED: the process has no descriptor left.
SKEIN_API skein_status skein_queue_create(skein_runtime runtime, skein_options options, skein_queue* queue,
                                          skein_error* error);

// Releases the queue and cancels its requests. Their events are lost. Waits for a wake-up callback that is running,
// never for inference. Once it returned, the callback is not entered any more.
SKEIN_API skein_status skein_queue_release(skein_queue queue, skein_error* error);

#define SKEIN_EVENT_TOKEN 1      // one generated token; its text may be empty (held back) or cover earlier tokens
#define SKEIN_EVENT_DONE 2       // terminal; see `reason`; its text is the rest, which was held back
#define SKEIN_EVENT_ERROR 3      // terminal; see `status`, DEADLINE_EXCEEDED among others; its text is the message
#define SKEIN_EVENT_CANCELLED 4  // terminal
// Of a request with several samples: the end of the sample. See `reason`, or `status` if it failed. Its text is the
// sample's rest, or the message.
#define SKEIN_EVENT_SAMPLE_DONE 5

#define SKEIN_REASON_NONE 0        // the event is not the end of a text, or ends it with an error or a cancel
#define SKEIN_REASON_STOP_TOKEN 1  // a stop token or the end of text was sampled; it is not part of the output
#define SKEIN_REASON_STOP_TEXT 2   // a stop string appeared; it and all that follows are not part of the text
#define SKEIN_REASON_LENGTH 3      // max_tokens reached

// What the model's prefix cache had for the prompt. A request is a hit if a part of its prompt was not computed.
#define SKEIN_CACHE_UNKNOWN 0       // the request has not begun
#define SKEIN_CACHE_HIT 1           // see num_cached_tokens
#define SKEIN_CACHE_OFF 2           // the option prefix_cache of the model or of the request is 0
#define SKEIN_CACHE_NOT_AT_START 3  // the stream has left the place where it started
#define SKEIN_CACHE_COLD 4          // no prompt that begins alike is known
#define SKEIN_CACHE_NO_STATE 5      // one is, but no state is kept where this one parts from it
#define SKEIN_CACHE_EVICTED 6       // a state that would have served was dropped for others
#define SKEIN_CACHE_ROWS 7          // prompt_logprobs needs the logits behind every token

// Grows at its end only. skein_queue_poll fills as much of it as the host's `event_size` says.
typedef struct skein_event {
  uint32_t kind;               // SKEIN_EVENT_*
  uint32_t reason;             // SKEIN_REASON_*, with DONE and SAMPLE_DONE
  skein_request request;       // its handle, also after it was released
  uint64_t user_data;          // as set on the request
  skein_token token;           // with TOKEN
  skein_status status;         // with ERROR, and with SAMPLE_DONE of a sample that failed
  uint64_t text_offset;        // where the event's text starts in the caller's text buffer
  uint64_t text_bytes;         // complete UTF-8 sequences as far as the model writes UTF-8; not NUL-terminated
  uint64_t num_prompt_tokens;  // read so far
  uint64_t num_tokens;         // generated so far in the sample, this one included; in terminal events in all samples
  uint64_t position;           // of the sample's stream: tokens committed
  // The struct's first form ends here, at 72 bytes.

  // With TOKEN: the natural logarithm of the token's probability in the softmax of the model's logits, before bias,
  // penalties, filters and temperature. NaN where the options logprobs and best_of do not ask for it, and in events of
  // other kinds.
  float logprob;
  uint32_t sample;             // the sample's index, from 0; in terminal events the one that the stream goes on from
  uint64_t num_cached_tokens;  // the part of num_prompt_tokens that was not computed, because a cached state had read
                               // it

  // Times on a steady clock. The phase in progress is counted up to this event, later phases are 0, and the sum of the
  // three is the time since submit.
  uint64_t queue_us;    // from submit to the start of the first step that feeds a token of the request
  uint64_t prefill_us;  // from there to the end of the step that feeds the prompt's last token
  uint64_t decode_us;   // from there on

  // The sum of the log-probabilities of the sample's tokens so far. NaN where they are not asked for, and in the
  // terminal event of several samples.
  double logprob_sum;

  uint32_t cache;     // SKEIN_CACHE_*
  uint32_t reserved;  // 0
} skein_event;

// Takes the events that are there, oldest first, without waiting: at most `capacity` of them, as structs of
// `event_size` bytes, which is sizeof(skein_event) as the host was compiled. Their text is packed into `text`. Only
// whole events are taken. `*count` is the number of events taken, and `*text_bytes` the number of bytes of text
// written. If the first event's text does not fit, the event stays, `*text_bytes` is the size of its text, `*count` is
// 0, and the call returns OUT_OF_RANGE. No events: OK with `*count` 0. `text` may be NULL if `text_capacity` is 0. If
// an element is longer than the library's own struct, the library leaves the rest of it as it was.
SKEIN_API skein_status skein_queue_poll(skein_queue queue, void* events, uint32_t event_size, uint32_t capacity,
                                        char* text, uint64_t text_capacity, uint32_t* count, uint64_t* text_bytes,
                                        skein_error* error);

// Waits until an event is there (`*ready` 1) or `timeout_ms` have passed (`*ready` 0); a negative timeout waits for
// ever. If another thread releases the queue, the wait ends with INVALID_HANDLE.
SKEIN_API skein_status skein_queue_wait(skein_queue queue, int64_t timeout_ms, uint32_t* ready, skein_error* error);

// Gives a descriptor that is readable while events are there (level-triggered: for epoll, asyncio, libuv). It belongs
// to the queue: do not read, write or close it.
SKEIN_API skein_status skein_queue_fd(skein_queue queue, int32_t* fd, skein_error* error);

// The callback is called when the queue turns from empty to not empty. The thread that adds the event calls it: a
// thread of the library, or the host's in a submit that fails at once. One call is made at a time, without a lock of
// the library. The callback may call skein only to poll or to submit. If it adds events, it is called once more after
// it returned. `wakeup` NULL removes the callback. When set_wakeup returned, the old callback is not running, and is
// not entered any more. For that set_wakeup waits while another thread is in the callback, so the host must not hold a
// lock that the callback waits for.
typedef void (*skein_wakeup_fn)(void* argument);
SKEIN_API skein_status skein_queue_set_wakeup(skein_queue queue, skein_wakeup_fn wakeup, void* argument,
                                              skein_error* error);

// --- requests ---

// Tokens and the stream: tokens that were sampled and delivered belong to the stream, those of stop strings too, and
// the next request or eval continues after them. A stop token does not belong to the stream.
//
// Makes a request on a stream, which it keeps alive. It starts with the model's defaults and an empty prompt. Once it
// is submitted, the functions that set something return FAILED_PRECONDITION.
SKEIN_API skein_status skein_request_create(skein_stream stream, skein_request* request, skein_error* error);

// Releases the handle. A request that runs goes on and delivers its events; skein_request_cancel ends it.
SKEIN_API skein_status skein_request_release(skein_request request, skein_error* error);

// Sets the prompt, as text (needs the model's tokenizer, else FAILED_PRECONDITION) or as tokens; the later call wins.
// An empty prompt continues from the stream's last token; if there is none, submit returns FAILED_PRECONDITION. `text`
// and `tokens` are copied; each may be NULL if its length is 0. INVALID_ARGUMENT: an id outside the vocabulary.
SKEIN_API skein_status skein_request_set_prompt(skein_request request, const char* text, uint64_t text_bytes,
                                                skein_error* error);
SKEIN_API skein_status skein_request_set_prompt_tokens(skein_request request, const skein_token* tokens,
                                                       uint64_t num_tokens, skein_error* error);

// Sets sampling and limits from options of kind SKEIN_OPTIONS_REQUEST, in place of those set before. A key that is not
// set has the value in the model's manifest, if there is one, else the default below. INVALID_HANDLE: also for
// `options` NULL. Order of the sampler: penalties and bias; top-k, top-p and
// min-p on the untempered distribution; temperature; draw.
//   max_tokens         i64  256    tokens to generate at most
//   temperature        f64  1      0: greedy
//   top_k              i64  0      keep the k most probable; 0: off
//   top_p              f64  0.85   keep the smallest set with at least this mass; 1: off
//   min_p              f64  0      keep tokens with at least this share of the most probable one's probability; 0: off
//   presence_penalty   f64  0      subtracted once from the logit of every token generated before
//   frequency_penalty  f64  0      subtracted per (decayed) occurrence
//   penalty_decay      f64  0.996  factor on all occurrences, per token
//   seed               i64  0      of the random numbers: same seed, same tokens
//   sample_index       i64  0      i for the i-th of several samples with one seed; a stream keeps its last request's
//   n                  i64  1      samples of the prompt, 1 to 1024. See the samples below
//   best_of            i64  0      write so many samples, and deliver the n best of them; 0: as many as n
//   logprobs           i64  -1     k, 0 to 64: the log-probability of each token is in its event, and k most probable
//                                  tokens are kept beside it; -1: none
//   prompt_logprobs    i64  -1     k, 0 to 64: the same is kept of the prompt's tokens; -1: none
//   continue_sampling  i64  0      1: the sampler goes on where the sampler of the stream's last request stood: with
//                                  its seed and sample_index, unless they are set, and with the tokens that it counted
//                                  for the penalties. Also after a fork or a restore. The prompt has to be empty
//   stop_at_end        i64  1      1: the end-of-text token stops; 0: a token like any other
//   window             i64  0      number of unacknowledged tokens at which the request waits; 0: polling acknowledges,
//                                  and the request waits at 4096 tokens that were not polled
//   priority           i64  0      -8 to 8; the higher goes first among the requests of one tenant (schedule.h)
//   first_token_ms     i64  0      time from submit by which the first token is wanted, in milliseconds; 0: any
//   deadline_ms        i64  0      time from submit by which all max_tokens are wanted; 0: any
//   prefix_cache       i64  1      1: the prompt goes on from a cached state and leaves some (below); 0: neither
SKEIN_API skein_status skein_request_set_options(skein_request request, skein_options options, skein_error* error);

// The prefix cache: a request on a stream that stands at its initial state, or at the prefix object that it started
// from, goes on from the longest cached state of which its prompt is the continuation. Nothing is copied, and
// `num_cached_tokens` tokens are not computed. States are kept where prompts part, behind prompts and behind answers,
// within the model's option prefix_cache; those that save least go first. While a prompt is being read, others that
// begin alike may wait for it. Streams share states if they have the same cache_salt and the same initial state or
// prefix object. Evals take part if they want no outputs in front of their last token and have 16 tokens at least. The
// results are the same with and without, bit for bit, where a model's results do not depend on the chunks that it
// reads: with its option deterministic, and in q8 and q4 where activations are in 8 bits. In other types a prompt is
// read in other chunks, which changes the last bits of its logits.
//
// Samples: with the options n and best_of one request writes several samples of its prompt. The prompt is read once,
// and the samples go on from its state, which is not copied. Sample i draws as a request with the option sample_index +
// i would draw. Each is a stream in the steps and in the model's max_streams: if there are too few, submit returns
// RESOURCE_EXHAUSTED. Events of tokens carry the index of their sample, and each sample ends with an event SAMPLE_DONE,
// also if it fails alone. The request's one terminal event is the last of all: ERROR only if every sample failed. The
// window counts the tokens of all samples; those of one step may go beyond it.
//   With best_of above n no token is delivered before the end. Then the n samples whose tokens have the greatest mean
// log-probability follow one after the other, the best first; samples without a token and failed ones come last.
//   The request's stream goes on from sample 0, or from the best one. The streams of all other samples are kept, and
// count as streams of the model, until the request is released.
//
// Gives `*stream` the stream of a sample, which stands behind the sample's last token, as the request's own stream does
// behind its own. Each can be taken once. FAILED_PRECONDITION: the request has not ended or has one sample, its own
// stream goes on from this one, or the stream was taken. INVALID_ARGUMENT: no such sample. On failure `*stream` is
// NULL.
SKEIN_API skein_status skein_request_take_sample(skein_request request, uint32_t sample, skein_stream* stream,
                                                 skein_error* error);

// A token, and the natural logarithm of its probability.
typedef struct skein_logprob {
  skein_token token;  // SKEIN_NO_TOKEN where there is none
  float logprob;      // NaN where there is none
} skein_logprob;

#define SKEIN_SAMPLE_PROMPT 0xFFFFFFFFu  // the prompt, in place of the index of a sample

// Reads the log-probabilities of a sample's tokens, as in skein_event, from its `first`-th token on. Each of
// `num_tokens` tokens has a row of 1 + k: the token itself, then the k most probable tokens in its place, falling; k is
// the option logprobs, or prompt_logprobs for SKEIN_SAMPLE_PROMPT, and at most the size of the vocabulary. The first
// token of a prompt that has no token in front of it has NaN, and SKEIN_NO_TOKEN for the most probable ones. Buffer
// rules of base.h, counted in structs. A token is there once its event is; the tokens of a prompt are there with the
// first event. They are kept while the request's handle lives: the whole prompt, and the last 4096 tokens of each
// sample. NOT_FOUND: a token that is not there yet, or is not kept any more. FAILED_PRECONDITION: the option is not
// set, or the request was not submitted. INVALID_ARGUMENT: no such sample.
SKEIN_API skein_status skein_request_logprobs(skein_request request, uint32_t sample, uint64_t first,
                                              uint64_t num_tokens, skein_logprob* logprobs, uint64_t capacity,
                                              uint64_t* count, skein_error* error);

// Adds a stop string (found across token borders) or a stop token. INVALID_ARGUMENT: empty text, or no such token.
// FAILED_PRECONDITION: a stop string for a model without a tokenizer.
SKEIN_API skein_status skein_request_add_stop(skein_request request, const char* text, uint64_t text_bytes,
                                              skein_error* error);
SKEIN_API skein_status skein_request_add_stop_token(skein_request request, skein_token token, skein_error* error);

// Adds `bias` to the logit of `token` before filtering; minus infinity bans it. The last bias of a token counts.
// INVALID_ARGUMENT: NaN or plus infinity, or no such token.
SKEIN_API skein_status skein_request_set_logit_bias(skein_request request, skein_token token, float bias,
                                                    skein_error* error);

// Sets a number of the host's own, which every event of the request carries; 0 if it is not set.
SKEIN_API skein_status skein_request_set_user_data(skein_request request, uint64_t user_data, skein_error* error);

// Submits `count` requests whose events go to `queue`: all of them, or none. A request is submitted once.
// FAILED_PRECONDITION: submitted before, or its stream is busy. INVALID_ARGUMENT: of another runtime.
// RESOURCE_EXHAUSTED: the queue of the model or of the tenant is full, or a deadline cannot be met under the present
// load (schedule.h); see retry_after_ms. DEADLINE_EXCEEDED: a deadline could not be met even if nothing else ran.
// Neither waits for a step.
SKEIN_API skein_status skein_queue_submit(skein_queue queue, const skein_request* requests, uint32_t count,
                                          skein_error* error);

// Asks a request to end at the next step. Its CANCELLED event follows, unless it ended before. One that is cancelled
// before it is submitted ends as soon as it is. Never waits.
SKEIN_API skein_status skein_request_cancel(skein_request request, skein_error* error);

// Acknowledges `num_tokens` delivered tokens of a request with a window. FAILED_PRECONDITION: the request has no
// window, or was not submitted. INVALID_ARGUMENT: more than were delivered and not acknowledged.
SKEIN_API skein_status skein_request_acknowledge(skein_request request, uint64_t num_tokens, skein_error* error);

SKEIN_EXTERN_C_END

#endif  // SKEIN_REQUEST_H_
