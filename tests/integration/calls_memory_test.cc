// Memory that runs out in the calls that out_of_memory_test.cc and request_memory_test.cc do not make: conversions,
// plugins, the log, chats of requests, states.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/integration/allocation_walk.h"
#include "tests/support/drain.h"

namespace skein::test {
namespace {

class CallsMemoryTest : public AllocationWalk {};

class CallsMemoryWithModelTest : public AllocationWalk {
 protected:
  const OwnedRuntime runtime_ = MakeRuntime();
  const OwnedModel model_ = LoadModel(runtime_.get(), SKEIN_DEMO_MODEL, "reference");
  const OwnedStream stream_ = MakeStream(model_.get());
};

// A conversion that fails leaves no file, whole or not.
TEST_P(CallsMemoryTest, Converting) {
  const OwnedRuntime runtime = MakeRuntime();
  const std::string folder = ::testing::TempDir() + "/calls_memory." + std::to_string(getpid());
  std::filesystem::create_directories(folder);
  const std::string from = DataPath("v7-odd.safetensors");
  const std::string to = folder + "/out.skein";
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_CONVERT, {{"name", "small"}, {"type", "q8"}});
  bool is_done = false;
  Walk(
      [&](skein_error* error) {
        const skein_status status = skein_model_convert(runtime.get(), from.c_str(), to.c_str(), options.get(), error);
        is_done = status == SKEIN_OK;
        return status;
      },
      [&] {
        EXPECT_TRUE(std::filesystem::remove(to));
        is_done = false;
      });
  EXPECT_FALSE(is_done);
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  std::filesystem::remove_all(folder);
}

TEST_P(CallsMemoryTest, LoadingAPlugin) {
  const OwnedRuntime first = MakeRuntime();  // as in out_of_memory_test.cc
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_RUNTIME, {}, {{"search", 0}, {"threads", 1}});
  OwnedRuntime runtime;
  ASSERT_EQ(skein_runtime_create(options.get(), runtime.out(), nullptr), SKEIN_OK);
  const std::string plugin = std::string(SKEIN_PLUGIN_DIR) + "/tokenizer-bytes.so";
  const std::string text = DataPath("jonah.txt");
  // Whether it is loaded already, refused or missing: the code is that, or RESOURCE_EXHAUSTED.
  const auto load = [&](const std::string& path, skein_status expected, skein_error* error) {
    const skein_status status = skein_runtime_load_plugin(runtime.get(), path.c_str(), error);
    if (status != expected) return status;
    *error = {};
    return SKEIN_OK;
  };
  SKEIN_CALL(skein_runtime_load_plugin, runtime.get(), plugin.c_str());
  Walk([&](skein_error* error) { return load(plugin, SKEIN_ALREADY_EXISTS, error); });
  Walk([&](skein_error* error) { return load(text, SKEIN_FAILED_PRECONDITION, error); });
  Walk([&](skein_error* error) { return load("/none/such.so", SKEIN_NOT_FOUND, error); });
  uint32_t count = 0;
  SKEIN_CALL(skein_runtime_plugin_count, runtime.get(), &count);
  EXPECT_EQ(count, 4u);
}

TEST_P(CallsMemoryTest, TheLogAndTheProgress) {
  OwnedRuntime runtime;
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_RUNTIME, {{"plugin_path", "a:b:c:d"}});
  std::string line(4097, '\0');
  uint64_t size = 0;
  uint32_t severity = 0;
  skein_progress progress = {};
  progress.struct_size = sizeof(progress);
  SKEIN_CALL(skein_runtime_create, options.get(), runtime.out());
  Walk([&](skein_error* error) {
    return skein_runtime_poll_log(runtime.get(), line.data(), line.size(), &size, &severity, error);
  });
  Walk([&](skein_error* error) { return skein_runtime_progress(runtime.get(), &progress, error); });
  skein_option_info key = {};
  key.struct_size = sizeof(key);
  Walk([&](skein_error* error) { return skein_options_key_info(SKEIN_OPTIONS_REQUEST, 3, &key, error); });
}

