#include <string.h>

#include "tests/abi/c_host.h"

skein_token one_token[1] = {1};
char scratch[65536];
uint64_t size_out;
uint32_t number_out;
void* handle_out;

#define CALL(name, type, call)                                           \
  static skein_status call_##name(uintptr_t value, skein_error* error) { \
    type h = (type)value;                                                \
    return call;                                                         \
  }

CALL(options_set_i64, skein_options, skein_options_set_i64(h, "threads", 1, error))
CALL(options_set_f64, skein_options, skein_options_set_f64(h, "threads", 1, error))
CALL(options_set_str, skein_options, skein_options_set_str(h, "plugin_path", "", error))
CALL(runtime_load_plugin, skein_runtime, skein_runtime_load_plugin(h, "/nonexistent.so", error))
CALL(runtime_plugin_count, skein_runtime, skein_runtime_plugin_count(h, &number_out, error))
static skein_status call_runtime_plugin_info(uintptr_t value, skein_error* error) {
  skein_plugin_info info = {sizeof(info), 0, 0, 0, "", "", "", ""};
  return skein_runtime_plugin_info((skein_runtime)value, 0, &info, error);
}
CALL(runtime_device_count, skein_runtime, skein_runtime_device_count(h, &number_out, error))
static skein_status call_runtime_device_info(uintptr_t value, skein_error* error) {
  skein_device_info info;
  memset(&info, 0, sizeof(info));
  info.struct_size = sizeof(info);
  return skein_runtime_device_info((skein_runtime)value, 0, &info, error);
}
CALL(runtime_poll_log, skein_runtime,
     skein_runtime_poll_log(h, scratch, sizeof(scratch), &size_out, &number_out, error))
CALL(runtime_metrics, skein_runtime, skein_runtime_metrics(h, scratch, sizeof(scratch), &size_out, error))
static skein_status call_runtime_progress(uintptr_t value, skein_error* error) {
  skein_progress progress;
  memset(&progress, 0, sizeof(progress));
  progress.struct_size = sizeof(progress);
  return skein_runtime_progress((skein_runtime)value, &progress, error);
}
CALL(model_load, skein_runtime, skein_model_load(h, "/nonexistent", NULL, (skein_model*)&handle_out, error))
static skein_status call_model_get_info(uintptr_t value, skein_error* error) {
  skein_model_info info;
  memset(&info, 0, sizeof(info));
  info.struct_size = sizeof(info);
  return skein_model_get_info((skein_model)value, &info, error);
}
static skein_status call_model_get_load(uintptr_t value, skein_error* error) {
  skein_load load;
  memset(&load, 0, sizeof(load));
  load.struct_size = sizeof(load);
  return skein_model_get_load((skein_model)value, "a", &load, error);
}
CALL(model_set_tenant, skein_model, skein_model_set_tenant(h, "a", NULL, error))
CALL(model_chat_prompt, skein_model,
     skein_model_chat_prompt(h, NULL, sizeof(skein_chat_message), 0, NULL, scratch, sizeof(scratch), &size_out, error))
CALL(model_convert, skein_runtime, skein_model_convert(h, "/nonexistent", "/nonexistent/too", NULL, error))
CALL(model_describe, skein_runtime,
     skein_model_describe(h, "/nonexistent", NULL, scratch, sizeof(scratch), &size_out, error))
CALL(model_tokenizer, skein_model, skein_model_tokenizer(h, (skein_tokenizer*)&handle_out, error))
CALL(tokenizer_load, skein_runtime, skein_tokenizer_load(h, "bytes", NULL, (skein_tokenizer*)&handle_out, error))
static skein_status call_tokenizer_get_info(uintptr_t value, skein_error* error) {
  skein_tokenizer_info info = {sizeof(info), 0, "", "", ""};
  return skein_tokenizer_get_info((skein_tokenizer)value, &info, error);
}
CALL(tokenizer_encode, skein_tokenizer, skein_tokenizer_encode(h, "a", 1, one_token, 1, &size_out, error))
CALL(tokenizer_decode, skein_tokenizer,
     skein_tokenizer_decode(h, one_token, 1, scratch, sizeof(scratch), &size_out, error))
