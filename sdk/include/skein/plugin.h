// The plugin boundary: entry point, version handshake, host services, and the tables of format and tokenizer plugins.
// The table of a backend is in backend.h. Plain C; a plugin needs these headers and nothing of libskein.
//
// A plugin is one shared object that exports one symbol, skein_plugin_entry. In a folder of plugins its name ends in
// ".so"; other files there are not looked at. skein_runtime_load_plugin takes a file of any name. The host offers a
// range of ABI versions; the plugin answers with the highest that it knows in that range, and a table. A plugin that
// does not fit is refused with a reason, and so is a file that ends before its own headers say, as an unfinished copy
// does. The host loads it with RTLD_NOW | RTLD_LOCAL and never unloads it. Put a new version in place by rename:
// whoever writes into a loaded file changes the code that runs.
//
// Rules for plugins
//   Start no threads beyond the number declared in the answer, and no arena; parallel work goes through skein_host.
//   Do not print, exit, abort, install signal handlers, or let an exception cross the boundary.
//   Files are hostile: check bounds before use, and never allocate from an unchecked size.
//   Messages name what was expected, what was found and where.
// Sizes: every table and struct starts with `struct_size`. Members are only added at the end. A reader compares with
// >=, as SKEIN_HAS does. A NULL member means "not offered".
// A struct that the host gives to be filled comes zeroed but for `struct_size`.
// Codes: the functions return the codes of status.h (0 is OK). A code that status.h does not have becomes INTERNAL, and
// so do CANCELLED, DEADLINE_EXCEEDED and UNAUTHENTICATED, which speak of a caller and not of a plugin. Objects: a
// function that makes an object (a device, a segment, a checkpoint) and succeeds gives a pointer other than NULL.
// Texts: UTF-8 of one line. The host replaces what is not, and shortens what is too long.
#ifndef SKEIN_PLUGIN_H_
#define SKEIN_PLUGIN_H_

#include <stddef.h>
#include <stdint.h>

#include "skein/base.h"
#include "skein/dtype.h"
#include "skein/status.h"

SKEIN_EXTERN_C_BEGIN

// The plugin ABI described by this header. It changes only when old plugins cannot work any more.
#define SKEIN_PLUGIN_ABI 1

// True if `object`, a pointer to `type`, is long enough to hold `member`.
#define SKEIN_HAS_FIELD(type, object, member) \
  ((object)->struct_size >= offsetof(type, member) + sizeof((object)->member))
// True if the table also offers the function `member`.
#define SKEIN_HAS(type, object, member) (SKEIN_HAS_FIELD(type, object, member) && (object)->member != NULL)

// The reason of a failure, which a plugin writes into the caller's memory: NUL-terminated, cut if longer. The host
// never gives NULL where a function takes a message, and its text comes empty.
typedef struct skein_message {
  char text[1024];
} skein_message;

// --- host services ---

// The host's services for a plugin. The pointers stay valid as long as the object (device, checkpoint, tokenizer) that
// they were given to. `context` is the first argument of every call. A plugin keeps them per object and not in a
// global, since one process may have several runtimes.
typedef struct skein_host {
  uint32_t struct_size;
  uint32_t reserved;
  void* context;

  // Threads that parallel work can have, the calling one included. At least 1. Constant.
  uint32_t (*concurrency)(void* context);

  // Calls fn(argument, i) once for every i in [0, num_items), on any of the arena's threads, in any order. Returns when
  // all have returned. `fn` may not wait for another item.
  void (*parallel_for)(void* context, uint64_t num_items, void (*fn)(void* argument, uint64_t item), void* argument);

  // Calls fn(argument, index, count) once on every thread that takes part. It waits at most 50 us for `wanted` threads,
  // then fixes `count`, the number of those that arrived: 1 <= count <= wanted. `index` is in [0, count). The caller is
  // one of them. All run at the same time until they return, so they may use barriers among themselves.
  void (*parallel_region)(void* context, uint32_t wanted, void (*fn)(void* argument, uint32_t index, uint32_t count),
                          void* argument);

  // Memory aligned to `alignment`, a power of two; NULL if there is none. free(NULL) is allowed.
  void* (*alloc)(void* context, uint64_t bytes, uint64_t alignment);
  void (*free)(void* context, void* memory);

  // Adds a line to the runtime's log. `severity` is a SKEIN_LOG_* of runtime.h: 0 debug, 1 info, 2 warning, 3 error. A
  // text of several lines becomes several lines. Any thread.
  void (*log)(void* context, uint32_t severity, const char* text, uint64_t text_bytes);

  // Calls fn(argument, index, count) at once on the calling thread, and meanwhile on other threads as they become free:
  // soon, late or never. `count` is `wanted`, at most the number of threads; `index` is in [0, count), and no two
  // threads have the same. A thread whose call has returned may call again, with its index, as long as the caller's
  // call runs; so a thread that should let others have its processor returns. No call may wait for another one to
  // come, but it may wait for work that another one has begun. Returns when the caller's call and all others have
  // returned.
  void (*parallel_team)(void* context, uint32_t wanted, void (*fn)(void* argument, uint32_t index, uint32_t count),
                        void* argument);
} skein_host;

