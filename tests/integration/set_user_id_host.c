/* A host that tells which plugins it has found and what its devices are. A test makes it a set-user-id program. */
#include <skein/skein.h>
#include <stdio.h>
#include <sys/auxv.h>

static int Fail(const skein_error* error) {
  printf("failed: %s\n", error->message);
  return 1;
}

int main(void) {
  skein_error error = {0};
  skein_runtime runtime = NULL;
  uint32_t count = 0;
  printf("secure %lu\n", getauxval(AT_SECURE));
  if (skein_runtime_create(NULL, &runtime, &error) != SKEIN_OK) return Fail(&error);
  if (skein_runtime_plugin_count(runtime, &count, &error) != SKEIN_OK) return Fail(&error);
  for (uint32_t i = 0; i < count; ++i) {
    skein_plugin_info info = {.struct_size = sizeof(info)};
    if (skein_runtime_plugin_info(runtime, i, &info, &error) != SKEIN_OK) return Fail(&error);
    printf("plugin %s\n", info.path);
  }
  if (skein_runtime_device_count(runtime, &count, &error) != SKEIN_OK) return Fail(&error);
  for (uint32_t i = 0; i < count; ++i) {
    skein_device_info info = {.struct_size = sizeof(info)};
    if (skein_runtime_device_info(runtime, i, &info, &error) != SKEIN_OK) return Fail(&error);
    printf("device %s: %s\n", info.name, info.description);
  }
  return skein_runtime_release(runtime, &error) == SKEIN_OK ? 0 : Fail(&error);
}
