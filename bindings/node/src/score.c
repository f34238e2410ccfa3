// The calls with many items: skein_eval of skein/stream.h, and skein/score.h. An item's members come in columns, one
// typed array for each, and the tokens of all items in one. So do the results.
#include <stdlib.h>
#include <string.h>

#include "addon.h"

// The arguments of a call, in one allocation each, and its results. They belong to the call.
typedef struct batch {
  void* items;
  size_t count;
  skein_token* tokens;  // of all items
  uint64_t num_tokens;
  char* text;     // of all embeddings
  char* tenants;  // NUL-terminated, one after the other
  float* floats;  // outputs, log-probabilities or embeddings of all items
  uint64_t num_floats;
  skein_logprob* top;
  uint64_t num_top;
} batch;

static void free_batch(void* data) {
  batch* work = data;
  free(work->items);
  free(work->tokens);
  free(work->text);
  free(work->tenants);
  free(work->floats);
  free(work->top);
  free(work);
}

// Memory for `count` elements, never of 0 bytes.
static void* make_room(arguments* args, uint64_t count, size_t element_bytes) {
  void* room = count >= SIZE_MAX / element_bytes ? NULL : calloc(count + 1, element_bytes);
  if (room == NULL) args->no_memory = true;
  return room;
}

static void* copy_of(arguments* args, const void* data, size_t size) {
  char* copy = make_room(args, size, 1);
  if (copy != NULL && size > 0) memcpy(copy, data, size);
  return copy;
}

// The columns that all of these calls have, behind the model.
typedef struct columns {
  const double* streams;
  const double* counts;  // tokens of each item, or bytes of its text
  size_t count;
  uint64_t sum;  // of the counts
} columns;

static columns columns_at(arguments* args, int streams, int counts) {
  columns common = {NULL, NULL, 0, 0};
  size_t num_counts;
  common.streams = array_at(args, streams, napi_float64_array, &common.count);
  common.counts = array_at(args, counts, napi_float64_array, &num_counts);
  if (num_counts < common.count) common.count = num_counts;
  for (size_t i = 0; i < common.count; ++i) common.sum += (uint64_t)common.counts[i];
  return common;
}

static void* stream_of(const columns* common, size_t item) { return (void*)(uintptr_t)(uint64_t)common->streams[item]; }

// Makes a call with room for items, and with the tokens of argument `tokens`. NULL: no memory.
static call* new_batch(arguments* args, skein_status (*run)(call*), napi_value (*result)(napi_env, call*),
                       const columns* common, size_t item_bytes, int tokens) {
  call* started = new_call(args, run, result);
  batch* work = calloc(1, sizeof(batch));
  if (started == NULL || work == NULL) {
    free(started);
    free(work);
    args->no_memory = true;
    return NULL;
  }
  started->subject = handle_at(args, 0);
  started->data = work;
  started->free_data = free_batch;
  started->itemised = true;
  size_t num_tokens;
  const skein_token* all = array_at(args, tokens, napi_uint32_array, &num_tokens);
  work->count = common->count;
  work->num_tokens = num_tokens;
  work->items = make_room(args, common->count, item_bytes);
  work->tokens = copy_of(args, all, num_tokens * sizeof(skein_token));
  return started;
}

// The columns of results.
static napi_value make_column(napi_env env, size_t count, double** values) {
  napi_value buffer = NULL, column = NULL;
  if (napi_create_arraybuffer(env, count * sizeof(double), (void**)values, &buffer) != napi_ok ||
      napi_create_typedarray(env, napi_float64_array, count, buffer, 0, &column) != napi_ok) {
    return NULL;
  }
  return column;
}

static void set_floats(napi_env env, napi_value result, batch* work) {
  float* floats = work->floats;
  work->floats = NULL;
  set_property(env, result, "floats", make_array(env, napi_float32_array, floats, work->num_floats));
}

// --- eval ---

static skein_status run_eval(call* self) {
  batch* work = self->data;
  return skein_eval(self->subject, work->items, sizeof(skein_eval_item), (uint32_t)work->count, &self->error);
}

// {status, floats}
static napi_value result_eval(napi_env env, call* self) {
  batch* work = self->data;
  const skein_eval_item* items = work->items;
  napi_value result = NULL;
  double* status;
  if (napi_create_object(env, &result) != napi_ok) return NULL;
  napi_value column = make_column(env, work->count, &status);
  for (size_t i = 0; column != NULL && i < work->count; ++i) status[i] = items[i].status;
  set_property(env, result, "status", column);
  set_floats(env, result, work);
  return result;
}

