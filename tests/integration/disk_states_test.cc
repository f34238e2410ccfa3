// Processes one after the other, and beside each other, with a folder for states. Each child is the first in its
// process to use the library: this program itself does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/drain.h"
#include "tests/support/host.h"

// Turns the leak checker off: a child that is killed frees nothing.
// NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" __attribute__((visibility("default"))) int __lsan_is_turned_off() { return 1; }

namespace skein::test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace fs = std::filesystem;

struct Answer {
  std::vector<uint32_t> tokens;
  uint64_t num_cached;
};

class DiskStatesTest : public ::testing::Test {
 protected:
  static constexpr uint32_t kPromptTokens = 300;

  DiskStatesTest()
      : folder_(::testing::TempDir() + "/skein_disk_states_" +
                ::testing::UnitTest::GetInstance()->current_test_info()->name() + "_" + std::to_string(getpid())) {
    fs::remove_all(folder_);
  }
  ~DiskStatesTest() override { fs::remove_all(folder_); }

  // Runs `body` in a child, which ends by exit or as `body` ends it.
  static int StatusOf(const std::function<void()>& body) {
    std::fflush(nullptr);  // the child would write the same text again
    const pid_t child = fork();
    if (child == 0) {
      alarm(120);
      body();
      std::exit(::testing::Test::HasFailure() ? 1 : 0);
    }
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return status;
  }
  static void InProcess(const std::function<void()>& body) {
    const int status = StatusOf(body);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  static void InProcessThatIsKilled(const std::function<void()>& body) {
    const int status = StatusOf([&] {
      body();
      if (!::testing::Test::HasFailure()) kill(getpid(), SIGKILL);
    });
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  }

  using Texts = std::vector<std::pair<std::string, std::string>>;

  skein_status TryLoad(skein_runtime runtime, const Texts& more, OwnedModel& model, skein_error& error) const {
    Texts texts = {{"device", "cpu"}, {"type", "q8"}, {"state_folder", folder_}};
    texts.insert(texts.end(), more.begin(), more.end());
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, texts, {{"calibrate", 0}});
    return skein_model_load(runtime, SKEIN_DEMO_MODEL, options.get(), model.out(), &error);
  }
  OwnedModel Load(skein_runtime runtime, const Texts& more = {}) const {
    OwnedModel model;
    skein_error error = {};
    EXPECT_TRUE(Ok(TryLoad(runtime, more, model, error), error));
    return model;
  }

  // The answer to prompt `number` on a new stream.
  static Answer Ask(skein_runtime runtime, skein_model model, uint32_t number, const std::string& salt = "") {
    return Ask(runtime, model, number, salt, kPromptTokens);
  }
  // The same for a prompt that goes on behind that one.
  static Answer AskMore(skein_runtime runtime, skein_model model, uint32_t number, const std::string& salt = "") {
    return Ask(runtime, model, number, salt, kPromptTokens + 20);
  }
  static Answer Ask(skein_runtime runtime, skein_model model, uint32_t number, const std::string& salt,
                    uint32_t num_tokens) {
    OwnedQueue queue;
    EXPECT_EQ(skein_queue_create(runtime, nullptr, queue.out(), nullptr), SKEIN_OK);
    const OwnedOptions stream_options = MakeOptions(SKEIN_OPTIONS_STREAM, {{"cache_salt", salt}});
    OwnedStream stream;
    EXPECT_EQ(skein_stream_create(model, stream_options.get(), stream.out(), nullptr), SKEIN_OK);
    const OwnedOptions options =
        MakeOptions(SKEIN_OPTIONS_REQUEST, {}, {{"max_tokens", 8}, {"seed", 1}, {"stop_at_end", 0}});
    OwnedRequest request;
    skein_error error = {};
    EXPECT_TRUE(Ok(skein_request_create(stream.get(), request.out(), &error), error));
    EXPECT_TRUE(Ok(skein_request_set_options(request.get(), options.get(), &error), error));
    EXPECT_EQ(skein_request_set_user_data(request.get(), 1, nullptr), SKEIN_OK);
    std::vector<uint32_t> prompt(num_tokens);
    for (uint32_t i = 0; i < num_tokens; ++i) prompt[i] = 1 + (i * 31 + number * 17) % 200;
    EXPECT_EQ(skein_request_set_prompt_tokens(request.get(), prompt.data(), prompt.size(), nullptr), SKEIN_OK);
    skein_request handle = request.get();
    EXPECT_TRUE(Ok(skein_queue_submit(queue.get(), &handle, 1, &error), error));
    Delivered delivered = DrainUntilEnded(queue.get(), 1)[1];
    EXPECT_EQ(delivered.end, uint32_t{SKEIN_EVENT_DONE});
    return {delivered.tokens, delivered.num_cached_tokens};
  }

