// The peak of memory while a model is loaded: load_memory MODEL [TYPE]. Loads it with the default options on the
// default device and prints the packed weights, the peak of anonymous memory meanwhile, and the limit that the project
// promises: packed weights and 200 MiB, to which the largest tensor comes in addition.
#include <cstdio>
#include <string>

#include "skein/skein.h"
#include "tests/support/anonymous_memory.h"

namespace {

constexpr uint64_t kMiB = 1 << 20;

int Fail(const skein_error& error) {
  std::fprintf(stderr, "load_memory: %s\n", error.message);
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: load_memory MODEL [TYPE]\n");
    return 2;
  }
  skein_error error = {};
  skein_runtime runtime = nullptr;
  skein_options options = nullptr;
  skein_model model = nullptr;
  if (skein_runtime_create(nullptr, &runtime, &error) != SKEIN_OK ||
      skein_options_create(SKEIN_OPTIONS_MODEL, &options, &error) != SKEIN_OK ||
      skein_options_set_str(options, "type", argc == 3 ? argv[2] : "auto", &error) != SKEIN_OK) {
    return Fail(error);
  }
  skein::test::PeakSampler sampler;
  const auto start = std::chrono::steady_clock::now();
  if (skein_model_load(runtime, argv[1], options, &model, &error) != SKEIN_OK) return Fail(error);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const uint64_t peak = sampler.Stop();
  skein_model_info info = {};
  info.struct_size = sizeof(info);
  if (skein_model_get_info(model, &info, &error) != SKEIN_OK) return Fail(error);
  std::printf("type %s: packed %llu MiB, peak %llu MiB, packed and 200 MiB %llu MiB, %.1f s\n", info.type,
              static_cast<unsigned long long>(info.weights_bytes / kMiB), static_cast<unsigned long long>(peak / kMiB),
              static_cast<unsigned long long>(info.weights_bytes / kMiB) + 200, seconds.count());
  skein_model_release(model, nullptr);
  skein_options_release(options, nullptr);
  skein_runtime_release(runtime, nullptr);
  return 0;
}
