// Calls of the C ABI that a fuzzer chooses: each input is a host. The plain test abi_calls_test.cc makes the same
// calls.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/fuzz/abi_calls.h"

namespace {

using skein::fuzz::AbiCalls;
using skein::fuzz::AbiFiles;
using skein::fuzz::AbiHandles;
using skein::fuzz::AbiInput;

// Never destroyed, since the exit handler uses it.
const AbiFiles& Files() {
  static const AbiFiles& files = *[] {
    auto* const all = new AbiFiles;
    AbiFiles& made = *all;
    made.folder = (std::filesystem::temp_directory_path() / ("abi_fuzz." + std::to_string(getpid()))).string();
    std::filesystem::create_directories(made.folder);
    std::atexit([] { std::filesystem::remove_all(Files().folder); });
    for (const char* name : {"v7-odd.safetensors", "v4-odd.safetensors", "v7-n16.pth", "v7-n16.time_state.pth"}) {
      made.models.push_back(std::string(SKEIN_TESTS_DIR) + "/data/" + name);
    }
    made.plugins = {std::string(SKEIN_PLUGIN_DIR) + "/backend-reference.so", made.models[0]};
    return all;
  }();
  return files;
}

void Require(const std::string& broken, const std::string& name) {
  if (broken.empty()) return;
  std::fprintf(stderr, "abi_fuzz: %s: %s\n", name.c_str(), broken.c_str());
  std::abort();
}

// A runtime that all inputs share, so that few of them have to search for plugins.
skein_runtime SharedRuntime() {
  static const skein_runtime runtime = [] {
    skein_options options = nullptr;
    skein_runtime made = nullptr;
    skein_options_create(SKEIN_OPTIONS_RUNTIME, &options, nullptr);
    skein_options_set_i64(options, "threads", 1, nullptr);
    skein_options_set_str(options, "plugin_path", SKEIN_PLUGIN_DIR, nullptr);
    skein_runtime_create(options, &made, nullptr);
    skein_options_release(options, nullptr);
    return made;
  }();
  return runtime;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr int kMaxCalls = 2000;
  AbiInput input({data, size});
  AbiHandles handles;
  AbiCalls calls(Files(), handles);
  // A queue and a tokenizer hold nothing that a later input could see.
  skein_queue queue = nullptr;
  skein_model model = nullptr;
  skein_stream stream = nullptr;
  skein_queue_create(SharedRuntime(), nullptr, &queue, nullptr);
  skein_model_load(SharedRuntime(), "synthetic:C=64,L=1,F=64,N=32,V=300", nullptr, &model, nullptr);
  skein_stream_create(model, nullptr, &stream, nullptr);
  handles.Add(queue);
  handles.Add(model);
  handles.Add(stream);
  for (int i = 0; i < kMaxCalls && !input.at_end(); ++i) {
    std::string name;
    Require(calls.CallOne(input, &name), name);
  }
  calls.ReleaseAll(input);
  return 0;
}