TEST_P(CallsMemoryWithModelTest, Descriptions) {
  skein_model_info info = {};
  info.struct_size = sizeof(info);
  Walk([&](skein_error* error) { return skein_model_get_info(model_.get(), &info, error); });
  OwnedTokenizer tokenizer;
  SKEIN_CALL(skein_model_tokenizer, model_.get(), tokenizer.out());
  skein_tokenizer_info of_tokenizer = {};
  of_tokenizer.struct_size = sizeof(of_tokenizer);
  Walk([&](skein_error* error) { return skein_tokenizer_get_info(tokenizer.get(), &of_tokenizer, error); });
}

TEST_P(CallsMemoryWithModelTest, Tenants) {
  const OwnedOptions policy = MakeOptions(SKEIN_OPTIONS_TENANT, {}, {{"max_running", 2}}, {{"weight", 2.0}});
  const char* name = "a tenant whose name is too long to be stored without an allocation";
  const auto reset = [&] { SKEIN_CALL(skein_model_set_tenant, model_.get(), name, nullptr); };
  Walk([&](skein_error* error) { return skein_model_set_tenant(model_.get(), name, policy.get(), error); }, reset);
  skein_load load = {};
  load.struct_size = sizeof(load);
  Walk([&](skein_error* error) { return skein_model_get_load(model_.get(), name, &load, error); });
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_STREAM, {{"tenant", name}});
  OwnedStream stream;
  Walk([&](skein_error* error) { return skein_stream_create(model_.get(), options.get(), stream.out(), error); },
       [&] { stream.Close(); });
  SKEIN_CALL(skein_model_get_load, model_.get(), nullptr, &load);
  EXPECT_EQ(load.num_tenants, 1u) << "that of the test's own stream";
}

TEST_P(CallsMemoryWithModelTest, States) {
  AllLogits(model_.get(), stream_.get(), {65, 66});
  std::vector<float> state(StateOf(stream_.get()).size());
  uint64_t count = 0;
  Walk(
      [&](skein_error* error) { return skein_stream_state(stream_.get(), state.data(), state.size(), &count, error); });
  EXPECT_EQ(state, StateOf(stream_.get()));
  Walk([&](skein_error* error) { return skein_stream_reset(stream_.get(), error); });
}

TEST_P(CallsMemoryWithModelTest, PrefixesAndTheirFiles) {
  AllLogits(model_.get(), stream_.get(), {65, 66});
  const std::string path = ::testing::TempDir() + "/calls_memory." + std::to_string(getpid()) + ".state";
  const char* text = "a text that is too long to be stored without an allocation";
  OwnedPrefix prefix;
  Walk([&](skein_error* error) { return skein_prefix_create(stream_.get(), text, text, prefix.out(), error); },
       [&] { prefix.Close(); });
  SKEIN_CALL(skein_prefix_create, stream_.get(), text, text, prefix.out());
  OwnedStream stream;
  Walk([&](skein_error* error) { return skein_prefix_start(prefix.get(), nullptr, stream.out(), error); },
       [&] { stream.Close(); });
  skein_prefix_info info = {};
  info.struct_size = sizeof(info);
  Walk([&](skein_error* error) { return skein_prefix_get_info(prefix.get(), &info, error); });
  const auto remove = [&] { EXPECT_TRUE(std::filesystem::remove(path)); };
  Walk([&](skein_error* error) { return skein_prefix_save(prefix.get(), path.c_str(), 0, error); }, remove);
  Walk([&](skein_error* error) { return skein_stream_save(stream_.get(), path.c_str(), 0, error); }, remove);
  EXPECT_FALSE(std::filesystem::exists(path)) << "a call that failed left a file";
  SKEIN_CALL(skein_prefix_save, prefix.get(), path.c_str(), 0u);
  OwnedPrefix loaded;
  Walk([&](skein_error* error) { return skein_prefix_load(model_.get(), path.c_str(), loaded.out(), error); },
       [&] { loaded.Close(); });
  Walk([&](skein_error* error) { return skein_stream_load(stream_.get(), path.c_str(), error); });
  uint64_t size = 0;
  char buffer[4096];
  Walk([&](skein_error* error) {
    return skein_snapshot_describe(path.c_str(), nullptr, buffer, sizeof(buffer), &size, error);
  });
  std::filesystem::remove(path);
}

