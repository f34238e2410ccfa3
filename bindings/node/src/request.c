// The requests of skein/request.h for JavaScript, and the one function of skein/chat.h that takes one.
#include <stdlib.h>

#include "addon.h"
#include "messages.h"

// requestCreate(stream): a handle
static napi_value request_create(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  skein_request request = NULL;
  const skein_status status = skein_request_create(handle_at(&args, 0), &request, &args.error);
  return finish_made(&args, status, request, HANDLE_REQUEST);
}

static napi_value request_release(napi_env env, napi_callback_info info) {
  return finish_release(env, info, HANDLE_REQUEST);
}

// requestSetPrompt(request, text)
static napi_value request_set_prompt(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  const bytes text = bytes_at(&args, 1);
  return finish(
      &args, skein_request_set_prompt(handle_at(&args, 0), text.data != NULL ? text.data : "", text.size, &args.error),
      NULL);
}

// requestSetPromptTokens(request, tokens)
static napi_value request_set_prompt_tokens(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  static const skein_token kNone = 0;
  size_t count;
  const skein_token* tokens = array_at(&args, 1, napi_uint32_array, &count);
  return finish(
      &args, skein_request_set_prompt_tokens(handle_at(&args, 0), tokens != NULL ? tokens : &kNone, count, &args.error),
      NULL);
}

// requestSetOptions(request, options)
static napi_value request_set_options(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  return finish(&args, skein_request_set_options(handle_at(&args, 0), handle_at(&args, 1), &args.error), NULL);
}

// requestSetChat(request, [role, text, ...], options)
static napi_value request_set_chat(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  const messages turns = messages_at(&args, 1);
  return finish(&args,
                skein_request_set_chat(handle_at(&args, 0), turns.list, sizeof(skein_chat_message), turns.count,
                                       handle_at(&args, 2), &args.error),
                NULL);
}

// requestTakeSample(request, sample): the handle of a stream
static napi_value request_take_sample(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  skein_stream stream = NULL;
  const skein_status status =
      skein_request_take_sample(handle_at(&args, 0), (uint32_t)unsigned_at(&args, 1), &stream, &args.error);
  return finish_made(&args, status, stream, HANDLE_STREAM);
}

typedef struct logprob_rows {
  skein_request request;
  uint32_t sample;
  uint64_t first, num_tokens;
} logprob_rows;

static skein_status fill_logprobs(void* context, void* buffer, uint64_t capacity, uint64_t* count, skein_error* error) {
  const logprob_rows* rows = context;
  return skein_request_logprobs(rows->request, rows->sample, rows->first, rows->num_tokens, buffer, capacity, count,
                                error);
}

// requestLogprobs(request, sample, first, numTokens): an Uint8Array of skein_logprob
static napi_value request_logprobs(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  logprob_rows rows = {handle_at(&args, 0), (uint32_t)unsigned_at(&args, 1), unsigned_at(&args, 2),
                       unsigned_at(&args, 3)};
  void* logprobs;
  uint64_t count;
  const skein_status status = fetch(fill_logprobs, &rows, sizeof(skein_logprob), &logprobs, &count, &args.error);
  return finish(&args, status,
                status == SKEIN_OK ? make_array(env, napi_uint8_array, logprobs, count * sizeof(skein_logprob)) : NULL);
}

// requestAddStop(request, text)
static napi_value request_add_stop(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  const bytes text = bytes_at(&args, 1);
  return finish(&args,
                skein_request_add_stop(handle_at(&args, 0), text.data != NULL ? text.data : "", text.size, &args.error),
                NULL);
}

// requestAddStopToken(request, token)
static napi_value request_add_stop_token(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  return finish(
      &args, skein_request_add_stop_token(handle_at(&args, 0), (skein_token)unsigned_at(&args, 1), &args.error), NULL);
}

// requestSetLogitBias(request, token, bias)
static napi_value request_set_logit_bias(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  return finish(&args,
                skein_request_set_logit_bias(handle_at(&args, 0), (skein_token)unsigned_at(&args, 1),
                                             (float)double_at(&args, 2), &args.error),
                NULL);
}

// requestSetUserData(request, number)
static napi_value request_set_user_data(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  return finish(&args, skein_request_set_user_data(handle_at(&args, 0), unsigned_at(&args, 1), &args.error), NULL);
}

static napi_value request_cancel(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  return finish(&args, skein_request_cancel(handle_at(&args, 0), &args.error), NULL);
}

// requestAcknowledge(request, numTokens)
static napi_value request_acknowledge(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  return finish(&args, skein_request_acknowledge(handle_at(&args, 0), unsigned_at(&args, 1), &args.error), NULL);
}

const raw_function kRequestFunctions[] = {
    {"requestCreate", request_create},
    {"requestRelease", request_release},
    {"requestSetPrompt", request_set_prompt},
    {"requestSetPromptTokens", request_set_prompt_tokens},
    {"requestSetOptions", request_set_options},
    {"requestSetChat", request_set_chat},
    {"requestTakeSample", request_take_sample},
    {"requestLogprobs", request_logprobs},
    {"requestAddStop", request_add_stop},
    {"requestAddStopToken", request_add_stop_token},
    {"requestSetLogitBias", request_set_logit_bias},
    {"requestSetUserData", request_set_user_data},
    {"requestCancel", request_cancel},
    {"requestAcknowledge", request_acknowledge},
    {NULL, NULL},
};
