// Evals, scores and embeddings: arrays of items. Their parts come as arrays with one element for each item; tokens and
// outputs follow each other.
#include "support.h"

// Puts the statuses of items into the caller's array.
static void put_status(JNIEnv* env, jintArray statuses, jsize index, skein_status status) {
  const jint number = status;
  (*env)->SetIntArrayRegion(env, statuses, index, 1, &number);
}

// Throws if there is no memory. Also room for no items has an address.
static void* new_items(JNIEnv* env, jsize count, size_t item_size) {
  void* items = calloc((size_t)count + 1, item_size);
  if (items == NULL) throw_no_memory(env);
  return items;
}

NATIVE(void, eval)
(JNIEnv* env, jclass c, jlong model, jlongArray streams, jintArray tokens, jlongArray num_tokens, jintArray kinds,
 jobject outputs, jlongArray num_outputs, jintArray statuses) {
  (void)c;
  skein_error error;
  const jsize count = (*env)->GetArrayLength(env, streams);
  copied s = longs_of(env, streams), t = ints_of(env, tokens), n = longs_of(env, num_tokens);
  copied k = ints_of(env, kinds), o = longs_of(env, num_outputs);
  skein_eval_item* items = new_items(env, count, sizeof(*items));
  if (s.ok && t.ok && n.ok && k.ok && o.ok && items != NULL) {
    const skein_token* token = t.data;
    float* output = (*env)->GetDirectBufferAddress(env, outputs);
    for (jsize i = 0; i < count; i++) {
      items[i] = (skein_eval_item){.stream = HANDLE(skein_stream, ((jlong*)s.data)[i]),
                                   .tokens = token,
                                   .num_tokens = ((uint64_t*)n.data)[i],
                                   .output = output,
                                   .output_capacity = ((uint64_t*)o.data)[i],
                                   .output_kind = ((uint32_t*)k.data)[i]};
      token += items[i].num_tokens;
      output += items[i].output_capacity;
    }
    const skein_status status = skein_eval(HANDLE(skein_model, model), items, sizeof(*items), (uint32_t)count, &error);
    for (jsize i = 0; i < count; i++) put_status(env, statuses, i, items[i].status);
    check(env, status, &error);
  }
  free(items);
  free(s.data), free(t.data), free(n.data), free(k.data), free(o.data);
}

NATIVE(void, score)
(JNIEnv* env, jclass c, jlong model, jlongArray streams, jintArray tokens, jlongArray num_tokens, jintArray num_top,
 jintArray priorities, jobject logprobs, jobject top, jintArray statuses, jlongArray num_scored, jdoubleArray sums) {
  (void)c;
  skein_error error;
  const jsize count = (*env)->GetArrayLength(env, streams);
  copied s = longs_of(env, streams), t = ints_of(env, tokens), n = longs_of(env, num_tokens);
  copied k = ints_of(env, num_top), p = ints_of(env, priorities);
  skein_score_item* items = new_items(env, count, sizeof(*items));
  if (s.ok && t.ok && n.ok && k.ok && p.ok && items != NULL) {
    const skein_token* token = t.data;
    float* logprob = (*env)->GetDirectBufferAddress(env, logprobs);
    skein_logprob* most = (*env)->GetDirectBufferAddress(env, top);
    for (jsize i = 0; i < count; i++) {
      items[i] = (skein_score_item){.stream = HANDLE(skein_stream, ((jlong*)s.data)[i]),
                                    .tokens = token,
                                    .num_tokens = ((uint64_t*)n.data)[i],
                                    .logprobs = logprob,
                                    .top = most,
                                    .num_top = ((uint32_t*)k.data)[i],
                                    .priority = ((jint*)p.data)[i]};
      token += items[i].num_tokens;
      logprob += items[i].num_tokens;
      most += items[i].num_tokens * items[i].num_top;
    }
    const skein_status status = skein_score(HANDLE(skein_model, model), items, sizeof(*items), (uint32_t)count, &error);
    for (jsize i = 0; i < count; i++) {
      const jlong scored = (jlong)items[i].num_scored;
      put_status(env, statuses, i, items[i].status);
      (*env)->SetLongArrayRegion(env, num_scored, i, 1, &scored);
      (*env)->SetDoubleArrayRegion(env, sums, i, 1, &items[i].logprob);
    }
    check(env, status, &error);
  }
  free(items);
  free(s.data), free(t.data), free(n.data), free(k.data), free(p.data);
}

// The parts of the items of an embed.
typedef struct embed_parts {
  copied streams, tokens, num_tokens, pooling, normalise, priorities;
  copied_texts texts, tenants;
} embed_parts;

static void fill_embed_items(skein_embed_item* items, jsize count, const embed_parts* p, float* embeddings,
                             uint64_t width) {
  const skein_token* token = p->tokens.data;
  for (jsize i = 0; i < count; i++) {
    const char* text = p->texts.texts[i];
    items[i] = (skein_embed_item){.stream = HANDLE(skein_stream, ((jlong*)p->streams.data)[i]),
                                  .tokens = text == NULL ? token : NULL,
                                  .num_tokens = ((uint64_t*)p->num_tokens.data)[i],
                                  .text = text,
                                  .text_bytes = p->texts.sizes[i],
                                  .embedding = embeddings + (uint64_t)i * width,
                                  .capacity = width,
                                  .pooling = ((uint32_t*)p->pooling.data)[i],
                                  .normalise = ((uint32_t*)p->normalise.data)[i],
                                  .priority = ((jint*)p->priorities.data)[i],
                                  .tenant = p->tenants.texts[i]};
    token += items[i].num_tokens;
  }
}

NATIVE(void, embed)
(JNIEnv* env, jclass c, jlong model, jlongArray streams, jintArray tokens, jlongArray num_tokens, jobjectArray texts,
 jobjectArray tenants, jintArray pooling, jintArray normalise, jintArray priorities, jobject embeddings, jint width,
 jintArray statuses, jlongArray num_read) {
  (void)c;
  skein_error error;
  const jsize count = (*env)->GetArrayLength(env, streams);
  embed_parts p = {longs_of(env, streams), ints_of(env, tokens),    longs_of(env, num_tokens),
                   ints_of(env, pooling),  ints_of(env, normalise), ints_of(env, priorities),
                   texts_of(env, texts),   texts_of(env, tenants)};
  skein_embed_item* items = new_items(env, count, sizeof(*items));
  if (p.streams.ok && p.tokens.ok && p.num_tokens.ok && p.pooling.ok && p.normalise.ok && p.priorities.ok &&
      p.texts.ok && p.tenants.ok && items != NULL) {
    fill_embed_items(items, count, &p, (*env)->GetDirectBufferAddress(env, embeddings), (uint64_t)width);
    const skein_status status = skein_embed(HANDLE(skein_model, model), items, sizeof(*items), (uint32_t)count, &error);
    for (jsize i = 0; i < count; i++) {
      const jlong read = (jlong)items[i].num_read;
      put_status(env, statuses, i, items[i].status);
      (*env)->SetLongArrayRegion(env, num_read, i, 1, &read);
    }
    check(env, status, &error);
  }
  free(items);
  free(p.streams.data), free(p.tokens.data), free(p.num_tokens.data), free(p.pooling.data);
  free(p.normalise.data), free(p.priorities.data);
  free_texts(&p.texts);
  free_texts(&p.tenants);
}