  std::vector<std::string> Files() const {
    std::vector<std::string> paths;
    for (const auto& entry : fs::directory_iterator(folder_)) paths.push_back(entry.path());
    return paths;
  }
  // Waits until as many states were written wholly.
  void WaitForStates(size_t num_states) const {
    size_t num_found = 0;
    while (num_found < num_states) {
      std::this_thread::yield();
      num_found = 0;
      for (const std::string& path : Files()) {
        std::ifstream file(path, std::ios::binary);
        const std::string bytes(std::istreambuf_iterator<char>(file), {});
        for (size_t at = bytes.find("SKEINBLK"); at != bytes.npos; at = bytes.find("SKEINBLK", at + 1)) ++num_found;
      }
    }
  }

  const std::string folder_;
};

TEST_F(DiskStatesTest, NextProcessGoesOnFromTheStatesOfTheLast) {
  InProcess([&] {
    const OwnedRuntime runtime = MakeRuntime();
    const OwnedModel model = Load(runtime.get());
    EXPECT_EQ(Ask(runtime.get(), model.get(), 1).num_cached, 0u);
    EXPECT_EQ(Ask(runtime.get(), model.get(), 2).num_cached, 0u);
  });
  InProcess([&] {
    const OwnedRuntime runtime = MakeRuntime();
    const OwnedModel model = Load(runtime.get());
    const OwnedModel alone = Load(runtime.get(), {{"state_folder", ""}});
    for (const uint32_t number : {1u, 2u}) {
      const Answer answer = AskMore(runtime.get(), model.get(), number);
      EXPECT_EQ(answer.num_cached, kPromptTokens) << number;
      EXPECT_EQ(answer.tokens, AskMore(runtime.get(), alone.get(), number).tokens);
    }
  });
}

TEST_F(DiskStatesTest, StatesSurviveAProcessThatIsKilled) {
  InProcessThatIsKilled([&] {
    const OwnedRuntime runtime = MakeRuntime();
    const OwnedModel model = Load(runtime.get());
    Ask(runtime.get(), model.get(), 1);
    WaitForStates(2);
  });
  InProcess([&] {
    const OwnedRuntime runtime = MakeRuntime();
    const OwnedModel model = Load(runtime.get());
    EXPECT_EQ(AskMore(runtime.get(), model.get(), 1).num_cached, kPromptTokens);
  });
}

