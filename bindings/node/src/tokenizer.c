// skein/tokenizer.h for JavaScript.
#include <stdlib.h>

#include "addon.h"

static skein_status run_load(call* self) {
  self->made_kind = HANDLE_TOKENIZER;
  return skein_tokenizer_load(self->subject, self->text, self->options, (skein_tokenizer*)&self->made, &self->error);
}

// tokenizerLoad(runtime, path, options): promise of a handle
static napi_value tokenizer_load(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  call* started = new_file_call(&args, run_load, result_made);
  if (started != NULL) started->options = handle_at(&args, 2);
  return finish_call(&args, started);
}

static napi_value tokenizer_release(napi_env env, napi_callback_info info) {
  return finish_release(env, info, HANDLE_TOKENIZER);
}

static const member kTokenizerMembers[] = {
    MEMBER(U32, skein_tokenizer_info, vocab_size),
    MEMBER(TEXT, skein_tokenizer_info, kind),
    MEMBER(TEXT, skein_tokenizer_info, origin),
    MEMBER(TEXT, skein_tokenizer_info, path),
    {NULL, 0, 0},
};

static napi_value tokenizer_get_info(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  skein_tokenizer_info tokenizer = {.struct_size = sizeof(tokenizer)};
  const skein_status status = skein_tokenizer_get_info(handle_at(&args, 0), &tokenizer, &args.error);
  return finish(&args, status, status == SKEIN_OK ? make_object(env, kTokenizerMembers, &tokenizer) : NULL);
}

typedef struct encoding {
  skein_tokenizer tokenizer;
  bytes text;
} encoding;

static skein_status fill_tokens(void* context, void* buffer, uint64_t capacity, uint64_t* count, skein_error* error) {
  const encoding* work = context;
  return skein_tokenizer_encode(work->tokenizer, work->text.data, work->text.size, buffer, capacity, count, error);
}

// tokenizerEncode(tokenizer, text): an Uint32Array
static napi_value tokenizer_encode(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  encoding work = {handle_at(&args, 0), bytes_at(&args, 1)};
  void* tokens;
  uint64_t count;
  const skein_status status = fetch(fill_tokens, &work, sizeof(skein_token), &tokens, &count, &args.error);
  return finish(&args, status, status == SKEIN_OK ? make_array(env, napi_uint32_array, tokens, count) : NULL);
}

typedef struct decoding {
  skein_tokenizer tokenizer;
  const skein_token* tokens;
  size_t num_tokens;
} decoding;

static skein_status fill_text(void* context, void* buffer, uint64_t capacity, uint64_t* size, skein_error* error) {
  const decoding* work = context;
  return skein_tokenizer_decode(work->tokenizer, work->tokens, work->num_tokens, buffer, capacity, size, error);
}

// tokenizerDecode(tokenizer, tokens): an Uint8Array
static napi_value tokenizer_decode(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  static const skein_token kNone = 0;
  decoding work = {.tokenizer = handle_at(&args, 0)};
  work.tokens = array_at(&args, 1, napi_uint32_array, &work.num_tokens);
  if (work.tokens == NULL) work.tokens = &kNone;  // an empty array has no address
  void* text;
  uint64_t size;
  const skein_status status = fetch(fill_text, &work, 1, &text, &size, &args.error);
  return finish(&args, status, status == SKEIN_OK ? make_array(env, napi_uint8_array, text, size) : NULL);
}

const raw_function kTokenizerFunctions[] = {
    {"tokenizerLoad", tokenizer_load},        {"tokenizerRelease", tokenizer_release},
    {"tokenizerGetInfo", tokenizer_get_info}, {"tokenizerEncode", tokenizer_encode},
    {"tokenizerDecode", tokenizer_decode},    {NULL, NULL},
};
