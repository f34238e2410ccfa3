#include "arrays.h"

#include <stdlib.h>
#include <string.h>

#include "_cgo_export.h"

static skein_status no_memory(skein_error* error) {
  static const char kMessage[] = "no memory for the items of the call";
  memset(error, 0, offsetof(skein_error, message));
  error->code = SKEIN_RESOURCE_EXHAUSTED;
  error->message_bytes = sizeof(kMessage) - 1;
  memcpy(error->message, kMessage, sizeof(kMessage));
  return SKEIN_RESOURCE_EXHAUSTED;
}

// Room for `count` structs, all zero; also for none, so that NULL means no memory.
static void* make_items(uint32_t count, size_t item_size) { return calloc((size_t)count + 1, item_size); }

skein_status skein_go_submit(skein_queue queue, const uint64_t* requests, uint32_t count, skein_error* error) {
  return skein_queue_submit(queue, (const skein_request*)requests, count, error);
}

static skein_chat_message* make_messages(uint32_t count, const char* roles, const char* texts,
                                         const uint64_t* text_bytes) {
  skein_chat_message* messages = make_items(count, sizeof(*messages));
  for (uint32_t i = 0; messages != NULL && i < count; i++) {
    messages[i] = (skein_chat_message){.role = roles, .text = texts, .text_bytes = text_bytes[i]};
    roles += strlen(roles) + 1;
    texts += text_bytes[i];
  }
  return messages;
}

skein_status skein_go_chat_prompt(skein_model model, uint32_t count, const char* roles, const char* texts,
                                  const uint64_t* text_bytes, skein_options options, char* buffer, uint64_t capacity,
                                  uint64_t* size, skein_error* error) {
  skein_chat_message* messages = make_messages(count, roles, texts, text_bytes);
  if (messages == NULL) return no_memory(error);
  const skein_status status =
      skein_model_chat_prompt(model, messages, sizeof(*messages), count, options, buffer, capacity, size, error);
  free(messages);
  return status;
}

skein_status skein_go_set_chat(skein_request request, uint32_t count, const char* roles, const char* texts,
                               const uint64_t* text_bytes, skein_options options, skein_error* error) {
  skein_chat_message* messages = make_messages(count, roles, texts, text_bytes);
  if (messages == NULL) return no_memory(error);
  const skein_status status = skein_request_set_chat(request, messages, sizeof(*messages), count, options, error);
  free(messages);
  return status;
}

skein_status skein_go_eval(skein_model model, skein_go_eval_item* items, uint32_t count, const skein_token* tokens,
                           float* outputs, skein_error* error) {
  skein_eval_item* evals = make_items(count, sizeof(*evals));
  if (evals == NULL) return no_memory(error);
  for (uint32_t i = 0; i < count; i++) {
    evals[i] = (skein_eval_item){.stream = (skein_stream)(uintptr_t)items[i].stream,
                                 .tokens = tokens,
                                 .num_tokens = items[i].num_tokens,
                                 .output = outputs,
                                 .output_capacity = items[i].num_outputs,
                                 .output_kind = items[i].output_kind};
    if (tokens != NULL) tokens += items[i].num_tokens;
    if (outputs != NULL) outputs += items[i].num_outputs;
  }
  const skein_status status = skein_eval(model, evals, sizeof(*evals), count, error);
  for (uint32_t i = 0; i < count; i++) items[i].status = evals[i].status;
  free(evals);
  return status;
}

skein_status skein_go_score(skein_model model, skein_go_score_item* items, uint32_t count, const skein_token* tokens,
                            float* logprobs, skein_logprob* top, skein_error* error) {
  skein_score_item* scores = make_items(count, sizeof(*scores));
  if (scores == NULL) return no_memory(error);
  for (uint32_t i = 0; i < count; i++) {
    scores[i] = (skein_score_item){.stream = (skein_stream)(uintptr_t)items[i].stream,
                                   .tokens = tokens,
                                   .num_tokens = items[i].num_tokens,
                                   .logprobs = logprobs,
                                   .top = top,
                                   .num_top = items[i].num_top,
                                   .priority = items[i].priority};
    if (tokens != NULL) tokens += items[i].num_tokens;
    if (logprobs != NULL) logprobs += items[i].num_tokens;
    if (top != NULL) top += items[i].num_tokens * items[i].num_top;
  }
  const skein_status status = skein_score(model, scores, sizeof(*scores), count, error);
  for (uint32_t i = 0; i < count; i++) {
    items[i].status = scores[i].status;
    items[i].num_scored = scores[i].num_scored;
    items[i].logprob = scores[i].logprob;
  }
  free(scores);
  return status;
}

skein_status skein_go_embed(skein_model model, skein_go_embed_item* items, uint32_t count, const skein_token* tokens,
                            const char* texts, const char* tenants, float* embeddings, uint64_t d_model,
                            skein_error* error) {
  skein_embed_item* embeds = make_items(count, sizeof(*embeds));
  if (embeds == NULL) return no_memory(error);
  for (uint32_t i = 0; i < count; i++) {
    const int has_tokens = items[i].num_tokens > 0;
    embeds[i] = (skein_embed_item){.stream = (skein_stream)(uintptr_t)items[i].stream,
                                   .tokens = has_tokens ? tokens : NULL,
                                   .num_tokens = items[i].num_tokens,
                                   .text = has_tokens ? NULL : texts,
                                   .text_bytes = items[i].text_bytes,
                                   .embedding = embeddings + i * d_model,
                                   .capacity = d_model,
                                   .pooling = items[i].pooling,
                                   .normalise = items[i].normalise,
                                   .priority = items[i].priority,
                                   .tenant = tenants[0] != '\0' ? tenants : NULL};
    if (has_tokens) tokens += items[i].num_tokens;
    if (texts != NULL) texts += items[i].text_bytes;
    tenants += strlen(tenants) + 1;
  }
  const skein_status status = skein_embed(model, embeds, sizeof(*embeds), count, error);
  for (uint32_t i = 0; i < count; i++) {
    items[i].status = embeds[i].status;
    items[i].num_read = embeds[i].num_read;
  }
  free(embeds);
  return status;
}

static void wake_up(void* argument) { skeinGoWakeUp((uintptr_t)argument); }

skein_status skein_go_set_wakeup(skein_queue queue, uint64_t argument, skein_error* error) {
  return skein_queue_set_wakeup(queue, argument == 0 ? NULL : wake_up, (void*)(uintptr_t)argument, error);
}