CALL(stream_create, skein_model, skein_stream_create(h, NULL, (skein_stream*)&handle_out, error))
CALL(stream_reset, skein_stream, skein_stream_reset(h, error))
CALL(stream_fork, skein_stream, skein_stream_fork(h, (skein_stream*)&handle_out, error))
CALL(stream_fork_at, skein_stream, skein_stream_fork_at(h, 0, (skein_stream*)&handle_out, &size_out, error))
CALL(stream_tokens, skein_stream, skein_stream_tokens(h, 0, NULL, 0, &size_out, error))
CALL(stream_truncate, skein_stream, skein_stream_truncate(h, 0, &size_out, error))
CALL(stream_set_checkpoint, skein_stream, skein_stream_set_checkpoint(h, "a", error))
CALL(stream_find_checkpoint, skein_stream, skein_stream_find_checkpoint(h, "a", &size_out, error))
CALL(stream_checkpoints, skein_stream, skein_stream_checkpoints(h, NULL, sizeof(skein_checkpoint), 0, &size_out, error))
CALL(stream_position, skein_stream, skein_stream_position(h, &size_out, error))
CALL(stream_snapshot, skein_stream, skein_stream_snapshot(h, NULL, 0, &size_out, error))
CALL(stream_snapshot_with, skein_stream, skein_stream_snapshot_with(h, SKEIN_SAVE_PAST, NULL, 0, &size_out, error))
CALL(stream_restore, skein_stream, skein_stream_restore(h, scratch, 16, error))
CALL(stream_state, skein_stream, skein_stream_state(h, NULL, 0, &size_out, error))
CALL(stream_save, skein_stream, skein_stream_save(h, "/nonexistent/file", 0, error))
CALL(stream_load, skein_stream, skein_stream_load(h, "/nonexistent", error))
CALL(prefix_create, skein_stream, skein_prefix_create(h, "name", "text", (skein_prefix*)&handle_out, error))
CALL(prefix_start, skein_prefix, skein_prefix_start(h, NULL, (skein_stream*)&handle_out, error))
static skein_status call_prefix_get_info(uintptr_t value, skein_error* error) {
  skein_prefix_info info;
  memset(&info, 0, sizeof(info));
  info.struct_size = sizeof(info);
  return skein_prefix_get_info((skein_prefix)value, &info, error);
}
CALL(prefix_provenance, skein_prefix, skein_prefix_provenance(h, scratch, sizeof(scratch), &size_out, error))
CALL(prefix_save, skein_prefix, skein_prefix_save(h, "/nonexistent/file", 0, error))
CALL(prefix_load, skein_model, skein_prefix_load(h, "/nonexistent", (skein_prefix*)&handle_out, error))
static skein_status call_eval(uintptr_t value, skein_error* error) {
  skein_eval_item item = {NULL, one_token, 1, NULL, 0, SKEIN_OUTPUT_NONE, 0};
  return skein_eval((skein_model)value, &item, sizeof(item), 1, error);
}
static skein_status call_score(uintptr_t value, skein_error* error) {
  skein_score_item item;
  memset(&item, 0, sizeof(item));
  item.tokens = one_token;
  item.num_tokens = 1;
  return skein_score((skein_model)value, &item, sizeof(item), 1, error);
}
static skein_status call_embed(uintptr_t value, skein_error* error) {
  skein_embed_item item;
  memset(&item, 0, sizeof(item));
  item.tokens = one_token;
  item.num_tokens = 1;
  return skein_embed((skein_model)value, &item, sizeof(item), 1, error);
}
CALL(queue_create, skein_runtime, skein_queue_create(h, NULL, (skein_queue*)&handle_out, error))
static skein_status call_queue_poll(uintptr_t value, skein_error* error) {
  skein_event event;
  return skein_queue_poll((skein_queue)value, &event, sizeof(event), 1, scratch, sizeof(scratch), &number_out,
                          &size_out, error);
}
CALL(queue_wait, skein_queue, skein_queue_wait(h, 0, &number_out, error))
CALL(queue_fd, skein_queue, skein_queue_fd(h, (int32_t*)&number_out, error))
CALL(queue_set_wakeup, skein_queue, skein_queue_set_wakeup(h, NULL, NULL, error))
static skein_status call_queue_submit(uintptr_t value, skein_error* error) {
  const skein_request none = NULL;
  return skein_queue_submit((skein_queue)value, &none, 1, error);
}
CALL(request_create, skein_stream, skein_request_create(h, (skein_request*)&handle_out, error))
CALL(request_set_prompt, skein_request, skein_request_set_prompt(h, "a", 1, error))
CALL(request_set_prompt_tokens, skein_request, skein_request_set_prompt_tokens(h, one_token, 1, error))
CALL(request_set_chat, skein_request, skein_request_set_chat(h, NULL, sizeof(skein_chat_message), 0, NULL, error))
CALL(request_set_options, skein_request, skein_request_set_options(h, NULL, error))
CALL(request_add_stop, skein_request, skein_request_add_stop(h, "a", 1, error))
CALL(request_add_stop_token, skein_request, skein_request_add_stop_token(h, 1, error))
CALL(request_set_logit_bias, skein_request, skein_request_set_logit_bias(h, 1, 0.5f, error))
CALL(request_set_user_data, skein_request, skein_request_set_user_data(h, 1, error))
CALL(request_cancel, skein_request, skein_request_cancel(h, error))
CALL(request_acknowledge, skein_request, skein_request_acknowledge(h, 1, error))
CALL(request_logprobs, skein_request, skein_request_logprobs(h, 0, 0, 0, NULL, 0, &size_out, error))
CALL(request_take_sample, skein_request, skein_request_take_sample(h, 1, (skein_stream*)&handle_out, error))