TEST_F(DiskStatesTest, StreamMovesToAnotherProcessWithOtherDevicesAndType) {
  const std::string file = folder_ + ".stream", values = folder_ + ".values";
  const auto tokens = [](uint32_t count) {
    std::vector<uint32_t> some(count);
    for (uint32_t i = 0; i < count; ++i) some[i] = 1 + i * 31 % 200;
    return some;
  };
  InProcess([&] {
    const OwnedRuntime runtime = MakeRuntime();
    const OwnedModel model = Load(runtime.get());
    const OwnedStream stream = MakeStream(model.get());
    AllLogits(model.get(), stream.get(), tokens(300));
    SKEIN_CALL(skein_stream_set_checkpoint, stream.get(), "here");
    AllLogits(model.get(), stream.get(), {9, 8, 7});
    SKEIN_CALL(skein_stream_save, stream.get(), file.c_str(), SKEIN_SAVE_PAST);
    const std::vector<float> state = StateOf(stream.get());
    std::ofstream(values, std::ios::binary)
        .write(reinterpret_cast<const char*>(state.data()), static_cast<std::streamsize>(state.size() * sizeof(float)));
  });
  InProcess([&] {
    const OwnedRuntime runtime = MakeRuntime();
    const OwnedModel model = LoadModel(runtime.get(), SKEIN_DEMO_MODEL, "cpu=0-1,reference=2-3", "f32");
    const OwnedStream stream = MakeStream(model.get());
    SKEIN_CALL(skein_stream_load, stream.get(), file.c_str());
    const std::vector<float> state = StateOf(stream.get());
    std::string bytes(reinterpret_cast<const char*>(state.data()), state.size() * sizeof(float));
    EXPECT_TRUE(bytes == ReadFile(values)) << "the state is another";
    std::vector<uint32_t> read(303);
    uint64_t count = 0;
    SKEIN_CALL(skein_stream_tokens, stream.get(), uint64_t{0}, read.data(), uint64_t{read.size()}, &count);
    std::vector<uint32_t> expected = tokens(300);
    expected.insert(expected.end(), {9, 8, 7});
    EXPECT_EQ(read, expected);
    uint64_t num_replayed = 1;
    SKEIN_CALL(skein_stream_truncate, stream.get(), uint64_t{300}, &num_replayed);
    EXPECT_EQ(num_replayed, 0u) << "the named state came along";
  });
  fs::remove(file);
  fs::remove(values);
}

TEST_F(DiskStatesTest, AnotherSaltIsNotServedAfterARestart) {
  InProcess([&] {
    const OwnedRuntime runtime = MakeRuntime();
    const OwnedModel model = Load(runtime.get());
    Ask(runtime.get(), model.get(), 1, "one");
  });
  InProcess([&] {
    const OwnedRuntime runtime = MakeRuntime();
    const OwnedModel model = Load(runtime.get());
    EXPECT_EQ(AskMore(runtime.get(), model.get(), 1, "other").num_cached, 0u);
    EXPECT_EQ(AskMore(runtime.get(), model.get(), 1, "one").num_cached, kPromptTokens);
  });
}

TEST_F(DiskStatesTest, AnotherTypeIsNotServedAfterARestart) {
  InProcess([&] {
    const OwnedRuntime runtime = MakeRuntime();
    const OwnedModel model = Load(runtime.get());
    Ask(runtime.get(), model.get(), 1);
  });
  InProcess([&] {
    const OwnedRuntime runtime = MakeRuntime();
    const OwnedModel model = Load(runtime.get(), {{"type", "q4"}});
    EXPECT_EQ(AskMore(runtime.get(), model.get(), 1).num_cached, 0u);
  });
}

TEST_F(DiskStatesTest, StatesThatWereChangedOnDiskAreReadAnew) {
  InProcess([&] {
    const OwnedRuntime runtime = MakeRuntime();
    const OwnedModel model = Load(runtime.get());
    Ask(runtime.get(), model.get(), 1);
  });
  for (const std::string& path : Files()) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    for (uint64_t at = 4096 + 1000; at < fs::file_size(path); at += 5000) file.seekp(at).put('\x55');
  }
  InProcess([&] {
    const OwnedRuntime runtime = MakeRuntime();
    const OwnedModel model = Load(runtime.get());
    const OwnedModel alone = Load(runtime.get(), {{"state_folder", ""}});
    const Answer answer = AskMore(runtime.get(), model.get(), 1);
    EXPECT_EQ(answer.num_cached, 0u);
    EXPECT_EQ(answer.tokens, AskMore(runtime.get(), alone.get(), 1).tokens);
  });
}