// --- entry ---

typedef struct skein_plugin_offer {
  uint32_t struct_size;
  uint32_t abi_min;  // the host speaks plugin ABIs abi_min to abi_max
  uint32_t abi_max;
  uint32_t reserved;
  const char* host_version;  // such as "1.0.0"
} skein_plugin_offer;

#define SKEIN_PLUGIN_BACKEND 1    // table: skein_backend_table of backend.h
#define SKEIN_PLUGIN_FORMAT 2     // table: skein_format_table
#define SKEIN_PLUGIN_TOKENIZER 3  // table: skein_tokenizer_table

// Zeroed by the host but for `struct_size`. Strings and table live for ever.
typedef struct skein_plugin_answer {
  uint32_t struct_size;
  uint32_t abi;          // the version chosen
  uint32_t kind;         // SKEIN_PLUGIN_*
  uint32_t num_threads;  // threads that the plugin starts; 0 for most, at most 1024
  const char* id;        // lower case, unique per kind: "onednn", "safetensors", "world"
  const char* version;
  const char* description;
  const void* table;  // its first word is struct_size
} skein_plugin_answer;

// The one exported symbol. May be called several times, once per runtime, from any thread. OK, or a code with a
// message: FAILED_PRECONDITION if no offered ABI is known, or the machine lacks what the plugin needs.
typedef int32_t (*skein_plugin_entry_fn)(const skein_plugin_offer* offer, skein_plugin_answer* answer,
                                         skein_message* message);
#if defined(SKEIN_BUILDING_PLUGIN)
SKEIN_API int32_t skein_plugin_entry(const skein_plugin_offer* offer, skein_plugin_answer* answer,
                                     skein_message* message);
#endif

// --- formats: a checkpoint file to raw tensors and metadata, nothing else ---

// A file as the host hands it to a format plugin. Valid until the checkpoint opened from it is closed.
typedef struct skein_source {
  uint32_t struct_size;
  uint32_t reserved;
  const char* path;     // for messages and for looking at the extension; not to be opened
  uint64_t size_bytes;  // of the whole file
  const uint8_t* data;  // the whole file, mapped or read; never NULL unless size_bytes is 0
  void* context;
  // Opens another file of the same folder, such as a shard or config.json. `name` is a plain file name: one with a path
  // separator, "..", or a leading dot is refused (INVALID_ARGUMENT). NOT_FOUND: no such file. `sibling` lives as long
  // as this source.
  int32_t (*open_sibling)(void* context, const char* name, const struct skein_source** sibling, skein_message* message);
} skein_source;

#define SKEIN_MAX_DIMS 8

// One tensor of a checkpoint, as stored. Dimensions are in PyTorch order (slowest first), whatever the container's
// order is.
typedef struct skein_tensor_info {
  uint32_t struct_size;
  uint32_t dtype;     // SKEIN_DTYPE_*
  const char* name;   // as in the file; lives as long as the checkpoint
  uint32_t num_dims;  // 0 for a scalar
  uint32_t reserved;
  uint64_t shape[SKEIN_MAX_DIMS];    // in elements
  uint64_t strides[SKEIN_MAX_DIMS];  // in elements; meaningless for block types, which are always contiguous
  const void* data;  // element [0, ..., 0], inside the source, perhaps unaligned; every element reachable by shape and
                     // strides was checked to lie inside the file. NULL: use tensor_read
} skein_tensor_info;

