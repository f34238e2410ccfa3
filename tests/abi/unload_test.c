/* A host that loads libskein with dlopen, releases everything in order, and unloads it: threads of the library, and of
 * the libraries below it, still run its code for a while.
 *
 * unload_test LIBRARY MODEL */
#define _POSIX_C_SOURCE 200809L

#include <dlfcn.h>
#include <stdio.h>
#include <time.h>

#include "skein/skein.h"

/* The functions of the library, under their names. */
#define FUNCTION(name) static __typeof__(&name) p_##name
#define FIND(name) *(void**)&p_##name = dlsym(library, #name)
FUNCTION(skein_runtime_create);
FUNCTION(skein_runtime_release);
FUNCTION(skein_model_load);
FUNCTION(skein_model_release);
FUNCTION(skein_stream_create);
FUNCTION(skein_stream_release);
FUNCTION(skein_eval);

/* A runtime, a model and an eval; everything released. 0 if all went well. */
static int use(const char* model_path) {
  skein_error error = {0};
  skein_runtime runtime = NULL;
  skein_model model = NULL;
  skein_stream stream = NULL;
  const skein_token token = 1;
  skein_eval_item item = {0};
  int failed = p_skein_runtime_create(NULL, &runtime, &error) != SKEIN_OK ||
               p_skein_model_load(runtime, model_path, NULL, &model, &error) != SKEIN_OK ||
               p_skein_stream_create(model, NULL, &stream, &error) != SKEIN_OK;
  item.stream = stream;
  item.tokens = &token;
  item.num_tokens = 1;
  failed = failed || p_skein_eval(model, &item, sizeof(item), 1, &error) != SKEIN_OK;
  p_skein_stream_release(stream, NULL);
  p_skein_model_release(model, NULL);
  p_skein_runtime_release(runtime, NULL);
  if (failed) fprintf(stderr, "%s\n", error.message);
  return failed;
}

int main(int argc, char** argv) {
  const struct timespec while_threads_end = {0, 100000000};
  if (argc != 3) return 2;
  for (int round = 0; round < 3; ++round) {
    void* library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
      fprintf(stderr, "%s\n", dlerror());
      return 1;
    }
    FIND(skein_runtime_create);
    FIND(skein_runtime_release);
    FIND(skein_model_load);
    FIND(skein_model_release);
    FIND(skein_stream_create);
    FIND(skein_stream_release);
    FIND(skein_eval);
    if (use(argv[2]) != 0 || dlclose(library) != 0) return 1;
    nanosleep(&while_threads_end, NULL);
  }
  return 0;
}