// Gives each item its part of the tokens and of the floats, and says how many floats there are.
static void place_eval(batch* work, const columns* common, const double* kinds, const double* capacities) {
  skein_eval_item* items = work->items;
  skein_token* tokens = work->tokens;
  float* floats = work->floats;
  for (size_t i = 0; i < work->count; ++i) {
    items[i] = (skein_eval_item){.stream = stream_of(common, i),
                                 .tokens = tokens,
                                 .num_tokens = (uint64_t)common->counts[i],
                                 .output = floats,
                                 .output_capacity = (uint64_t)capacities[i],
                                 .output_kind = (uint32_t)kinds[i]};
    tokens += items[i].num_tokens;
    floats += items[i].output_capacity;
  }
}

// eval(model, streams, counts, tokens, kinds, capacities): promise of {status, floats}
static napi_value eval(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  columns common = columns_at(&args, 1, 2);
  size_t num_kinds, num_capacities;
  const double* kinds = array_at(&args, 4, napi_float64_array, &num_kinds);
  const double* capacities = array_at(&args, 5, napi_float64_array, &num_capacities);
  if (num_kinds < common.count || num_capacities < common.count) common.count = 0;
  call* started = new_batch(&args, run_eval, result_eval, &common, sizeof(skein_eval_item), 3);
  if (started == NULL) return finish_call(&args, started);
  batch* work = started->data;
  for (size_t i = 0; i < common.count; ++i) work->num_floats += (uint64_t)capacities[i];
  work->floats = make_room(&args, work->num_floats, sizeof(float));
  if (common.sum > work->num_tokens) work->count = 0;
  if (!args.no_memory) place_eval(work, &common, kinds, capacities);
  return finish_call(&args, started);
}

// --- score ---

static skein_status run_score(call* self) {
  batch* work = self->data;
  return skein_score(self->subject, work->items, sizeof(skein_score_item), (uint32_t)work->count, &self->error);
}

// {status, numScored, logprob, floats, top}
static napi_value result_score(napi_env env, call* self) {
  batch* work = self->data;
  const skein_score_item* items = work->items;
  napi_value result = NULL;
  double *status, *num_scored, *logprob;
  if (napi_create_object(env, &result) != napi_ok) return NULL;
  napi_value statuses = make_column(env, work->count, &status);
  napi_value counts = make_column(env, work->count, &num_scored);
  napi_value sums = make_column(env, work->count, &logprob);
  if (statuses == NULL || counts == NULL || sums == NULL) return NULL;
  for (size_t i = 0; i < work->count; ++i) {
    status[i] = items[i].status;
    num_scored[i] = (double)items[i].num_scored;
    logprob[i] = items[i].logprob;
  }
  set_property(env, result, "status", statuses);
  set_property(env, result, "numScored", counts);
  set_property(env, result, "logprob", sums);
  set_floats(env, result, work);
  skein_logprob* top = work->top;
  work->top = NULL;
  set_property(env, result, "top", make_array(env, napi_uint8_array, top, work->num_top * sizeof(skein_logprob)));
  return result;
}

static void place_scores(batch* work, const columns* common, const double* num_top, const double* priorities) {
  skein_score_item* items = work->items;
  uint64_t token = 0, top = 0;
  for (size_t i = 0; i < work->count; ++i) {
    items[i] = (skein_score_item){.stream = stream_of(common, i),
                                  .tokens = work->tokens + token,
                                  .num_tokens = (uint64_t)common->counts[i],
                                  .logprobs = work->floats + token,
                                  .top = work->top + top,
                                  .num_top = (uint32_t)num_top[i],
                                  .priority = (int32_t)priorities[i]};
    token += items[i].num_tokens;
    top += items[i].num_tokens * items[i].num_top;
  }
}

// score(model, streams, counts, tokens, numTop, priorities): promise of {status, numScored, logprob, floats, top}
static napi_value score(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  columns common = columns_at(&args, 1, 2);
  size_t num_tops, num_priorities;
  const double* num_top = array_at(&args, 4, napi_float64_array, &num_tops);
  const double* priorities = array_at(&args, 5, napi_float64_array, &num_priorities);
  if (num_tops < common.count || num_priorities < common.count) common.count = 0;
  call* started = new_batch(&args, run_score, result_score, &common, sizeof(skein_score_item), 3);
  if (started == NULL) return finish_call(&args, started);
  batch* work = started->data;
  for (size_t i = 0; i < common.count; ++i) work->num_top += (uint64_t)common.counts[i] * (uint64_t)num_top[i];
  work->num_floats = work->num_tokens;
  work->floats = make_room(&args, work->num_floats, sizeof(float));
  work->top = make_room(&args, work->num_top, sizeof(skein_logprob));
  if (common.sum > work->num_tokens) work->count = 0;
  if (!args.no_memory) place_scores(work, &common, num_top, priorities);
  return finish_call(&args, started);
}

