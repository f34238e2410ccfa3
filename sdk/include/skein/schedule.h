// Who runs when: tenants, bounds, priorities and deadlines, and the load of a model.
//
// All requests, evals, scores and embeddings of a model share its steps. A stream belongs to a tenant, by the option
// `tenant` of skein_stream_create; a fork belongs to its stream's. A tenant is known by its name alone. It need not be
// made, and is forgotten with its last stream.
//
// Shares. Tenants get the same service, or by their weights if they differ: a token of a prompt counts 1, a token that
// is drawn 2. So is shared what not all can have: places among the requests that run, places in a step, and the time
// that a step has for prompts. What nobody else wants goes to anyone: a tenant that is alone gets everything. Streams
// that draw tokens and fit a step are all in it, until their tenant is ahead of one whose prompts wait by the service
// of 2 * max_batch_tokens; then they miss steps, in which the prompts are read. Among the requests of one tenant the
// higher priority goes first, then the shorter prompt; waiting makes up for both, at one priority per second, so that
// none waits for ever. Where max_running keeps a request waiting, it takes the place of one of its tenant that runs
// with a lower priority and has no deadline. That one goes on later, where it was. Streams that draw tokens and do not
// all fit a step take turns, in the same order.
//
// Bounds. The tokens of prompts and evals that are known and not read yet wait in the queue of the model. There is a
// bound for all of them (model option `max_queued_tokens`) and one for each tenant. Beyond it a submit or an eval is
// refused at once with RESOURCE_EXHAUSTED. Whoever comes to an empty queue is admitted, whatever the number of tokens.
//
// Deadlines (request options `first_token_ms` and `deadline_ms`). A request whose deadline cannot be met is refused at
// once: by a forecast from the measured time of steps and the present load, with a quarter to spare, and more of the
// time in which others are served before it. For `deadline_ms` it is taken to draw all of its max_tokens. A request
// that was admitted and misses a deadline all the same ends with an error event of DEADLINE_EXCEEDED, behind the step
// under way: the token that this step draws still comes, and its stream stands there. So none is DONE whose first token
// or end came late. The time that a reader keeps its request waiting (option `window`) counts.
//
// skein_error.retry_after_ms of a refusal is the time after which the same call is admitted if nobody else comes.
// Threads: any.
#ifndef SKEIN_SCHEDULE_H_
#define SKEIN_SCHEDULE_H_

#include "skein/base.h"
#include "skein/options.h"
#include "skein/status.h"

SKEIN_EXTERN_C_BEGIN

// Sets the policy of a tenant of `model`, from options of kind SKEIN_OPTIONS_TENANT; a key that is not set has its
// default. It holds at once, also for what waits. The model keeps the policy until it is released, or until `options`
// is NULL: then the tenant has the defaults again, and is forgotten with its last stream. `name` "" is the common
// tenant.
//   weight             f64  1  of its share of the steps, against the weights of the other tenants; 0.001 to 1000
//   max_queued_tokens  i64  0  tokens of the tenant that may wait; 0: the model's bound while no other tenant is there,
//                              else half of it
//   max_running        i64  0  requests and evals between their first step and their end; 0: any number
// INVALID_ARGUMENT: `name` has more than 255 bytes.
SKEIN_API skein_status skein_model_set_tenant(skein_model model, const char* name, skein_options options,
                                              skein_error* error);

// The load of a model or of one of its tenants, and the limits that hold.
typedef struct skein_load {
  uint32_t struct_size;
  uint32_t num_tenants;        // of the model: those with streams or a policy
  uint64_t queued_tokens;      // that wait to be read
  uint64_t max_queued_tokens;  // the bound at present; UINT64_MAX: none, because no step was measured yet
  uint32_t num_waiting;        // requests and evals that had no step yet
  uint32_t num_running;        // those that had one and have not ended
  uint32_t max_running;        // bound of num_running; 0: none
  uint32_t num_streams;        // of the model
  uint32_t max_streams;        // of the model
  uint32_t max_batch_tokens;   // of a step
  double weight;               // of the tenant; 0 for the model
  double prompt_tokens_per_s;  // that the model reads at present, of all tenants; 0: not measured yet
} skein_load;

// Fills `load` for the tenant called `name`, or for the whole model if `name` is NULL. A tenant that is not known has
// no load and the default policy. INVALID_ARGUMENT: `load->struct_size` is 0.
SKEIN_API skein_status skein_model_get_load(skein_model model, const char* name, skein_load* load, skein_error* error);

SKEIN_EXTERN_C_END

#endif  // SKEIN_SCHEDULE_H_
