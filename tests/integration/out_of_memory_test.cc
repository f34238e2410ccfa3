// Memory that runs out inside a call of the C ABI: every allocation of the call fails once, on whatever thread it is.
// The call says RESOURCE_EXHAUSTED, leaves nothing behind, and works the next time.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "tests/integration/allocation_walk.h"
#include "tests/support/failing_allocator.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

class OutOfMemoryTest : public AllocationWalk {};

class OutOfMemoryWithModelTest : public AllocationWalk {
 protected:
  const OwnedRuntime runtime_ = MakeRuntime();
  const OwnedModel model_ = LoadModel(runtime_.get(), SKEIN_DEMO_MODEL, "reference");
};

TEST_P(OutOfMemoryTest, CreatingARuntime) {
  // Static constructors of the libraries that plugins bring run when these are first loaded, and can fail only by
  // ending the process (docs/abi.md).
  const OwnedRuntime first = MakeRuntime();
  OwnedRuntime runtime;
  Walk([&](skein_error* error) { return skein_runtime_create(nullptr, runtime.out(), error); },
       [&] { runtime.Close(); });
}

TEST_P(OutOfMemoryTest, Options) {
  OwnedOptions options;
  Walk([&](skein_error* error) { return skein_options_create(SKEIN_OPTIONS_MODEL, options.out(), error); },
       [&] { options.Close(); });
  options = MakeOptions(SKEIN_OPTIONS_MODEL, {});
  const std::string text(100, 'x');
  Walk([&](skein_error* error) { return skein_options_set_str(options.get(), "device", text.c_str(), error); });
  Walk([&](skein_error* error) { return skein_options_set_i64(options.get(), "max_streams", 5, error); });
}

TEST_P(OutOfMemoryTest, Queues) {
  const OwnedRuntime runtime = MakeRuntime();
  OwnedQueue queue;
  Walk([&](skein_error* error) { return skein_queue_create(runtime.get(), nullptr, queue.out(), error); },
       [&] { queue.Close(); });
}

TEST_P(OutOfMemoryTest, Describing) {
  const OwnedRuntime runtime = MakeRuntime();
  std::string text(65536, '\0');
  uint64_t size = 0;
  for (const std::string& path : {DataPath("v7-odd.safetensors"), DataPath("v7-n16.lora.pth")}) {
    for (const char* format : {"text", "json"}) {
      const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_DESCRIBE, {{"format", format}});
      Walk([&](skein_error* error) {
        return skein_model_describe(runtime.get(), path.c_str(), options.get(), text.data(), text.size(), &size, error);
      });
    }
  }
}

TEST_P(OutOfMemoryTest, LoadingATokenizer) {
  const OwnedRuntime runtime = MakeRuntime();
  OwnedTokenizer tokenizer;
  Walk(
      [&](skein_error* error) {
        return skein_tokenizer_load(runtime.get(), SKEIN_DEMO_MODEL, nullptr, tokenizer.out(), error);
      },
      [&] { tokenizer.Close(); });
}

// A file that there is no memory to read is not one that is damaged.
TEST_P(OutOfMemoryTest, AVocabularyBesideTheModel) {
  const std::string folder = ::testing::TempDir() + "/skein_beside_" + std::to_string(getpid());
  std::filesystem::create_directory(folder);
  std::filesystem::copy(DataPath("v7-odd.safetensors"), folder + "/model.safetensors");
  std::ofstream(folder + "/vocab.txt") << "b'<s>'\n'a'\n'b'\n'ab'\n";
  const OwnedRuntime runtime = MakeRuntime();
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_DESCRIBE, {{"format", "json"}});
  OwnedTokenizer tokenizer;
  std::string text(65536, '\0');
  uint64_t size = 0;
  Walk(
      [&](skein_error* error) {
        return skein_tokenizer_load(runtime.get(), folder.c_str(), nullptr, tokenizer.out(), error);
      },
      [&] { tokenizer.Close(); });
  Walk(
      [&](skein_error* error) {
        return skein_model_describe(runtime.get(), folder.c_str(), options.get(), text.data(), text.size(), &size,
                                    error);
      },
      [&] { EXPECT_NE(text.find(R"("origin": "beside")"), std::string::npos); });
  std::filesystem::remove_all(folder);
}

TEST_P(OutOfMemoryTest, LoadingAModel) {
  const OwnedRuntime runtime = MakeRuntime();
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", "reference"}});
  const std::string path = DataPath("v7-odd.safetensors");
  OwnedModel model;
  Walk(
      [&](skein_error* error) {
        return skein_model_load(runtime.get(), path.c_str(), options.get(), model.out(), error);
      },
      [&] { model.Close(); });
}

TEST_P(OutOfMemoryTest, Devices) {
  const OwnedRuntime runtime = MakeRuntime();
  uint32_t count = 0;
  skein_device_info device = {};
  device.struct_size = sizeof(device);
  skein_plugin_info plugin = {};
  plugin.struct_size = sizeof(plugin);
  std::string text(65536, '\0');
  uint64_t size = 0;
  Walk([&](skein_error* error) { return skein_runtime_device_count(runtime.get(), &count, error); });
  Walk([&](skein_error* error) { return skein_runtime_device_info(runtime.get(), 0, &device, error); });
  Walk([&](skein_error* error) { return skein_runtime_plugin_info(runtime.get(), 0, &plugin, error); });
  Walk(
      [&](skein_error* error) { return skein_runtime_metrics(runtime.get(), text.data(), text.size(), &size, error); });
}