// --- embed ---

static skein_status run_embed(call* self) {
  batch* work = self->data;
  return skein_embed(self->subject, work->items, sizeof(skein_embed_item), (uint32_t)work->count, &self->error);
}

// {status, numRead, floats}
static napi_value result_embed(napi_env env, call* self) {
  batch* work = self->data;
  const skein_embed_item* items = work->items;
  napi_value result = NULL;
  double *status, *num_read;
  if (napi_create_object(env, &result) != napi_ok) return NULL;
  napi_value statuses = make_column(env, work->count, &status);
  napi_value counts = make_column(env, work->count, &num_read);
  if (statuses == NULL || counts == NULL) return NULL;
  for (size_t i = 0; i < work->count; ++i) {
    status[i] = items[i].status;
    num_read[i] = (double)items[i].num_read;
  }
  set_property(env, result, "status", statuses);
  set_property(env, result, "numRead", counts);
  set_floats(env, result, work);
  return result;
}

// The members of an embedding that are numbers: four for each item.
enum { EMBED_IS_TEXT, EMBED_POOLING, EMBED_NORMALISE, EMBED_PRIORITY, EMBED_NUMBERS };

// Each item's tenant is the next text of `tenants`, or none if that is empty.
static void place_embeddings(batch* work, const columns* common, const double* numbers, uint64_t d_model) {
  skein_embed_item* items = work->items;
  skein_token* tokens = work->tokens;
  const char *text = work->text, *tenant = work->tenants;
  for (size_t i = 0; i < work->count; ++i, numbers += EMBED_NUMBERS) {
    const uint64_t size = (uint64_t)common->counts[i];
    items[i] = (skein_embed_item){.stream = stream_of(common, i),
                                  .embedding = work->floats + i * d_model,
                                  .capacity = d_model,
                                  .pooling = (uint32_t)numbers[EMBED_POOLING],
                                  .normalise = (uint32_t)numbers[EMBED_NORMALISE],
                                  .priority = (int32_t)numbers[EMBED_PRIORITY],
                                  .tenant = *tenant != '\0' ? tenant : NULL};
    if (numbers[EMBED_IS_TEXT] != 0) {
      items[i].text = text;
      items[i].text_bytes = size;
      text += size;
    } else {
      items[i].tokens = tokens;
      items[i].num_tokens = size;
      tokens += size;
    }
    tenant += strlen(tenant) + 1;
  }
}

// embed(model, streams, counts, tokens, text, numbers, tenants, dModel): promise of {status, numRead, floats}.
// `numbers` has four for each item: 1 for a text and 0 for tokens, pooling, normalise, priority. `tenants` is a
// Uint8Array with one NUL-terminated text for each item.
static napi_value embed(napi_env env, napi_callback_info info) {
  arguments args = read_arguments(env, info);
  columns common = columns_at(&args, 1, 2);
  const bytes text = bytes_at(&args, 4), tenants = bytes_at(&args, 6);
  size_t num_numbers;
  const double* numbers = array_at(&args, 5, napi_float64_array, &num_numbers);
  const uint64_t d_model = unsigned_at(&args, 7);
  if (num_numbers < common.count * EMBED_NUMBERS) common.count = 0;
  call* started = new_batch(&args, run_embed, result_embed, &common, sizeof(skein_embed_item), 3);
  if (started == NULL) return finish_call(&args, started);
  batch* work = started->data;
  size_t num_ends = 0;
  for (size_t i = 0; i < tenants.size; ++i) num_ends += tenants.data[i] == '\0';
  work->num_floats = common.count * d_model;
  work->floats = make_room(&args, work->num_floats, sizeof(float));
  work->text = copy_of(&args, text.data, text.size);
  work->tenants = copy_of(&args, tenants.data, tenants.size);
  if (common.sum != work->num_tokens + text.size || num_ends < common.count) work->count = 0;
  if (!args.no_memory) place_embeddings(work, &common, numbers, d_model);
  return finish_call(&args, started);
}

const raw_function kScoreFunctions[] = {{"eval", eval}, {"score", score}, {"embed", embed}, {NULL, NULL}};
