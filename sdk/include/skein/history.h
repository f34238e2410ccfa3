// The past of a stream: its tokens, going back to one of them, branching off there, and checkpoints.
//
// A stream keeps the tokens that it has read since its start, 4 bytes each, and forks share them up to where they part.
// It also keeps states on the way, as checkpoints: every 256 tokens, where the host gives a place a name, and at the
// start of each request that comes 64 tokens or more behind the last. Going back takes the state of the last checkpoint
// in front of the place, and reads on from there. Where all are kept that is 255 tokens at most, whatever the length.
//
// The model option checkpoint_memory bounds the states of all streams together. When it is used up, the states go first
// that save the fewest tokens, above all those far from the ends of their streams, and those with names last. A place
// is reached without them too, from the state before it or from the start, by reading more.
//
// A snapshot has no tokens, unless it was made with SKEIN_SAVE_PAST. A stream that was restored without them knows
// those behind the snapshot's position only, and goes back no farther than that.
//
// Threads: any, as in stream.h. Positions count tokens from the start of the stream. The last one is that of a sampled
// token that is not read yet, where there is one: there, skein_stream_position is one less.
#ifndef SKEIN_HISTORY_H_
#define SKEIN_HISTORY_H_

#include "skein/base.h"
#include "skein/status.h"

SKEIN_EXTERN_C_BEGIN

// Writes the stream's tokens from position `begin` to the last position. Buffer rules of base.h, counted in tokens.
// Sees the last committed token while a request runs. OUT_OF_RANGE: `begin` is not among the positions that are known.
SKEIN_API skein_status skein_stream_tokens(skein_stream stream, uint64_t begin, skein_token* tokens, uint64_t capacity,
                                           uint64_t* count, skein_error* error);

// Takes the stream back to `position`, as if it had read its first `position` tokens and no others. Nothing is sampled
// and unread there, so that the next request needs a prompt. Only at the last position nothing changes. The memory of
// the sampler (penalties, continue_sampling) is what it was when the stream stood there. `*replayed`, which may be
// NULL, is the number of tokens that were read again; they wait and run like an eval. OUT_OF_RANGE: the tokens up to
// there are not known, or in a stream that was restored no state is kept to begin with. FAILED_PRECONDITION: a request
// or an eval runs on the stream. RESOURCE_EXHAUSTED: as skein_eval. On failure the stream is what it was.
SKEIN_API skein_status skein_stream_truncate(skein_stream stream, uint64_t position, uint64_t* replayed,
                                             skein_error* error);

// Gives `*copy` a stream that continues from `position`: a fork that was truncated, with the same results. `stream`
// stays where it is, and a request may run on it. `replayed`, which may be NULL, and the errors are as in
// skein_stream_truncate. Also RESOURCE_EXHAUSTED: the model has max_streams streams. On failure `*copy` is NULL.
SKEIN_API skein_status skein_stream_fork_at(skein_stream stream, uint64_t position, skein_stream* copy,
                                            uint64_t* replayed, skein_error* error);

// Names the last position of the stream, and keeps its state. The name is of 1 to 63 bytes. It stays until the stream
// goes back to a place in front of it, also when the state has gone, and forks made from now on have it too.
// ALREADY_EXISTS: another place of the stream has it. FAILED_PRECONDITION: a request or an eval runs on the stream.
SKEIN_API skein_status skein_stream_set_checkpoint(skein_stream stream, const char* name, skein_error* error);

// Gives `*position` the place with a name. Never waits. NOT_FOUND: no place of the stream has it.
SKEIN_API skein_status skein_stream_find_checkpoint(skein_stream stream, const char* name, uint64_t* position,
                                                    skein_error* error);

// A place to go back to.
typedef struct skein_checkpoint {
  uint64_t position;     // tokens in front of the place
  uint64_t state_bytes;  // 0: its state is not kept, and the place is reached from one before it
  char name[64];         // ""; or as it was set, NUL-terminated
} skein_checkpoint;

// Writes the stream's checkpoints by position: those with names, and those whose states are kept. `checkpoints` is an
// array of `capacity` structs of `checkpoint_size` bytes each, a multiple of 8. Buffer rules of base.h, counted in
// structs. While a request runs there may be more from call to call; states may go at any time.
SKEIN_API skein_status skein_stream_checkpoints(skein_stream stream, void* checkpoints, uint32_t checkpoint_size,
                                                uint64_t capacity, uint64_t* count, skein_error* error);

SKEIN_EXTERN_C_END

#endif  // SKEIN_HISTORY_H_
