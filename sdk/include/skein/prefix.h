// Prefix objects: a text that many streams begin with, such as a document, a persona or a few-shot prompt, read once
// and kept as a state with a name. Any number of streams start from it: all of them read one state, and nothing is
// copied.
//
// The order of calls: a stream reads the text (skein_eval, or a request), skein_prefix_create keeps its place, and
// skein_prefix_start makes streams. The stream that read the text may be released. skein_prefix_save and
// skein_prefix_load carry a prefix to another process, backend, layer split or weight type of the same model.
// Threads: any. A prefix never changes. It keeps its model alive, and streams that started from it keep what they need.
#ifndef SKEIN_PREFIX_H_
#define SKEIN_PREFIX_H_

#include "skein/base.h"
#include "skein/options.h"
#include "skein/status.h"
#include "skein/stream.h"

SKEIN_EXTERN_C_BEGIN

// Keeps the last committed place of `stream`, which goes on undisturbed. `name` (at most 127 bytes) may be NULL, and
// `provenance` (where the text comes from, at most 4095 bytes) may be NULL. Copies no state and never waits.
// INVALID_ARGUMENT: a text is too long, or no UTF-8.
SKEIN_API skein_status skein_prefix_create(skein_stream stream, const char* name, const char* provenance,
                                           skein_prefix* prefix, skein_error* error);

// Releases the handle. Streams that started from the prefix go on.
SKEIN_API skein_status skein_prefix_release(skein_prefix prefix, skein_error* error);

// Makes a stream at the place of the prefix. Copies no state and never waits. skein_stream_reset brings the stream, and
// those forked from it, back to this place. Prompts that begin alike behind one prefix object are read once (the prefix
// cache, request.h); their states are of this process. `options` (kind SKEIN_OPTIONS_STREAM) may be NULL.
// INVALID_ARGUMENT: the option `state` is set. RESOURCE_EXHAUSTED: as in skein_stream_create.
SKEIN_API skein_status skein_prefix_start(skein_prefix prefix, skein_options options, skein_stream* stream,
                                          skein_error* error);

// A prefix, and the sizes of its state.
typedef struct skein_prefix_info {
  uint32_t struct_size;
  uint32_t reserved;     // 0
  uint64_t position;     // tokens in its state
  uint64_t state_bytes;  // of the canonical state, float32
  uint64_t file_bytes;   // of the file that skein_prefix_save writes
  char fingerprint[40];  // of the source weights: 32 hex digits
  char name[128];        // "" if it has none
} skein_prefix_info;

// Fills `info`. May wait until the fingerprint of a model that is no package is known. INVALID_ARGUMENT:
// `info->struct_size` is 0.
SKEIN_API skein_status skein_prefix_get_info(skein_prefix prefix, skein_prefix_info* info, skein_error* error);

// The text that says where the prefix comes from. Buffer rules of base.h.
SKEIN_API skein_status skein_prefix_provenance(skein_prefix prefix, char* buffer, uint64_t capacity, uint64_t* size,
                                               skein_error* error);

// Writes the prefix to a file: a snapshot (skein_stream_snapshot) with its texts. The file appears whole or not at all,
// by the rules of skein_stream_save, and `flags` is as there.
SKEIN_API skein_status skein_prefix_save(skein_prefix prefix, const char* path, uint32_t flags, skein_error* error);

// Reads a file of skein_prefix_save, or any other snapshot, which then has no texts. The file is checked as hostile
// input. NOT_FOUND: no such file. DATA_LOSS, FAILED_PRECONDITION, UNIMPLEMENTED: as in skein_stream_restore.
SKEIN_API skein_status skein_prefix_load(skein_model model, const char* path, skein_prefix* prefix, skein_error* error);

// Describes a file of skein_prefix_save or skein_stream_save, without a model. `options` (kind SKEIN_OPTIONS_DESCRIBE)
// may be NULL; all checksums are compared, whatever `verify` says. The text goes to (buffer, capacity, size) by the
// rules of base.h. NOT_FOUND: no such file. DATA_LOSS: truncated, corrupt or no snapshot. UNIMPLEMENTED: of another
// version of the layout than is written now.
SKEIN_API skein_status skein_snapshot_describe(const char* path, skein_options options, char* buffer, uint64_t capacity,
                                               uint64_t* size, skein_error* error);

SKEIN_EXTERN_C_END

#endif  // SKEIN_PREFIX_H_
