// Calls of the ABI that take arrays of structs with pointers in them. Go may not hand over memory that holds pointers
// to memory of Go. So these take the members apart: every argument is a plain array, and the structs live in memory of
// C for as long as the call. Texts and tokens of all items follow each other in one array, their numbers are in
// another. Texts with a NUL behind them follow each other as well. Handles travel as numbers.
// RESOURCE_EXHAUSTED: there is no memory for the structs. All else as the function of the ABI.
#ifndef SKEIN_GO_ARRAYS_H_
#define SKEIN_GO_ARRAYS_H_

#include <skein/skein.h>

skein_status skein_go_submit(skein_queue queue, const uint64_t* requests, uint32_t count, skein_error* error);

skein_status skein_go_chat_prompt(skein_model model, uint32_t count, const char* roles, const char* texts,
                                  const uint64_t* text_bytes, skein_options options, char* buffer, uint64_t capacity,
                                  uint64_t* size, skein_error* error);
skein_status skein_go_set_chat(skein_request request, uint32_t count, const char* roles, const char* texts,
                               const uint64_t* text_bytes, skein_options options, skein_error* error);

// One item each, without its pointers.
typedef struct skein_go_eval_item {
  uint64_t stream;
  uint64_t num_tokens;
  uint64_t num_outputs;
  uint32_t output_kind;
  skein_status status;
} skein_go_eval_item;

skein_status skein_go_eval(skein_model model, skein_go_eval_item* items, uint32_t count, const skein_token* tokens,
                           float* outputs, skein_error* error);

typedef struct skein_go_score_item {
  uint64_t stream;
  uint64_t num_tokens;
  uint64_t num_scored;
  double logprob;
  uint32_t num_top;
  int32_t priority;
  skein_status status;
  uint32_t reserved;
} skein_go_score_item;

// `logprobs` has a number for each token, and `top` has `num_top` of its item for each token.
skein_status skein_go_score(skein_model model, skein_go_score_item* items, uint32_t count, const skein_token* tokens,
                            float* logprobs, skein_logprob* top, skein_error* error);

typedef struct skein_go_embed_item {
  uint64_t stream;
  uint64_t num_tokens;  // 0: the item has a text
  uint64_t text_bytes;
  uint64_t num_read;
  uint32_t pooling;
  uint32_t normalise;
  int32_t priority;
  skein_status status;
} skein_go_embed_item;

// `tenants` are NUL-terminated, "" is none. `embeddings` has `d_model` numbers for each item.
skein_status skein_go_embed(skein_model model, skein_go_embed_item* items, uint32_t count, const skein_token* tokens,
                            const char* texts, const char* tenants, float* embeddings, uint64_t d_model,
                            skein_error* error);

// The wake-up callback of a queue; `argument` is the number of a function of Go.
skein_status skein_go_set_wakeup(skein_queue queue, uint64_t argument, skein_error* error);

#endif  // SKEIN_GO_ARRAYS_H_
