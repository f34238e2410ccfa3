// Options: named values for one kind of call. A key that the kind does not know, a value of another type and a value
// out of range are refused when they are set, with a message that names the keys or the range.
//
// Order: create for a kind, set, pass to any number of calls, release at any time. The call copies what it needs.
// Threads: an options object may be used from one thread at a time while it is being set. Any number of threads may
// read it.
#ifndef SKEIN_OPTIONS_H_
#define SKEIN_OPTIONS_H_

#include "skein/base.h"
#include "skein/status.h"

SKEIN_EXTERN_C_BEGIN

// The kinds, and the functions that take them.
#define SKEIN_OPTIONS_RUNTIME 1    // skein_runtime_create
#define SKEIN_OPTIONS_MODEL 2      // skein_model_load
#define SKEIN_OPTIONS_CONVERT 3    // skein_model_convert
#define SKEIN_OPTIONS_DESCRIBE 4   // skein_model_describe, skein_snapshot_describe
#define SKEIN_OPTIONS_TOKENIZER 5  // skein_tokenizer_load
#define SKEIN_OPTIONS_STREAM 6     // skein_stream_create, skein_prefix_start
#define SKEIN_OPTIONS_QUEUE 7      // skein_queue_create
#define SKEIN_OPTIONS_REQUEST 8    // skein_request_set_options
#define SKEIN_OPTIONS_CHAT 9       // skein_model_chat_prompt, skein_request_set_chat
#define SKEIN_OPTIONS_TENANT 10    // skein_model_set_tenant

// The types of values: int64_t, double, and a NUL-terminated UTF-8 string.
#define SKEIN_OPTION_I64 1
#define SKEIN_OPTION_F64 2
#define SKEIN_OPTION_STR 3

// One key of a kind.
typedef struct skein_option_info {
  uint32_t struct_size;
  uint32_t type;           // SKEIN_OPTION_*
  char key[48];            // NUL-terminated
  char default_value[64];  // as text; "" where the default depends on the model or machine
  char help[256];          // one sentence: meaning, unit, range
  double min_value;        // the least value of a number; 0 for strings
  double max_value;        // the greatest
} skein_option_info;

// Makes an empty set of options of `kind`. INVALID_ARGUMENT: no such kind.
SKEIN_API skein_status skein_options_create(uint32_t kind, skein_options* options, skein_error* error);

// Sets a key; the last value counts. INVALID_ARGUMENT: no such key in this kind, another type, or out of range; the key
// keeps its value. An integer is accepted where a real number is expected. The string is copied.
SKEIN_API skein_status skein_options_set_i64(skein_options options, const char* key, int64_t value, skein_error* error);
SKEIN_API skein_status skein_options_set_f64(skein_options options, const char* key, double value, skein_error* error);
SKEIN_API skein_status skein_options_set_str(skein_options options, const char* key, const char* value,
                                             skein_error* error);

// Releases the options. Calls that took them are not touched.
SKEIN_API skein_status skein_options_release(skein_options options, skein_error* error);

// List the keys of `kind`: their number, and the key at `index`. INVALID_ARGUMENT: no such kind, or `info->struct_size`
// is 0. OUT_OF_RANGE: `index` is past the end.
SKEIN_API skein_status skein_options_key_count(uint32_t kind, uint32_t* count, skein_error* error);
SKEIN_API skein_status skein_options_key_info(uint32_t kind, uint32_t index, skein_option_info* info,
                                              skein_error* error);

SKEIN_EXTERN_C_END

#endif  // SKEIN_OPTIONS_H_
