// skein/options.h for JavaScript.
#include "addon.h"

// optionsCreate(kind): a handle
static napi_value options_create(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  skein_options options = NULL;
  const skein_status status = skein_options_create((uint32_t)unsigned_at(&args, 0), &options, &args.error);
  return finish_made(&args, status, options, HANDLE_OPTIONS);
}

static napi_value options_release(napi_env env, napi_callback_info info) {
  return finish_release(env, info, HANDLE_OPTIONS);
}

// optionsSetI64(options, key, value)
static napi_value options_set_i64(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  return finish(&args, skein_options_set_i64(handle_at(&args, 0), text_at(&args, 1), signed_at(&args, 2), &args.error),
                NULL);
}

static napi_value options_set_f64(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  return finish(&args, skein_options_set_f64(handle_at(&args, 0), text_at(&args, 1), double_at(&args, 2), &args.error),
                NULL);
}

static napi_value options_set_str(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  return finish(&args, skein_options_set_str(handle_at(&args, 0), text_at(&args, 1), text_at(&args, 2), &args.error),
                NULL);
}

static napi_value options_key_count(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  uint32_t count = 0;
  const skein_status status = skein_options_key_count((uint32_t)unsigned_at(&args, 0), &count, &args.error);
  return finish_number(&args, status, count);
}

static const member kKeyMembers[] = {
    MEMBER(U32, skein_option_info, type),
    MEMBER(TEXT, skein_option_info, key),
    MEMBER(TEXT, skein_option_info, default_value),
    MEMBER(TEXT, skein_option_info, help),
    MEMBER(F64, skein_option_info, min_value),
    MEMBER(F64, skein_option_info, max_value),
    {NULL, 0, 0},
};

// optionsKeyInfo(kind, index)
static napi_value options_key_info(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  skein_option_info key = {.struct_size = sizeof(key)};
  const skein_status status =
      skein_options_key_info((uint32_t)unsigned_at(&args, 0), (uint32_t)unsigned_at(&args, 1), &key, &args.error);
  return finish(&args, status, status == SKEIN_OK ? make_object(env, kKeyMembers, &key) : NULL);
}

const raw_function kOptionsFunctions[] = {
    {"optionsCreate", options_create},    {"optionsRelease", options_release},
    {"optionsSetI64", options_set_i64},   {"optionsSetF64", options_set_f64},
    {"optionsSetStr", options_set_str},   {"optionsKeyCount", options_key_count},
    {"optionsKeyInfo", options_key_info}, {NULL, NULL},
};
