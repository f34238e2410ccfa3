// skein/model.h, skein/schedule.h and the template of skein/chat.h for JavaScript.
#include <stdlib.h>

#include "addon.h"
#include "messages.h"

static skein_status run_load(call* self) {
  self->made_kind = HANDLE_MODEL;
  return skein_model_load(self->subject, self->text, self->options, (skein_model*)&self->made, &self->error);
}

// modelLoad(runtime, path, options): promise of a handle
static napi_value model_load(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  call* started = new_file_call(&args, run_load, result_made);
  if (started != NULL) started->options = handle_at(&args, 2);
  return finish_call(&args, started);
}

static napi_value model_release(napi_env env, napi_callback_info info) {
  return finish_release(env, info, HANDLE_MODEL);
}

static const member kModelMembers[] = {
    MEMBER(U32, skein_model_info, generation),
    MEMBER(U32, skein_model_info, num_layers),
    MEMBER(U32, skein_model_info, d_model),
    MEMBER(U32, skein_model_info, d_ffn),
    MEMBER(U32, skein_model_info, vocab_size),
    MEMBER(U32, skein_model_info, num_heads),
    MEMBER(U32, skein_model_info, head_size),
    MEMBER(U64, skein_model_info, num_parameters),
    MEMBER(U64, skein_model_info, weights_bytes),
    MEMBER(U64, skein_model_info, num_state_floats),
    MEMBER(U32, skein_model_info, has_tokenizer),
    MEMBER(U32, skein_model_info, end_token),
    MEMBER(TEXT, skein_model_info, device),
    MEMBER(TEXT, skein_model_info, type),
    MEMBER(TEXT, skein_model_info, name),
    MEMBER(U32, skein_model_info, variant),
    MEMBER(U32, skein_model_info, d_att),
    MEMBER(TEXT, skein_model_info, chat_template),
    MEMBER(U64, skein_model_info, embedding_bytes),
    MEMBER(U64, skein_model_info, trained_length),
    {NULL, 0, 0},
};

static napi_value model_get_info(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  skein_model_info model = {.struct_size = sizeof(model)};
  const skein_status status = skein_model_get_info(handle_at(&args, 0), &model, &args.error);
  return finish(&args, status, status == SKEIN_OK ? make_object(env, kModelMembers, &model) : NULL);
}

static skein_status run_convert(call* self) {
  return skein_model_convert(self->subject, self->text, self->second_text, self->options, &self->error);
}

// modelConvert(runtime, inPath, outPath, options): promise
static napi_value model_convert(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  call* started = new_file_call(&args, run_convert, result_nothing);
  if (started != NULL) {
    started->second_text = copy_text_at(&args, 2);
    started->options = handle_at(&args, 3);
  }
  return finish_call(&args, started);
}

static skein_status fill_description(void* context, void* buffer, uint64_t capacity, uint64_t* size,
                                     skein_error* error) {
  const call* self = context;
  return skein_model_describe(self->subject, self->text, self->options, buffer, capacity, size, error);
}

static skein_status run_describe(call* self) {
  return fetch(fill_description, self, 1, &self->data, &self->count, &self->error);
}

// modelDescribe(runtime, path, options): promise of a text
static napi_value model_describe(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  call* started = new_file_call(&args, run_describe, result_text);
  if (started != NULL) started->options = handle_at(&args, 2);
  return finish_call(&args, started);
}

// modelSetTenant(model, name, options)
static napi_value model_set_tenant(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  return finish(&args, skein_model_set_tenant(handle_at(&args, 0), text_at(&args, 1), handle_at(&args, 2), &args.error),
                NULL);
}

static const member kLoadMembers[] = {
    MEMBER(U32, skein_load, num_tenants),         MEMBER(U64, skein_load, queued_tokens),
    MEMBER(U64, skein_load, max_queued_tokens),   MEMBER(U32, skein_load, num_waiting),
    MEMBER(U32, skein_load, num_running),         MEMBER(U32, skein_load, max_running),
    MEMBER(U32, skein_load, num_streams),         MEMBER(U32, skein_load, max_streams),
    MEMBER(U32, skein_load, max_batch_tokens),    MEMBER(F64, skein_load, weight),
    MEMBER(F64, skein_load, prompt_tokens_per_s), {NULL, 0, 0},
};

// modelGetLoad(model, name): of the model if there is no name
static napi_value model_get_load(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  skein_load load = {.struct_size = sizeof(load)};
  const skein_status status = skein_model_get_load(handle_at(&args, 0), text_at(&args, 1), &load, &args.error);
  return finish(&args, status, status == SKEIN_OK ? make_object(env, kLoadMembers, &load) : NULL);
}

// modelTokenizer(model): a handle
static napi_value model_tokenizer(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  skein_tokenizer tokenizer = NULL;
  const skein_status status = skein_model_tokenizer(handle_at(&args, 0), &tokenizer, &args.error);
  return finish_made(&args, status, tokenizer, HANDLE_TOKENIZER);
}

typedef struct chat_prompt {
  skein_model model;
  messages turns;
  skein_options options;
} chat_prompt;

static skein_status fill_chat_prompt(void* context, void* buffer, uint64_t capacity, uint64_t* size,
                                     skein_error* error) {
  const chat_prompt* chat = context;
  return skein_model_chat_prompt(chat->model, chat->turns.list, sizeof(skein_chat_message), chat->turns.count,
                                 chat->options, buffer, capacity, size, error);
}

// modelChatPrompt(model, [role, text, ...], options): a text
static napi_value model_chat_prompt(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  chat_prompt chat = {handle_at(&args, 0), messages_at(&args, 1), handle_at(&args, 2)};
  void* text;
  uint64_t size;
  const skein_status status = fetch(fill_chat_prompt, &chat, 1, &text, &size, &args.error);
  napi_value value = status == SKEIN_OK ? make_text(env, text, size) : NULL;
  free(text);
  return finish(&args, status, value);
}

const raw_function kModelFunctions[] = {
    {"modelLoad", model_load},
    {"modelRelease", model_release},
    {"modelGetInfo", model_get_info},
    {"modelConvert", model_convert},
    {"modelDescribe", model_describe},
    {"modelSetTenant", model_set_tenant},
    {"modelGetLoad", model_get_load},
    {"modelTokenizer", model_tokenizer},
    {"modelChatPrompt", model_chat_prompt},
    {NULL, NULL},
};
