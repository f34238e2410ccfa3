// A host of the C ABI for tests: handles that release themselves, calls that must succeed, and the files tests read.
#ifndef SKEIN_TESTS_SUPPORT_HOST_H_
#define SKEIN_TESTS_SUPPORT_HOST_H_

// The other names of the C++ binding stay apart from those of the library's inside, which some tests see too.
#define SKEIN_CPP_NESTED_NAMESPACE

#include <gtest/gtest.h>
#include <skein/skein.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "skein/cpp/owned.hpp"

namespace skein::test {

// Releases a handle, which must be live.
template <typename Handle, skein_status (*kRelease)(Handle, skein_error*)>
skein_status ReleaseLive(Handle handle, skein_error* error) {
  const skein_status status = kRelease(handle, error);
  EXPECT_EQ(status, SKEIN_OK);
  return status;
}

template <typename Handle, skein_status (*kRelease)(Handle, skein_error*)>
using Owned = cpp::Owned<Handle, ReleaseLive<Handle, kRelease>>;

using OwnedRuntime = Owned<skein_runtime, skein_runtime_release>;
using OwnedOptions = Owned<skein_options, skein_options_release>;
using OwnedModel = Owned<skein_model, skein_model_release>;
using OwnedTokenizer = Owned<skein_tokenizer, skein_tokenizer_release>;
using OwnedStream = Owned<skein_stream, skein_stream_release>;
using OwnedQueue = Owned<skein_queue, skein_queue_release>;
using OwnedRequest = Owned<skein_request, skein_request_release>;
using OwnedPrefix = Owned<skein_prefix, skein_prefix_release>;

// EXPECT_TRUE(Ok(call(..., &error), error)) shows the message of a failure.
inline ::testing::AssertionResult Ok(skein_status status, const skein_error& error) {
  if (status == SKEIN_OK) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << skein_status_name(status) << ": " << error.message;
}

// Expects `call`, which ends in a skein_error*, to succeed.
#define SKEIN_CALL(function, ...)                                                               \
  do {                                                                                          \
    skein_error skein_call_error = {};                                                          \
    ASSERT_TRUE(::skein::test::Ok(function(__VA_ARGS__, &skein_call_error), skein_call_error)); \
  } while (false)

// Text and integer options of a kind, as pairs.
inline OwnedOptions MakeOptions(uint32_t kind, const std::vector<std::pair<std::string, std::string>>& texts,
                                const std::vector<std::pair<std::string, int64_t>>& integers = {},
                                const std::vector<std::pair<std::string, double>>& reals = {}) {
  OwnedOptions options;
  skein_error error = {};
  EXPECT_TRUE(Ok(skein_options_create(kind, options.out(), &error), error));
  for (const auto& [key, value] : texts) {
    EXPECT_TRUE(Ok(skein_options_set_str(options.get(), key.c_str(), value.c_str(), &error), error));
  }
  for (const auto& [key, value] : integers) {
    EXPECT_TRUE(Ok(skein_options_set_i64(options.get(), key.c_str(), value, &error), error));
  }
  for (const auto& [key, value] : reals) {
    EXPECT_TRUE(Ok(skein_options_set_f64(options.get(), key.c_str(), value, &error), error));
  }
  return options;
}

inline OwnedRuntime MakeRuntime(int64_t num_threads = 2) {
  OwnedRuntime runtime;
  skein_error error = {};
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_RUNTIME, {}, {{"threads", num_threads}});
  EXPECT_TRUE(Ok(skein_runtime_create(options.get(), runtime.out(), &error), error));
  return runtime;
}

inline std::vector<std::string> DeviceNames(skein_runtime runtime) {
  std::vector<std::string> names;
  uint32_t count = 0;
  EXPECT_EQ(skein_runtime_device_count(runtime, &count, nullptr), SKEIN_OK);
  for (uint32_t i = 0; i < count; ++i) {
    skein_device_info info = {};
    info.struct_size = sizeof(info);
    EXPECT_EQ(skein_runtime_device_info(runtime, i, &info, nullptr), SKEIN_OK);
    names.emplace_back(info.name);
  }
  return names;
}

inline OwnedModel LoadModel(skein_runtime runtime, const std::string& path, const std::string& device,
                            const std::string& type = "auto", int64_t max_streams = 8) {
  OwnedModel model;
  skein_error error = {};
  // Without calibrating steps, so that a test knows all steps.
  const OwnedOptions options =
      MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", device}, {"type", type}},
                  {{"max_streams", max_streams}, {"max_batch_streams", max_streams}, {"calibrate", 0}});
  EXPECT_TRUE(Ok(skein_model_load(runtime, path.c_str(), options.get(), model.out(), &error), error));
  return model;
}

inline skein_model_info InfoOf(skein_model model) {
  skein_model_info info = {};
  info.struct_size = sizeof(info);
  EXPECT_EQ(skein_model_get_info(model, &info, nullptr), SKEIN_OK);
  return info;
}

inline OwnedStream MakeStream(skein_model model) {
  OwnedStream stream;
  skein_error error = {};
  EXPECT_TRUE(Ok(skein_stream_create(model, nullptr, stream.out(), &error), error));
  return stream;
}

// Feeds tokens to one stream and gives the logits after every one: [tokens, vocab_size].
inline std::vector<float> AllLogits(skein_model model, skein_stream stream, const std::vector<uint32_t>& tokens) {
  std::vector<float> logits(tokens.size() * InfoOf(model).vocab_size);
  skein_eval_item item = {};
  item.stream = stream;
  item.tokens = tokens.data();
  item.num_tokens = tokens.size();
  item.output = logits.data();
  item.output_capacity = logits.size();
  item.output_kind = SKEIN_OUTPUT_ALL_LOGITS;
  skein_error error = {};
  EXPECT_TRUE(Ok(skein_eval(model, &item, sizeof(item), 1, &error), error));
  return logits;
}

inline std::vector<float> StateOf(skein_stream stream) {
  uint64_t count = 0;
  EXPECT_EQ(skein_stream_state(stream, nullptr, 0, &count, nullptr), SKEIN_OK);
  std::vector<float> state(count);
  EXPECT_EQ(skein_stream_state(stream, state.data(), count, &count, nullptr), SKEIN_OK);
  return state;
}

// A file of tests/data.
inline std::string DataPath(const std::string& name) { return std::string(SKEIN_TESTS_DIR) + "/data/" + name; }

// A file of the shared models, "" if SKEIN_TEST_DATA is not set.
inline std::string SharedPath(const std::string& name) {
  const char* folder = std::getenv("SKEIN_TEST_DATA");
  return folder == nullptr || *folder == '\0' ? "" : std::string(folder) + "/" + name;
}

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

inline std::vector<float> ReadFloats(const std::string& path) {
  const std::string bytes = ReadFile(path);
  std::vector<float> floats(bytes.size() / sizeof(float));
  std::copy_n(bytes.data(), floats.size() * sizeof(float), reinterpret_cast<char*>(floats.data()));
  return floats;
}

// The numbers of a JSON array of integers.
inline std::vector<uint32_t> ReadTokens(const std::string& path) {
  std::vector<uint32_t> tokens;
  const std::string text = ReadFile(path);
  for (size_t i = 0; i < text.size();) {
    if (text[i] < '0' || text[i] > '9') {
      ++i;
      continue;
    }
    size_t length = 0;
    tokens.push_back(static_cast<uint32_t>(std::stoul(text.substr(i), &length)));
    i += length;
  }
  return tokens;
}

}  // namespace skein::test

#endif  // SKEIN_TESTS_SUPPORT_HOST_H_
