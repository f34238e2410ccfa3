// The common part of the addon's files: the data of one JavaScript environment, the reading of arguments, and the ways
// in which a function of the ABI ends there. Each file of the addon has the functions of one header of the ABI, one for
// one and with the same names (skein_stream_fork is streamFork). Handles are numbers. Who calls is the package's own
// JavaScript (lib/), which checks types and ranges: here a wrong one only must not crash.
#ifndef SKEIN_BINDINGS_NODE_ADDON_H_
#define SKEIN_BINDINGS_NODE_ADDON_H_

#include <node_api.h>
#include <skein/skein.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "call.h"
#include "handles.h"
#include "mailbox.h"

// One JavaScript environment: the main thread, or a Worker. Nothing is shared between them but libskein.
typedef struct addon {
  mailbox* box;
  handle_set handles;
  uint64_t num_holds;    // calls and requests that the event loop waits for
  napi_ref error_class;  // (code, message, retryAfterMs) => Error
  napi_ref wake;         // (queue) => void
} addon;

// A function of the addon, as it is exported. A list ends with a row of NULLs.
typedef struct raw_function {
  const char* name;
  napi_callback callback;
} raw_function;

extern const raw_function kRuntimeFunctions[];
extern const raw_function kOptionsFunctions[];
extern const raw_function kModelFunctions[];
extern const raw_function kTokenizerFunctions[];
extern const raw_function kStreamFunctions[];
extern const raw_function kHistoryFunctions[];
extern const raw_function kPrefixFunctions[];
extern const raw_function kQueueFunctions[];
extern const raw_function kRequestFunctions[];
extern const raw_function kScoreFunctions[];

// --- arguments ---

enum { MAX_ARGUMENTS = 12 };

// The arguments of one call from JavaScript, and the memory that their texts took. `finish` and its like free it, so
// each function ends with one of them.
typedef struct arguments {
  napi_env env;
  addon* shared;
  napi_value at[MAX_ARGUMENTS];  // undefined where the caller gave fewer
  void* kept;                    // a list of allocations
  bool no_memory;
  skein_error error;
} arguments;

arguments read_arguments(napi_env env, napi_callback_info info);

// Memory that lives until the call ends; NULL: there is none, and the call will fail.
void* keep_memory(arguments* args, size_t bytes);

// Values of arguments. What is of another type is 0, NULL or empty.
void* handle_at(arguments* args, int index);
double double_at(arguments* args, int index);
int64_t signed_at(arguments* args, int index);     // a number or a BigInt
uint64_t unsigned_at(arguments* args, int index);  // a number or a BigInt
bool flag_at(arguments* args, int index);
const char* text_at(arguments* args, int index);         // NUL-terminated; NULL: no string
char* copy_text_at(arguments* args, int index);          // in memory of malloc, for a call; NULL: no string
const char* text_of(arguments* args, napi_value value);  // the same of any value

typedef struct bytes {
  const char* data;
  uint64_t size;
} bytes;

bytes bytes_of(arguments* args, napi_value value);  // of a string as UTF-8, or of an Uint8Array as it is
bytes bytes_at(arguments* args, int index);

// The elements of a typed array, where they are; NULL with `*count` 0: another type.
void* array_at(arguments* args, int index, napi_typedarray_type type, size_t* count);

// --- ends of a call ---

// Throws if `status` is a failure; else gives the value, which may be NULL for undefined.
napi_value finish(arguments* args, skein_status status, napi_value value);
// The same with a handle that was made, which the environment owns from here on.
napi_value finish_made(arguments* args, skein_status status, void* made, handle_kind kind);
napi_value finish_number(arguments* args, skein_status status, double number);
napi_value finish_unsigned(arguments* args, skein_status status, uint64_t number);
napi_value finish_text(arguments* args, skein_status status, const char* text);
// Releases a handle: the body of all functions called xRelease.
napi_value finish_release(napi_env env, napi_callback_info info, handle_kind kind);

// Makes an empty call on another thread; NULL: no memory, and finish_call says so.
call* new_call(arguments* args, skein_status (*run)(call*), napi_value (*result)(napi_env, call*));
// The same with the first two arguments, a handle and the path of a file.
call* new_file_call(arguments* args, skein_status (*run)(call*), napi_value (*result)(napi_env, call*));
// Starts it, and gives the promise.
napi_value finish_call(arguments* args, call* started);

// --- values ---

// A BigInt where a number would not be exact.
napi_value make_unsigned(napi_env env, uint64_t number);
napi_value make_double(napi_env env, double number);
napi_value make_text(napi_env env, const char* text, size_t bytes);
// A typed array over `count` elements in memory of malloc, which it takes over.
napi_value make_array(napi_env env, napi_typedarray_type type, void* data, size_t count);
void set_property(napi_env env, napi_value object, const char* name, napi_value value);

// Results of calls that many have.
napi_value result_nothing(napi_env env, call* self);
napi_value result_made(napi_env env, call* self);    // the handle
napi_value result_number(napi_env env, call* self);  // `number`
napi_value result_text(napi_env env, call* self);    // `data` as UTF-8
napi_value result_bytes(napi_env env, call* self);   // `data` as an Uint8Array
napi_value result_floats(napi_env env, call* self);  // `data` as a Float32Array

// --- contents of unknown size ---

// Writes to (buffer, capacity, size) by the rules of skein/base.h.
typedef skein_status (*fill_function)(void* context, void* buffer, uint64_t capacity, uint64_t* size,
                                      skein_error* error);

// Calls `fill` until its contents fit memory of malloc, which the caller owns. `*count` is counted in elements. The
// contents may grow between two calls.
skein_status fetch(fill_function fill, void* context, size_t element_bytes, void** data, uint64_t* count,
                   skein_error* error);

// --- structs ---

typedef enum member_type { MEMBER_U32, MEMBER_I32, MEMBER_U64, MEMBER_F32, MEMBER_F64, MEMBER_TEXT } member_type;

// A member of a struct of the ABI. A list ends with a row of zeros.
typedef struct member {
  const char* name;
  member_type type;
  size_t offset;
} member;

#define MEMBER(type, structure, name) \
  { #name, MEMBER_##type, offsetof(structure, name) }

// An object with the members of a struct, their names in camel case.
napi_value make_object(napi_env env, const member* members, const void* structure);
// An object with the offsets of the members.
napi_value make_offsets(napi_env env, const member* members, size_t struct_bytes);

#endif  // SKEIN_BINDINGS_NODE_ADDON_H_