#define FUNCTION(name, kind) \
  { "skein_" #name, kind, call_##name }
const function functions[] = {
    FUNCTION(options_set_i64, OPTIONS),
    FUNCTION(options_set_f64, OPTIONS),
    FUNCTION(options_set_str, OPTIONS),
    FUNCTION(runtime_load_plugin, RUNTIME),
    FUNCTION(runtime_plugin_count, RUNTIME),
    FUNCTION(runtime_plugin_info, RUNTIME),
    FUNCTION(runtime_device_count, RUNTIME),
    FUNCTION(runtime_device_info, RUNTIME),
    FUNCTION(runtime_poll_log, RUNTIME),
    FUNCTION(runtime_metrics, RUNTIME),
    FUNCTION(runtime_progress, RUNTIME),
    FUNCTION(model_load, RUNTIME),
    FUNCTION(model_get_info, MODEL),
    FUNCTION(model_get_load, MODEL),
    FUNCTION(model_set_tenant, MODEL),
    FUNCTION(model_chat_prompt, MODEL),
    FUNCTION(model_convert, RUNTIME),
    FUNCTION(model_describe, RUNTIME),
    FUNCTION(model_tokenizer, MODEL),
    FUNCTION(tokenizer_load, RUNTIME),
    FUNCTION(tokenizer_get_info, TOKENIZER),
    FUNCTION(tokenizer_encode, TOKENIZER),
    FUNCTION(tokenizer_decode, TOKENIZER),
    FUNCTION(stream_create, MODEL),
    FUNCTION(stream_reset, STREAM),
    FUNCTION(stream_fork, STREAM),
    FUNCTION(stream_fork_at, STREAM),
    FUNCTION(stream_tokens, STREAM),
    FUNCTION(stream_truncate, STREAM),
    FUNCTION(stream_set_checkpoint, STREAM),
    FUNCTION(stream_find_checkpoint, STREAM),
    FUNCTION(stream_checkpoints, STREAM),
    FUNCTION(stream_position, STREAM),
    FUNCTION(stream_snapshot, STREAM),
    FUNCTION(stream_snapshot_with, STREAM),
    FUNCTION(stream_restore, STREAM),
    FUNCTION(stream_state, STREAM),
    FUNCTION(stream_save, STREAM),
    FUNCTION(stream_load, STREAM),
    FUNCTION(prefix_create, STREAM),
    FUNCTION(prefix_start, PREFIX),
    FUNCTION(prefix_get_info, PREFIX),
    FUNCTION(prefix_provenance, PREFIX),
    FUNCTION(prefix_save, PREFIX),
    FUNCTION(prefix_load, MODEL),
    FUNCTION(eval, MODEL),
    FUNCTION(score, MODEL),
    FUNCTION(embed, MODEL),
    FUNCTION(queue_create, RUNTIME),
    FUNCTION(queue_poll, QUEUE),
    FUNCTION(queue_wait, QUEUE),
    FUNCTION(queue_fd, QUEUE),
    FUNCTION(queue_set_wakeup, QUEUE),
    FUNCTION(queue_submit, QUEUE),
    FUNCTION(request_create, STREAM),
    FUNCTION(request_set_prompt, REQUEST),
    FUNCTION(request_set_prompt_tokens, REQUEST),
    FUNCTION(request_set_chat, REQUEST),
    FUNCTION(request_set_options, REQUEST),
    FUNCTION(request_add_stop, REQUEST),
    FUNCTION(request_add_stop_token, REQUEST),
    FUNCTION(request_set_logit_bias, REQUEST),
    FUNCTION(request_set_user_data, REQUEST),
    FUNCTION(request_cancel, REQUEST),
    FUNCTION(request_acknowledge, REQUEST),
    FUNCTION(request_take_sample, REQUEST),
    FUNCTION(request_logprobs, REQUEST),
};
const size_t num_functions = sizeof(functions) / sizeof(functions[0]);

const function* find_function(const char* name) {
  size_t i = 0;
  while (strcmp(functions[i].name, name) != 0) ++i;
  return &functions[i];
}