TEST_P(CallsMemoryWithModelTest, ThePartsOfARequest) {
  OwnedRequest request;
  Walk([&](skein_error* error) { return skein_request_create(stream_.get(), request.out(), error); },
       [&] { request.Close(); });
  SKEIN_CALL(skein_request_create, stream_.get(), request.out());
  const skein_chat_message messages[] = {
      {.role = "user", .text = "Tell me a story that is long enough to need memory.", .text_bytes = 51}};
  const OwnedOptions chat = MakeOptions(SKEIN_OPTIONS_CHAT, {{"template", "g1"}, {"think", "on"}});
  Walk([&](skein_error* error) {
    return skein_request_set_chat(request.get(), messages, sizeof(messages[0]), 1, chat.get(), error);
  });
  const std::vector<skein_token> tokens(100, 65);
  Walk([&](skein_error* error) {
    return skein_request_set_prompt_tokens(request.get(), tokens.data(), tokens.size(), error);
  });
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_REQUEST, {}, {{"window", 2}, {"max_tokens", 3}});
  Walk([&](skein_error* error) { return skein_request_set_options(request.get(), options.get(), error); });
}

TEST_P(CallsMemoryWithModelTest, ScoresAndEmbeddings) {
  const std::vector<skein_token> tokens = {65, 66, 67};
  float logprobs[3] = {};
  skein_logprob top[6] = {};
  skein_score_item scores[2] = {};
  for (skein_score_item& item : scores) {
    item.stream = stream_.get();
    item.tokens = tokens.data();
    item.num_tokens = 3;
    item.num_top = 2;
  }
  scores[0].logprobs = logprobs;
  scores[0].top = top;
  skein_logprob other_top[6] = {};
  scores[1].top = other_top;
  const double known = [&] {
    EXPECT_EQ(skein_score(model_.get(), scores, sizeof(scores[0]), 2, nullptr), SKEIN_OK);
    return scores[0].logprob;
  }();
  Walk([&](skein_error* error) {
    const skein_status status = skein_score(model_.get(), scores, sizeof(scores[0]), 2, error);
    for (const skein_score_item& item : scores) {
      if (item.status == SKEIN_OK) {
        EXPECT_EQ(item.logprob, known);
      }
    }
    return status;
  });
  std::vector<float> embedding(InfoOf(model_.get()).d_model);
  skein_embed_item item = {};
  item.text = "And";
  item.text_bytes = 3;
  item.embedding = embedding.data();
  item.capacity = embedding.size();
  Walk([&](skein_error* error) { return skein_embed(model_.get(), &item, sizeof(item), 1, error); });
}

TEST_P(CallsMemoryWithModelTest, LogprobsOfARequest) {
  OwnedQueue queue;
  SKEIN_CALL(skein_queue_create, runtime_.get(), nullptr, queue.out());
  OwnedRequest request;
  SKEIN_CALL(skein_request_create, stream_.get(), request.out());
  SKEIN_CALL(skein_request_set_prompt, request.get(), "And", uint64_t{3});
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_REQUEST, {}, {{"prompt_logprobs", 3}, {"max_tokens", 1}});
  SKEIN_CALL(skein_request_set_options, request.get(), options.get());
  const skein_request handle = request.get();
  SKEIN_CALL(skein_queue_submit, queue.get(), &handle, 1);
  DrainUntilEnded(queue.get(), 1);
  skein_logprob rows[12] = {};
  uint64_t count = 0;
  Walk([&](skein_error* error) {
    return skein_request_logprobs(handle, SKEIN_SAMPLE_PROMPT, 0, 3, rows, 12, &count, error);
  });
  EXPECT_EQ(count, 12u);
  EXPECT_EQ(rows[4].token, uint32_t{'n'});
}

TEST_P(CallsMemoryWithModelTest, Wakeups) {
  OwnedQueue queue;
  SKEIN_CALL(skein_queue_create, runtime_.get(), nullptr, queue.out());
  int32_t fd = -1;
  Walk([&](skein_error* error) { return skein_queue_fd(queue.get(), &fd, error); });
  Walk([&](skein_error* error) {
    return skein_queue_set_wakeup(
        queue.get(), [](void*) {}, nullptr, error);
  });
}

INSTANTIATE_TEST_SUITE_P(Failing, CallsMemoryTest, ::testing::Values(1, AllocationFault::kForever), FailuresName);
INSTANTIATE_TEST_SUITE_P(Failing, CallsMemoryWithModelTest, ::testing::Values(1, AllocationFault::kForever),
                         FailuresName);

}  // namespace
}  // namespace skein::test