typedef struct skein_format_table {
  uint32_t struct_size;
  uint32_t reserved;
  const char* extensions;  // for messages, such as ".pth .pt"

  // Tells by first bytes, size and path how surely this is a file of the format: 0 no, 100 certain. Never fails, never
  // allocates, and looks at no more than the first 4096 bytes and the last 65536.
  uint32_t (*probe)(const skein_source* source);

  // Reads the directory of the file and checks it. DATA_LOSS: truncated or corrupt; UNIMPLEMENTED: a variant that is
  // not supported. Reads no tensor data.
  int32_t (*open)(const skein_host* host, const skein_source* source, void** checkpoint, skein_message* message);
  void (*close)(void* checkpoint);

  uint64_t (*tensor_count)(void* checkpoint);
  // Fills *info; index < tensor_count. Threads: any; the same holds for the functions below. A tensor of a type that
  // has no SKEIN_DTYPE_* is listed with dtype NONE and without data. For it tensor_read fails with UNIMPLEMENTED, and
  // its message names tensor and type. Reads no tensor data, but for plugins that compare checksums here (DATA_LOSS)
  // because they have no tensor_check.
  int32_t (*tensor_info)(void* checkpoint, uint64_t index, skein_tensor_info* info, skein_message* message);
  // Copies a tensor, packed row-major in its own dtype. `size_bytes` is exactly the size of the copy. Where the
  // container has a checksum of it, it is compared (DATA_LOSS). NULL if all tensors have `data`.
  int32_t (*tensor_read)(void* checkpoint, uint64_t index, void* destination, uint64_t size_bytes,
                         skein_message* message);

  // Key/value metadata of the container, values as text (such as "__metadata__" of safetensors, or header fields under
  // "rwkvcpp.version"). NULL if the format has none. Strings live as long as the checkpoint. The host understands the
  // keys that begin with "skein."; a plugin fills them from the container's own fields:
  //   skein.name, skein.licence          of the model
  //   skein.tokenizer.kind               id of the tokenizer plugin for the embedded vocabulary: "world", "bpe"
  //   skein.tokenizer.vocabulary         the vocabulary, in the form that the plugin reads
  //   skein.end_token                    a token id, decimal
  //   skein.chat_template                the container's own template: a name such as "rwkv-world", or a text
  //   skein.norm_epsilon                 of the LayerNorms, decimal
  //   skein.group_norm_epsilon           of the time-mix's GroupNorm, where it is not 64e-5
  //   skein.rescale_every                n > 0: the outputs of layer i are stored divided by 2^(i / n)
  uint64_t (*metadata_count)(void* checkpoint);
  int32_t (*metadata)(void* checkpoint, uint64_t index, const char** key, const char** value, uint64_t* value_bytes,
                      skein_message* message);

  // Compares the checksum of the bytes behind `data` of a tensor (DATA_LOSS). The host calls it before it reads `data`,
  // so that a file can be described without reading its weights. Bytes that were compared once are not read again.
  // NULL: the container has no checksums, or tensor_info compares them.
  int32_t (*tensor_check)(void* checkpoint, uint64_t index, skein_message* message);
} skein_format_table;

// --- tokenizers: bytes to token ids and back ---

// A plugin may carry a vocabulary, so that its models need no file. It then knows a name for it, such as "world". The
// host gives that name in place of the content of a file: probe says 100 for it, and create makes the tokenizer of it.

typedef struct skein_tokenizer_table {
  uint32_t struct_size;
  uint32_t reserved;

  // Tells how surely `vocabulary` is of this kind: 0 no, 100 certain. Looks at the first 4096 bytes at most.
  uint32_t (*probe)(const uint8_t* vocabulary, uint64_t vocabulary_bytes);

  // Builds a tokenizer, which does not need the vocabulary afterwards. DATA_LOSS: the vocabulary is damaged; the
  // message names the line.
  int32_t (*create)(const skein_host* host, const uint8_t* vocabulary, uint64_t vocabulary_bytes, void** tokenizer,
                    skein_message* message);
  void (*destroy)(void* tokenizer);

  uint32_t (*vocab_size)(void* tokenizer);  // ids are below this

  // Threads: any. `*count` (`*size_bytes`) is the size written, or, with OUT_OF_RANGE and nothing written, the size
  // needed.
  int32_t (*encode)(void* tokenizer, const uint8_t* text, uint64_t text_bytes, uint32_t* tokens, uint64_t capacity,
                    uint64_t* count, skein_message* message);
  // INVALID_ARGUMENT: an id that is not below vocab_size. Ids without text, such as the end of text, give nothing.
  int32_t (*decode)(void* tokenizer, const uint32_t* tokens, uint64_t num_tokens, uint8_t* text, uint64_t capacity,
                    uint64_t* size_bytes, skein_message* message);

  // Writes the vocabulary that the plugin carries, in the form of a file that create takes, so that a package can hold
  // it. Threads and `*size_bytes` as in decode. NULL: it carries none, or its vocabulary needs no data.
  int32_t (*own_vocabulary)(uint8_t* vocabulary, uint64_t capacity, uint64_t* size_bytes, skein_message* message);
} skein_tokenizer_table;

SKEIN_EXTERN_C_END

#endif  // SKEIN_PLUGIN_H_
