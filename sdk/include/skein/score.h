// Scores and embeddings: what a model says of given texts, for many of them in one call. Streams are read and not
// moved, so that many items may begin behind one stream: all read one state, and nothing is copied. The work shares the
// steps with requests and evals.
//
// At most 32 items of a call run at a time. Each that runs counts as a stream of the model's max_streams; if there are
// fewer left, fewer run, and with none the call returns RESOURCE_EXHAUSTED. No call holds the logits or hidden states
// of a whole text. The calls wait until all items are done. Threads: any.
//
// An item waits and runs like a request of its stream's tenant (schedule.h), from the time at which it has a place. If
// the queue has no room for its tokens then, it waits for another item of the call to end. If none runs, it and all
// behind it end with RESOURCE_EXHAUSTED; see retry_after_ms.
#ifndef SKEIN_SCORE_H_
#define SKEIN_SCORE_H_

#include "skein/base.h"
#include "skein/request.h"
#include "skein/status.h"

SKEIN_EXTERN_C_BEGIN

// The tokens of one text, and the places of what is said of them. A log-probability is as in skein_event: the natural
// logarithm of the token's probability in the softmax of the model's logits, added up in 64 bits.
typedef struct skein_score_item {
  skein_stream stream;        // the tokens come behind its last committed token, a pending one included
  const skein_token* tokens;  // [num_tokens]
  uint64_t num_tokens;        // at least 1

  // [num_tokens], written by the call: the log-probability of each token, given those before it. May be NULL. The first
  // is NaN unless the stream has a pending token, because the state does not hold the logits behind a token that was
  // fed. Feeding a prompt without its last token, which then is the first of the item, gives all others a number.
  float* logprobs;
  skein_logprob* top;  // [num_tokens, num_top], written by the call: the most probable tokens in the place of each
                       // token, falling. Where there are none: SKEIN_NO_TOKEN and NaN. May be NULL if `num_top` is 0
  uint32_t num_top;    // 0 to SKEIN_MAX_TOP_LOGPROBS

  skein_status status;  // written by the call: how this item ended
  uint64_t num_scored;  // written by the call: the tokens whose log-probability is a number
  double logprob;       // written by the call: the sum of these

  int32_t priority;   // -8 to 8; the higher goes first among those of one tenant, as the request option does
  uint32_t reserved;  // 0
} skein_score_item;

// Scores items behind streams of one model. Each item ends on its own: the call returns the first status that is not
// OK, and `error` says which item it was. The outputs of an item that failed mean nothing. DATA_LOSS: the logits of the
// item have a NaN or an infinity. INVALID_ARGUMENT: a field that breaks its comment, such as a token that is no id of
// the model. `items` is an array of `count` structs of `item_size` bytes each, a multiple of 8.
SKEIN_API skein_status skein_score(skein_model model, void* items, uint32_t item_size, uint32_t count,
                                   skein_error* error);

#define SKEIN_POOLING_LAST 0  // the row of the last token, which has read the whole text
#define SKEIN_POOLING_MEAN 1  // the mean over the rows of the item's tokens

// One text, as tokens or as bytes, and the place of its embedding.
typedef struct skein_embed_item {
  skein_stream stream;        // the text comes behind it, as in a score; NULL: behind the model's initial state
  const skein_token* tokens;  // [num_tokens]; NULL: `text` is given
  uint64_t num_tokens;        // at least 1 if `tokens` are given
  const char* text;           // needs the model's tokenizer, else FAILED_PRECONDITION
  uint64_t text_bytes;        // length of `text`
  float* embedding;           // [d_model], written by the call
  uint64_t capacity;          // of it, in floats; at least d_model
  uint32_t pooling;           // SKEIN_POOLING_*
  uint32_t normalise;         // 1: to length 1, as cosines want it; 0: as it is
  skein_status status;        // written by the call: how this item ended
  int32_t priority;           // as in a score
  uint64_t num_read;          // written by the call: the tokens of the text
  const char* tenant;         // of an item without a stream; NULL: the common one, or the stream's
} skein_embed_item;

// Computes embeddings: the final hidden state behind the output norm, from which the head computes the logits. The rest
// is as in skein_score. UNIMPLEMENTED: the device with the model's last layers gives no hidden states.
SKEIN_API skein_status skein_embed(skein_model model, void* items, uint32_t item_size, uint32_t count,
                                   skein_error* error);

SKEIN_EXTERN_C_END

#endif  // SKEIN_SCORE_H_
