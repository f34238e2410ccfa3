// Models, their tokenizers, chat and tenants.
#include "support.h"

NATIVE(jlong, modelLoad)(JNIEnv* env, jclass c, jlong runtime, jbyteArray path, jlong options) {
  (void)c;
  skein_error error;
  skein_model model = NULL;
  copied p = bytes_of(env, path);
  if (p.ok) {
    check(env, skein_model_load(HANDLE(skein_runtime, runtime), p.data, HANDLE(skein_options, options), &model, &error),
          &error);
  }
  free(p.data);
  return NUMBER(model);
}

NATIVE(void, modelRelease)(JNIEnv* env, jclass c, jlong model) {
  (void)c;
  skein_error error;
  check(env, skein_model_release(HANDLE(skein_model, model), &error), &error);
}

NATIVE(void, modelGetInfo)(JNIEnv* env, jclass c, jlong model, jlongArray numbers, jobjectArray texts) {
  (void)c;
  skein_error error;
  skein_model_info i = {.struct_size = sizeof(i)};
  if (!check(env, skein_model_get_info(HANDLE(skein_model, model), &i, &error), &error)) return;
  const jlong values[] = {i.generation,
                          i.variant,
                          i.num_layers,
                          i.d_model,
                          i.d_ffn,
                          i.d_att,
                          i.vocab_size,
                          i.num_heads,
                          i.head_size,
                          (jlong)i.num_parameters,
                          (jlong)i.weights_bytes,
                          (jlong)i.embedding_bytes,
                          (jlong)i.num_state_floats,
                          i.has_tokenizer,
                          i.end_token,
                          (jlong)i.trained_length};
  const char* const strings[] = {i.name, i.device, i.type, i.chat_template};
  put_numbers(env, numbers, values, COUNT(values));
  put_texts(env, texts, strings, COUNT(strings));
}

NATIVE(void, modelConvert)(JNIEnv* env, jclass c, jlong runtime, jbyteArray in, jbyteArray out, jlong options) {
  (void)c;
  skein_error error;
  copied from = bytes_of(env, in);
  copied to = bytes_of(env, out);
  if (from.ok && to.ok) {
    check(
        env,
        skein_model_convert(HANDLE(skein_runtime, runtime), from.data, to.data, HANDLE(skein_options, options), &error),
        &error);
  }
  free(from.data);
  free(to.data);
}

NATIVE(jbyteArray, modelDescribe)(JNIEnv* env, jclass c, jlong runtime, jbyteArray path, jlong options) {
  (void)c;
  skein_error error;
  copied p = bytes_of(env, path);
  if (!p.ok) return NULL;
  room r;
  make_room(&r, 1);
  skein_status status;
  do {
    status = skein_model_describe(HANDLE(skein_runtime, runtime), p.data, HANDLE(skein_options, options), r.data,
                                  r.capacity, &r.size, &error);
  } while (needs_more(&r, status));
  free(p.data);
  return bytes_in(env, &r, status, &error);
}

// --- tokenizers ---

NATIVE(jlong, modelTokenizer)(JNIEnv* env, jclass c, jlong model) {
  (void)c;
  skein_error error;
  skein_tokenizer tokenizer = NULL;
  check(env, skein_model_tokenizer(HANDLE(skein_model, model), &tokenizer, &error), &error);
  return NUMBER(tokenizer);
}

NATIVE(jlong, tokenizerLoad)(JNIEnv* env, jclass c, jlong runtime, jbyteArray path, jlong options) {
  (void)c;
  skein_error error;
  skein_tokenizer tokenizer = NULL;
  copied p = bytes_of(env, path);
  if (p.ok) {
    check(env,
          skein_tokenizer_load(HANDLE(skein_runtime, runtime), p.data, HANDLE(skein_options, options), &tokenizer,
                               &error),
          &error);
  }
  free(p.data);
  return NUMBER(tokenizer);
}

NATIVE(void, tokenizerRelease)(JNIEnv* env, jclass c, jlong tokenizer) {
  (void)c;
  skein_error error;
  check(env, skein_tokenizer_release(HANDLE(skein_tokenizer, tokenizer), &error), &error);
}

NATIVE(void, tokenizerGetInfo)(JNIEnv* env, jclass c, jlong tokenizer, jlongArray numbers, jobjectArray texts) {
  (void)c;
  skein_error error;
  skein_tokenizer_info info = {.struct_size = sizeof(info)};
  if (!check(env, skein_tokenizer_get_info(HANDLE(skein_tokenizer, tokenizer), &info, &error), &error)) return;
  const jlong values[] = {info.vocab_size};
  const char* const strings[] = {info.kind, info.origin, info.path};
  put_numbers(env, numbers, values, COUNT(values));
  put_texts(env, texts, strings, COUNT(strings));
}

