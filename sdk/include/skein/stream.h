// Streams, and skein_eval. A stream is one sequence of tokens and the recurrent state behind it. skein_eval is the
// synchronous level of the ABI, for hosts that do their own sampling.
//
// A stream has one writer at a time. While a request or an eval runs on it, eval, reset, restore and submit return
// FAILED_PRECONDITION. Fork, snapshot, state and position are always allowed, and see the last committed token.
// history.h has the way back.
// Threads: any. Calls on one stream are serialised; different streams are independent.
#ifndef SKEIN_STREAM_H_
#define SKEIN_STREAM_H_

#include "skein/base.h"
#include "skein/options.h"
#include "skein/status.h"

SKEIN_EXTERN_C_BEGIN

// Makes a stream in the initial state of the model. `options` (kind SKEIN_OPTIONS_STREAM) may be NULL.
//   state  str  ""  file with a state that the stream starts from, and goes back to with reset: a tuned one
//                   (`time_state` tensors of a .pth or .safetensors; RWKV-5.2, 6 and 7), or a running one of the rwkv
//                   pip package (the list of tensors that its forward returns, in a .pth); "": the model's own. Streams
//                   with different states run in one batch. Each call reads the file; forks of a stream share its
//                   contents
//   tenant  str  ""  tenant that the stream and its forks belong to (schedule.h), at most 255 bytes; "": the common one
//   cache_salt  str  ""  the prefix cache (request.h) gives states to, and takes them from, streams of the same salt
//                        alone
// RESOURCE_EXHAUSTED: the model has max_streams streams; see retry_after_ms of the error. NOT_FOUND, DATA_LOSS,
// INVALID_ARGUMENT: no such file, a damaged one, or one that does not fit the model.
SKEIN_API skein_status skein_stream_create(skein_model model, skein_options options, skein_stream* stream,
                                           skein_error* error);

// Releases the stream. A request that runs on it is cancelled. Never waits for inference.
SKEIN_API skein_status skein_stream_release(skein_stream stream, skein_error* error);

// Puts the stream back to where it started: the initial state at position 0, or the place of its prefix object. Never
// waits. FAILED_PRECONDITION: a request or an eval runs on the stream.
SKEIN_API skein_status skein_stream_reset(skein_stream stream, skein_error* error);

// Gives `*copy` a stream that continues from the last committed token. Costs no copy of the state and never waits.
// RESOURCE_EXHAUSTED: the model has max_streams streams; see retry_after_ms. On failure `*copy` is NULL.
SKEIN_API skein_status skein_stream_fork(skein_stream stream, skein_stream* copy, skein_error* error);

// The number of tokens committed since the initial state. Never waits.
SKEIN_API skein_status skein_stream_position(skein_stream stream, uint64_t* position, skein_error* error);

// Writes the stream as versioned bytes: fingerprint of the source weights, position, pending token, state of the
// sampler, and the canonical state, with checksums. The bytes restore on another backend, layer split, weight type or
// process. May wait for one step. Buffer rules of base.h. The size may grow from token to token: if a request runs
// between the call that asks for the size and the call that writes, the latter may return OUT_OF_RANGE with the new
// size in `*size`; call again.
SKEIN_API skein_status skein_stream_snapshot(skein_stream stream, void* buffer, uint64_t capacity, uint64_t* size,
                                             skein_error* error);

// Replaces the stream's state by a snapshot, which is checked as hostile input. DATA_LOSS: truncated or corrupt.
// FAILED_PRECONDITION: it is of a model with other source weights, or a request runs on the stream. UNIMPLEMENTED: it
// is of a later version, or has a part that a reader must understand and this version does not. On failure the stream
// is what it was.
SKEIN_API skein_status skein_stream_restore(skein_stream stream, const void* snapshot, uint64_t snapshot_bytes,
                                            skein_error* error);

