// The base of all other headers of the C ABI: export macro, version, handle types, and the rules below.
//
// Rules of the whole ABI
//   Names, keys and paths are NUL-terminated UTF-8. Text and bytes travel as a pointer and a size in bytes.
//   Counts of elements are `num_x` or `count`; sizes in bytes end in `_bytes`.
//   A pointer argument may be NULL only where its function says so; NULL elsewhere gives SKEIN_INVALID_ARGUMENT.
//   A caller's buffer is described by (buffer, capacity, size). On success `*size` is the size written. If `capacity`
//   is too small, nothing is written, `*size` is the size needed, and the call returns SKEIN_OUT_OF_RANGE. `buffer`
//   NULL with `capacity` 0 asks for the size alone and returns SKEIN_OK.
//   Structs that may grow start with `struct_size`, which the caller sets to sizeof the struct it was compiled with.
//   They grow at the end only; libskein reads and fills no more than `struct_size` bytes. An array of structs travels
//   with the size of one element, and both sides step by it.
//   A field called `reserved` is 0, whichever side fills the struct.
//   Texts that come from the library are UTF-8. Messages, lines of the log and the texts in structs are one line each,
//   whatever bytes a plugin, a file or a path has. One that does not fit loses its middle.
// Threads: every function may be called from any thread, unless it says otherwise.
// Forks: a child may use the library if no runtime was alive at the fork. That is so before the first runtime is made,
// and when everything made from the last one is released. Otherwise every call in the child and in its own children
// gives SKEIN_FAILED_PRECONDITION, because the child has none of the runtime's threads. Options do not count.
// Errors: every function returns a `skein_status`; see status.h. The comment of a function names the codes of its own.
// Any function may return these: INVALID_HANDLE; INVALID_ARGUMENT for NULL where it is not allowed, for options of
// another kind, and for a struct whose size is too small; RESOURCE_EXHAUSTED if the host's memory runs out;
// FAILED_PRECONDITION in a forked child; INTERNAL for a defect; and while the process ends CANCELLED from the long ones
// (create a runtime, load, convert, describe). A function that makes an object sets the caller's handle to NULL first,
// so that it is NULL after a failure.
// Lifetime of arguments: a function copies what it needs of texts, arrays and structs before it returns.
#ifndef SKEIN_BASE_H_
#define SKEIN_BASE_H_

#include <stdint.h>

#if defined(_WIN32)
#error "skein supports 64-bit little-endian ELF platforms"
#endif
#if !defined(SKEIN_API)
#if defined(__GNUC__)
#define SKEIN_API __attribute__((visibility("default")))
#else
#define SKEIN_API
#endif
#endif

#if defined(__cplusplus)
#define SKEIN_EXTERN_C_BEGIN extern "C" {
#define SKEIN_EXTERN_C_END }
#else
#define SKEIN_EXTERN_C_BEGIN
#define SKEIN_EXTERN_C_END
#endif

// The version of these headers. Within one major version, a program built against an older minor version keeps working.
#define SKEIN_VERSION_MAJOR 1
#define SKEIN_VERSION_MINOR 0
#define SKEIN_VERSION_PATCH 0

SKEIN_EXTERN_C_BEGIN

// Handles. An opaque value, never an address: it holds the kind, an index and a generation, and is below 2^53 (exact in
// a JavaScript number). NULL is never a live handle. A stale, released, foreign or garbage value gives
// SKEIN_INVALID_HANDLE, and nothing else happens. Releasing NULL does nothing and is SKEIN_OK. A child keeps its parent
// alive, so handles may be released in any order.
typedef struct skein_runtime_t* skein_runtime;
typedef struct skein_options_t* skein_options;
typedef struct skein_model_t* skein_model;
typedef struct skein_tokenizer_t* skein_tokenizer;
typedef struct skein_stream_t* skein_stream;
typedef struct skein_queue_t* skein_queue;
typedef struct skein_request_t* skein_request;
typedef struct skein_prefix_t* skein_prefix;

// A code of status.h.
typedef int32_t skein_status;

// A token id: a row of the embedding.
typedef uint32_t skein_token;
#define SKEIN_NO_TOKEN 0xFFFFFFFFu

// The version of the library that is running, as "MAJOR.MINOR.PATCH". Lives for ever. Never NULL.
SKEIN_API const char* skein_version(void);

SKEIN_EXTERN_C_END

#endif  // SKEIN_BASE_H_