TEST_F(DiskStatesTest, TwoProcessesShareAFolder) {
  InProcess([&] {
    const OwnedRuntime runtime = MakeRuntime();
    const OwnedModel model = Load(runtime.get());
    const OwnedModel beside = Load(runtime.get());
    EXPECT_EQ(Files().size(), 2u);
    Ask(runtime.get(), model.get(), 1);
    Ask(runtime.get(), beside.get(), 2);
  });
  InProcess([&] {
    const OwnedRuntime runtime = MakeRuntime();
    const OwnedModel model = Load(runtime.get());
    EXPECT_EQ(AskMore(runtime.get(), model.get(), 1).num_cached, kPromptTokens);
    EXPECT_EQ(AskMore(runtime.get(), model.get(), 2).num_cached, kPromptTokens);
  });
}

TEST_F(DiskStatesTest, FolderThatIsDeletedDisturbsNobody) {
  InProcess([&] {
    const OwnedRuntime runtime = MakeRuntime();
    const OwnedModel model = Load(runtime.get());
    Ask(runtime.get(), model.get(), 1);
    fs::remove_all(folder_);
    EXPECT_EQ(AskMore(runtime.get(), model.get(), 1).num_cached, kPromptTokens);
  });
}

TEST_F(DiskStatesTest, WithoutAPrefixCacheNothingIsLeft) {
  InProcess([&] {
    const OwnedRuntime runtime = MakeRuntime();
    const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", "cpu"}, {"state_folder", folder_}},
                                             {{"calibrate", 0}, {"prefix_cache", 0}});
    OwnedModel model;
    ASSERT_EQ(skein_model_load(runtime.get(), SKEIN_DEMO_MODEL, options.get(), model.out(), nullptr), SKEIN_OK);
    Ask(runtime.get(), model.get(), 1);
  });
  EXPECT_THAT(Files(), IsEmpty());
}

// By prefix_cache 0 nothing in the file serves another process.
TEST_F(DiskStatesTest, ProcessThatReleasesNothingLeavesNoFile) {
  InProcess([&] {
    // As in a host that knows nothing of its end: no handle is released.
    auto& runtime = *new OwnedRuntime(MakeRuntime());
    auto& model = *new OwnedModel();
    auto& streams = *new std::vector<OwnedStream>();
    const OwnedOptions options = MakeOptions(
        SKEIN_OPTIONS_MODEL,
        {{"device", "cpu"}, {"state_folder", folder_}, {"state_memory", "1MiB"}, {"state_host_memory", "2MiB"}},
        {{"calibrate", 0}, {"prefix_cache", 0}, {"max_batch_streams", 1}});
    skein_error error = {};
    ASSERT_TRUE(Ok(skein_model_load(runtime.get(), SKEIN_DEMO_MODEL, options.get(), model.out(), &error), error));
    for (int i = 0; i < 40; ++i) {
      streams.push_back(MakeStream(model.get()));
      AllLogits(model.get(), streams.back().get(), {1});
    }
    ASSERT_FALSE(Files().empty());
  });
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(DiskStatesTest, OptionsThatCannotBeAreRefusedByName) {
  InProcess([&] {
    const OwnedRuntime runtime = MakeRuntime();
    OwnedModel model;
    skein_error error = {};
    EXPECT_EQ(TryLoad(runtime.get(), {{"state_disk", "1KiB"}}, model, error), SKEIN_INVALID_ARGUMENT);
    EXPECT_THAT(error.message, HasSubstr("state_disk of 1024 bytes; expected room for one state of this model"));
    EXPECT_EQ(TryLoad(runtime.get(), {{"state_disk", "much"}}, model, error), SKEIN_INVALID_ARGUMENT);
    EXPECT_THAT(error.message, HasSubstr("state_disk"));
    EXPECT_EQ(TryLoad(runtime.get(), {{"state_host_memory", "0"}}, model, error), SKEIN_INVALID_ARGUMENT);
    EXPECT_THAT(error.message, HasSubstr("state_host_memory has room for 0 of them; expected at least 4"));
    EXPECT_EQ(TryLoad(runtime.get(), {{"state_folder", folder_ + "/no/such"}}, model, error), SKEIN_NOT_FOUND);
    EXPECT_THAT(error.message, HasSubstr("state_folder: " + folder_ + "/no/such"));
  });
}

}  // namespace
}  // namespace skein::test
