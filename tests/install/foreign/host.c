/* A host that knows nothing but the installed package: loads a model and a stranger's plugin, and evaluates a token. */
#include <skein/skein.h>
#include <stdio.h>
#include <stdlib.h>

static skein_error error;

static void check(skein_status status, const char* what) {
  if (status == SKEIN_OK) return;
  fprintf(stderr, "%s: %s: %s\n", what, skein_status_name(status), error.message);
  exit(1);
}

int main(int argc, char** argv) {
  skein_runtime runtime = NULL;
  skein_model model = NULL;
  skein_stream stream = NULL;
  skein_model_info info = {.struct_size = sizeof(info)};
  skein_eval_item item = {.output_kind = SKEIN_OUTPUT_LAST_LOGITS};
  const skein_token token = 1;
  float* logits;
  if (argc != 3) return 2;
  check(skein_runtime_create(NULL, &runtime, &error), "runtime");
  check(skein_runtime_load_plugin(runtime, argv[2], &error), "plugin");
  check(skein_model_load(runtime, argv[1], NULL, &model, &error), "model");
  check(skein_model_get_info(model, &info, &error), "info");
  check(skein_stream_create(model, NULL, &stream, &error), "stream");
  logits = malloc(info.vocab_size * sizeof(float));
  item.stream = stream;
  item.tokens = &token;
  item.num_tokens = 1;
  item.output = logits;
  item.output_capacity = info.vocab_size;
  check(skein_eval(model, &item, sizeof(item), 1, &error), "eval");
  printf("RWKV-%u on %s, first logit %f\n", info.generation, info.device, (double)logits[0]);
  free(logits);
  check(skein_stream_release(stream, &error), "release");
  check(skein_model_release(model, &error), "release");
  check(skein_runtime_release(runtime, &error), "release");
  return 0;
}