TEST_P(OutOfMemoryWithModelTest, Streams) {
  OwnedStream stream;
  Walk([&](skein_error* error) { return skein_stream_create(model_.get(), nullptr, stream.out(), error); },
       [&] { stream.Close(); });
  stream = MakeStream(model_.get());
  OwnedStream fork;
  Walk([&](skein_error* error) { return skein_stream_fork(stream.get(), fork.out(), error); }, [&] { fork.Close(); });
  const skein_token tokens[] = {5, 6, 7};
  const auto read = [&] {
    SKEIN_CALL(skein_stream_reset, stream.get());
    skein_eval_item item = {};
    item.stream = stream.get();
    item.tokens = tokens;
    item.num_tokens = 3;
    SKEIN_CALL(skein_eval, model_.get(), &item, sizeof(item), 1);
  };
  read();
  Walk([&](skein_error* error) { return skein_stream_set_checkpoint(stream.get(), "a", error); }, read);
  SKEIN_CALL(skein_stream_set_checkpoint, stream.get(), "a");
  skein_checkpoint checkpoints[4];
  uint64_t count = 0;
  Walk([&](skein_error* error) {
    return skein_stream_checkpoints(stream.get(), checkpoints, sizeof(skein_checkpoint), 4, &count, error);
  });
  EXPECT_EQ(count, 1u);
  Walk([&](skein_error* error) { return skein_stream_fork_at(stream.get(), 2, fork.out(), nullptr, error); },
       [&] { fork.Close(); });
  Walk([&](skein_error* error) { return skein_stream_truncate(stream.get(), 2, nullptr, error); }, read);
  // No stream was left behind: there is still room for all of them.
  std::vector<OwnedStream> streams;
  for (int i = 1; i < 8; ++i) streams.push_back(MakeStream(model_.get()));
}

TEST_P(OutOfMemoryWithModelTest, Tokenizers) {
  OwnedTokenizer tokenizer;
  Walk([&](skein_error* error) { return skein_model_tokenizer(model_.get(), tokenizer.out(), error); },
       [&] { tokenizer.Close(); });
  SKEIN_CALL(skein_model_tokenizer, model_.get(), tokenizer.out());
  const std::string text = "Once upon a time there was a small rabbit.";
  std::vector<skein_token> tokens(64);
  uint64_t count = 0;
  Walk([&](skein_error* error) {
    return skein_tokenizer_encode(tokenizer.get(), text.data(), text.size(), tokens.data(), tokens.size(), &count,
                                  error);
  });
  std::string decoded(256, '\0');
  uint64_t size = 0;
  Walk([&](skein_error* error) {
    return skein_tokenizer_decode(tokenizer.get(), tokens.data(), count, decoded.data(), decoded.size(), &size, error);
  });
  EXPECT_EQ(decoded.substr(0, size), text);
}

TEST_P(OutOfMemoryWithModelTest, ChatPrompts) {
  const skein_chat_message messages[] = {
      {.role = "system", .text = "You are a helpful assistant.", .text_bytes = 28},
      {.role = "user", .text = "Tell me a long story about rabbits.", .text_bytes = 35}};
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_CHAT, {{"template", "world"}});
  std::string text(4096, '\0');
  uint64_t size = 0;
  Walk([&](skein_error* error) {
    return skein_model_chat_prompt(model_.get(), messages, sizeof(messages[0]), 2, options.get(), text.data(),
                                   text.size(), &size, error);
  });
}

TEST_P(OutOfMemoryWithModelTest, ReleasingNeedsNoMemory) {
  OwnedStream stream;
  WalkRelease([&] { stream = MakeStream(model_.get()); },
              [&](skein_error* error) { return skein_stream_release(*stream.out(), error); });
  *stream.out() = nullptr;
  OwnedRuntime runtime;
  WalkRelease([&] { runtime = MakeRuntime(); },
              [&](skein_error* error) { return skein_runtime_release(*runtime.out(), error); });
  *runtime.out() = nullptr;
  OwnedModel model;
  WalkRelease([&] { model = LoadModel(runtime_.get(), DataPath("v7-odd.safetensors"), "reference"); },
              [&](skein_error* error) { return skein_model_release(*model.out(), error); });
  *model.out() = nullptr;
  OwnedQueue queue;
  WalkRelease([&] { EXPECT_EQ(skein_queue_create(runtime_.get(), nullptr, queue.out(), nullptr), SKEIN_OK); },
              [&](skein_error* error) { return skein_queue_release(*queue.out(), error); });
  *queue.out() = nullptr;
  OwnedRequest request;
  stream = MakeStream(model_.get());
  WalkRelease([&] { EXPECT_EQ(skein_request_create(stream.get(), request.out(), nullptr), SKEIN_OK); },
              [&](skein_error* error) { return skein_request_release(*request.out(), error); });
  *request.out() = nullptr;
}

TEST_P(OutOfMemoryWithModelTest, ErrorsNeedNoMemory) {
  skein_error error = {};
  AllocationFault fault(0, AllocatingThreads::kThis, AllocationFault::kForever);
  const skein_status status = skein_stream_create(nullptr, nullptr, nullptr, &error);
  fault.Disarm();
  EXPECT_EQ(status, SKEIN_RESOURCE_EXHAUSTED);
  EXPECT_STREQ(error.message, "out of memory");
}

INSTANTIATE_TEST_SUITE_P(Failing, OutOfMemoryTest, ::testing::Values(1, AllocationFault::kForever), FailuresName);
INSTANTIATE_TEST_SUITE_P(Failing, OutOfMemoryWithModelTest, ::testing::Values(1, AllocationFault::kForever),
                         FailuresName);

}  // namespace
}  // namespace skein::test
