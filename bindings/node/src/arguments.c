// Reads the arguments of calls from JavaScript.
#include <stdlib.h>
#include <string.h>

#include "addon.h"

// Kept memory is a list: each allocation begins with the address of the one before it.
typedef union kept_memory {
  void* before;
  max_align_t aligned;
} kept_memory;

arguments read_arguments(napi_env env, napi_callback_info info) {
  arguments args = {.env = env};
  size_t count = MAX_ARGUMENTS;
  napi_get_cb_info(env, info, &count, args.at, NULL, NULL);  // fills up with undefined
  napi_get_instance_data(env, (void**)&args.shared);
  return args;
}

void* keep_memory(arguments* args, size_t bytes) {
  kept_memory* kept = bytes > SIZE_MAX - sizeof(kept_memory) ? NULL : malloc(sizeof(kept_memory) + bytes);
  if (kept == NULL) {
    args->no_memory = true;
    return NULL;
  }
  kept->before = args->kept;
  args->kept = kept;
  return kept + 1;
}

double double_at(arguments* args, int index) {
  double number = 0;
  napi_get_value_double(args->env, args->at[index], &number);
  return number;
}

void* handle_at(arguments* args, int index) { return (void*)(uintptr_t)unsigned_at(args, index); }

int64_t signed_at(arguments* args, int index) {
  int64_t number = 0;
  bool lossless;
  if (napi_get_value_int64(args->env, args->at[index], &number) != napi_ok) {
    napi_get_value_bigint_int64(args->env, args->at[index], &number, &lossless);
  }
  return number;
}

uint64_t unsigned_at(arguments* args, int index) {
  const double number = double_at(args, index);
  if (number > 0) return number < 18446744073709549568.0 ? (uint64_t)number : UINT64_MAX;
  uint64_t large = 0;
  bool lossless;
  napi_get_value_bigint_uint64(args->env, args->at[index], &large, &lossless);
  return large;
}

bool flag_at(arguments* args, int index) {
  bool flag = false;
  napi_get_value_bool(args->env, args->at[index], &flag);
  return flag;
}

// The size of a string in UTF-8, or false for what is no string.
static bool measure_text(napi_env env, napi_value value, size_t* size) {
  return napi_get_value_string_utf8(env, value, NULL, 0, size) == napi_ok;
}

const char* text_of(arguments* args, napi_value value) {
  size_t size;
  if (!measure_text(args->env, value, &size)) return NULL;
  char* text = keep_memory(args, size + 1);
  if (text != NULL) napi_get_value_string_utf8(args->env, value, text, size + 1, &size);
  return text;
}

const char* text_at(arguments* args, int index) { return text_of(args, args->at[index]); }

char* copy_text_at(arguments* args, int index) {
  size_t size;
  if (!measure_text(args->env, args->at[index], &size)) return NULL;
  char* text = malloc(size + 1);
  if (text == NULL) {
    args->no_memory = true;
  } else {
    napi_get_value_string_utf8(args->env, args->at[index], text, size + 1, &size);
  }
  return text;
}

bytes bytes_of(arguments* args, napi_value value) {
  bytes result = {NULL, 0};
  size_t size;
  if (measure_text(args->env, value, &size)) {
    result.data = text_of(args, value);
    result.size = result.data != NULL ? size : 0;
    return result;
  }
  bool is_array = false;
  napi_typedarray_type type;
  void* data = NULL;
  if (napi_is_typedarray(args->env, value, &is_array) == napi_ok && is_array &&
      napi_get_typedarray_info(args->env, value, &type, &size, &data, NULL, NULL) == napi_ok &&
      type == napi_uint8_array) {
    result = (bytes){data, size};
  }
  return result;
}

bytes bytes_at(arguments* args, int index) { return bytes_of(args, args->at[index]); }

void* array_at(arguments* args, int index, napi_typedarray_type type, size_t* count) {
  bool is_array = false;
  napi_typedarray_type found;
  void* data = NULL;
  *count = 0;
  if (napi_is_typedarray(args->env, args->at[index], &is_array) != napi_ok || !is_array ||
      napi_get_typedarray_info(args->env, args->at[index], &found, count, &data, NULL, NULL) != napi_ok ||
      found != type) {
    *count = 0;
    return NULL;
  }
  return data;
}