// Like skein_stream_snapshot, and with the flag SKEIN_SAVE_PAST (below) in `flags` the past goes along. The size then
// also depends on the checkpoints whose states are kept. INVALID_ARGUMENT: `flags` is neither 0 nor SKEIN_SAVE_PAST.
SKEIN_API skein_status skein_stream_snapshot_with(skein_stream stream, uint32_t flags, void* buffer, uint64_t capacity,
                                                  uint64_t* size, skein_error* error);

#define SKEIN_SAVE_REPLACE 1u  // a file that exists is replaced; without this it is ALREADY_EXISTS
// The tokens of the stream go along, as far as they are known, and the checkpoints whose states are kept. So a stream
// that is restored can go back (skein_stream_truncate) as the saved one could.
#define SKEIN_SAVE_PAST 2u

// A snapshot in a file, so that a stream moves to another process with one call on each side. `flags` is a sum of
// SKEIN_SAVE_*. The file appears whole or not at all, by the rules of skein_model_convert. May wait for one step.
// NOT_FOUND: no such folder. RESOURCE_EXHAUSTED: the disk is full. INVALID_ARGUMENT: an unknown flag, or the codes of
// skein_model_convert for `path`.
SKEIN_API skein_status skein_stream_save(skein_stream stream, const char* path, uint32_t flags, skein_error* error);

// Restores the stream from a file of skein_stream_save or skein_prefix_save. NOT_FOUND: no such file. The other codes,
// and the rest, as in skein_stream_restore.
SKEIN_API skein_status skein_stream_load(skein_stream stream, const char* path, skein_error* error);

// Writes the canonical state: float32, for each layer att_shift[C] ffn_shift[C], then wkv[H][N][N] (indexed
// [value][key] in RWKV-7, [key][value] in 5 and 6) or, in RWKV-4, aa[A] bb[A] pp[A]. Sizes by the rules of base.h,
// counted in floats. May wait for one step.
SKEIN_API skein_status skein_stream_state(skein_stream stream, float* state, uint64_t capacity, uint64_t* count,
                                          skein_error* error);

#define SKEIN_OUTPUT_NONE 0         // advance the state only
#define SKEIN_OUTPUT_LAST_LOGITS 1  // [vocab_size], after the last token
#define SKEIN_OUTPUT_ALL_LOGITS 2   // [num_tokens, vocab_size], after every token
#define SKEIN_OUTPUT_LAST_HIDDEN 3  // [d_model], after the last norm, for the last token
#define SKEIN_OUTPUT_ALL_HIDDEN 4   // [num_tokens, d_model]

// One stream's part of an eval.
typedef struct skein_eval_item {
  skein_stream stream;        // of the model that the call names
  const skein_token* tokens;  // [num_tokens], ids below vocab_size
  uint64_t num_tokens;        // at least 1
  float* output;              // row-major float32, written by the call; may be NULL with SKEIN_OUTPUT_NONE
  uint64_t output_capacity;   // in floats
  uint32_t output_kind;       // SKEIN_OUTPUT_*
  skein_status status;        // written by the call: how this item ended
} skein_eval_item;

// Feeds tokens to streams of one model, each stream at most once, as one ragged batch; waits until all are done.
// Each item ends on its own: the call returns the first status that is not OK, and `error` says which item it was. An
// item that failed leaves its stream where it was. `items` is an array of `count` structs of `item_size` bytes each, a
// multiple of 8. The items wait and run like requests without a priority (schedule.h). An item on a stream at its start
// goes on from a cached state, if it wants no outputs in front of its last token (the prefix cache, request.h).
// RESOURCE_EXHAUSTED: no room for the items of this call; none of them ran; see retry_after_ms. The other codes are of
// an item. INVALID_ARGUMENT: a field that breaks its comment. OUT_OF_RANGE: `output_capacity` is too small.
// FAILED_PRECONDITION: a request or another item runs on the stream. DATA_LOSS: its logits or hidden rows are not
// finite. UNIMPLEMENTED: the device gives no hidden rows.
SKEIN_API skein_status skein_eval(skein_model model, void* items, uint32_t item_size, uint32_t count,
                                  skein_error* error);

SKEIN_EXTERN_C_END

#endif  // SKEIN_STREAM_H_