NATIVE(jintArray, tokenizerEncode)(JNIEnv* env, jclass c, jlong tokenizer, jbyteArray text) {
  (void)c;
  skein_error error;
  copied t = bytes_of(env, text);
  if (!t.ok) return NULL;
  room r;
  make_room(&r, sizeof(skein_token));
  skein_status status;
  do {
    status = skein_tokenizer_encode(HANDLE(skein_tokenizer, tokenizer), t.data, t.count, r.data, r.capacity, &r.size,
                                    &error);
  } while (needs_more(&r, status));
  free(t.data);
  return tokens_in(env, &r, status, &error);
}

NATIVE(jbyteArray, tokenizerDecode)(JNIEnv* env, jclass c, jlong tokenizer, jintArray tokens) {
  (void)c;
  skein_error error;
  copied t = ints_of(env, tokens);
  if (!t.ok) return NULL;
  room r;
  make_room(&r, 1);
  skein_status status;
  do {
    status = skein_tokenizer_decode(HANDLE(skein_tokenizer, tokenizer), t.data, t.count, r.data, r.capacity, &r.size,
                                    &error);
  } while (needs_more(&r, status));
  free(t.data);
  return bytes_in(env, &r, status, &error);
}

// --- chat ---

// The messages of a conversation; NULL if there is no memory, which has been thrown. `roles` have NULs behind them.
static skein_chat_message* messages_of(JNIEnv* env, const copied_texts* roles, const copied_texts* texts) {
  if (!roles->ok || !texts->ok) return NULL;
  skein_chat_message* messages = calloc((size_t)roles->count + 1, sizeof(*messages));
  if (messages == NULL) throw_no_memory(env);
  for (jsize i = 0; messages != NULL && i < roles->count; i++) {
    messages[i] = (skein_chat_message){roles->texts[i], texts->texts[i], texts->sizes[i]};
  }
  return messages;
}

NATIVE(jbyteArray, modelChatPrompt)
(JNIEnv* env, jclass c, jlong model, jobjectArray roles, jobjectArray texts, jlong options) {
  (void)c;
  skein_error error;
  copied_texts r = texts_of(env, roles);
  copied_texts t = texts_of(env, texts);
  skein_chat_message* messages = messages_of(env, &r, &t);
  jbyteArray prompt = NULL;
  if (messages != NULL) {
    room out;
    make_room(&out, 1);
    skein_status status;
    do {
      status = skein_model_chat_prompt(HANDLE(skein_model, model), messages, sizeof(*messages), (uint32_t)r.count,
                                       HANDLE(skein_options, options), out.data, out.capacity, &out.size, &error);
    } while (needs_more(&out, status));
    prompt = bytes_in(env, &out, status, &error);
  }
  free(messages);
  free_texts(&r);
  free_texts(&t);
  return prompt;
}

NATIVE(void, requestSetChat)
(JNIEnv* env, jclass c, jlong request, jobjectArray roles, jobjectArray texts, jlong options) {
  (void)c;
  skein_error error;
  copied_texts r = texts_of(env, roles);
  copied_texts t = texts_of(env, texts);
  skein_chat_message* messages = messages_of(env, &r, &t);
  if (messages != NULL) {
    check(env,
          skein_request_set_chat(HANDLE(skein_request, request), messages, sizeof(*messages), (uint32_t)r.count,
                                 HANDLE(skein_options, options), &error),
          &error);
  }
  free(messages);
  free_texts(&r);
  free_texts(&t);
}

// --- tenants ---

NATIVE(void, modelSetTenant)(JNIEnv* env, jclass c, jlong model, jbyteArray name, jlong options) {
  (void)c;
  skein_error error;
  copied n = bytes_of(env, name);
  if (n.ok) {
    check(env, skein_model_set_tenant(HANDLE(skein_model, model), n.data, HANDLE(skein_options, options), &error),
          &error);
  }
  free(n.data);
}

NATIVE(void, modelGetLoad)(JNIEnv* env, jclass c, jlong model, jbyteArray name, jlongArray numbers) {
  (void)c;
  skein_error error;
  skein_load l = {.struct_size = sizeof(l)};
  copied n = bytes_of(env, name);
  if (n.ok && check(env, skein_model_get_load(HANDLE(skein_model, model), n.data, &l, &error), &error)) {
    const jlong values[] = {l.num_tenants,
                            (jlong)l.queued_tokens,
                            (jlong)l.max_queued_tokens,
                            l.num_waiting,
                            l.num_running,
                            l.max_running,
                            l.num_streams,
                            l.max_streams,
                            l.max_batch_tokens,
                            bits_of(l.weight),
                            bits_of(l.prompt_tokens_per_s)};
    put_numbers(env, numbers, values, COUNT(values));
  }
  free(n.data);
}
