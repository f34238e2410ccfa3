// Hosts that fork. A child may use the library if no runtime was alive at the fork; else every call is refused, and the
// child ends as it likes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/host.h"

// Turns the leak checker off: a child of a fork has none of its parent's threads, whose memory would count as lost.
// NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" __attribute__((visibility("default"))) int __lsan_is_turned_off() { return 1; }

namespace skein::test {
namespace {

using std::chrono::steady_clock;
using ::testing::HasSubstr;

// Runs `body` in a forked child. The child ends by exit, with all exit handlers, and is killed after a minute.
class Child {
 public:
  explicit Child(const std::function<std::string()>& body) {
    EXPECT_EQ(pipe(ends_), 0);
    std::fflush(nullptr);  // the child would write the same text again
    pid_ = fork();
    if (pid_ == 0) {
      alarm(60);
      const std::string text = body();
      if (write(ends_[1], text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::exit(2);
      std::exit(::testing::Test::HasFailure() ? 1 : 0);
    }
    close(ends_[1]);
  }
  ~Child() { close(ends_[0]); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  std::string Finish() {
    std::string text;
    char piece[4096];
    while (true) {
      const ssize_t size = read(ends_[0], piece, sizeof(piece));
      if (size <= 0) break;
      text.append(piece, static_cast<size_t>(size));
    }
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    EXPECT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), 0);
    return text;
  }

 private:
  int ends_[2] = {-1, -1};
  pid_t pid_ = -1;
};

// The bytes of the logits of a small model that is loaded and run here.
std::string Use(const std::string& device) {
  const OwnedRuntime runtime = MakeRuntime();
  const OwnedModel model = LoadModel(runtime.get(), DataPath("v7-odd.safetensors"), device);
  const OwnedStream stream = MakeStream(model.get());
  const std::vector<float> logits = AllLogits(model.get(), stream.get(), {1, 2, 3, 4, 5, 6, 7, 8, 9});
  return {reinterpret_cast<const char*>(logits.data()), logits.size() * sizeof(float)};
}

class ForkTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
#if defined(__SANITIZE_THREAD__)
    GTEST_SKIP() << "the thread sanitizer allows no threads in a child of a process that had several";
#endif
  }
};

TEST_P(ForkTest, AChildMayBeTheFirstToUseTheLibrary) {
  EXPECT_NE(skein_version(), nullptr);
  const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {});  // no runtime
  Child child([] { return Use(GetParam()); });
  const std::string logits = child.Finish();
  EXPECT_EQ(logits, Use(GetParam()));
  EXPECT_FALSE(logits.empty());
}

TEST_P(ForkTest, AServerMayForkItsWorkersBeforeTheyUseTheLibrary) {
  std::vector<std::unique_ptr<Child>> workers;
  for (int i = 0; i < 4; ++i) workers.push_back(std::make_unique<Child>([] { return Use(GetParam()); }));
  const std::string logits = Use(GetParam());
  for (const auto& worker : workers) EXPECT_EQ(worker->Finish(), logits);
}

// The threads of oneTBB outlive a runtime. The child makes new ones.
TEST_P(ForkTest, AChildMayUseTheLibraryAfterAllIsReleased) {
  for (int i = 0; i < 8; ++i) {
    const std::string logits = Use(GetParam());
    Child child([] { return Use(GetParam()) + Use(GetParam()); });
    EXPECT_EQ(child.Finish(), logits + logits) << i;
  }
}

// A daemon forks twice, and the first child ends.
TEST_P(ForkTest, ADaemonMayUseTheLibrary) {
  Child child([] {
    setsid();
    Child daemon([] { return Use(GetParam()); });
    return daemon.Finish();
  });
  EXPECT_EQ(child.Finish(), Use(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Devices, ForkTest, ::testing::Values("reference", "cpu"),
                         [](const auto& row) { return std::string(row.param); });

size_t NumThreads() {
  size_t num_threads = 0;
  for ([[maybe_unused]] const auto& thread : std::filesystem::directory_iterator("/proc/self/task")) ++num_threads;
  return num_threads;
}

// The child's model has its engine's thread, and the arena at least one thread beside the caller's.
TEST(ForkWithThreadsTest, AChildComputesOnThreadsOfItsOwn) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the thread sanitizer allows no threads in a child of a process that had several";
#endif
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "one core: there is no thread beside the caller's";
  Use("cpu");
  Child child([] {
    const OwnedRuntime runtime = MakeRuntime();
    const OwnedModel model = LoadModel(runtime.get(), "synthetic:C=256,L=2,V=512", "cpu");
    const OwnedStream stream = MakeStream(model.get());
    for (int i = 0; i < 10; ++i) AllLogits(model.get(), stream.get(), std::vector<uint32_t>(64, 1));
    return std::to_string(NumThreads());
  });
  EXPECT_GE(std::stoi(child.Finish()), 3);
}

// --- with a runtime ---

std::string Refused() {
  skein_error error = {};
  skein_runtime runtime = nullptr;
  EXPECT_EQ(skein_runtime_create(nullptr, &runtime, &error), SKEIN_FAILED_PRECONDITION);
  EXPECT_EQ(skein_runtime_release(nullptr, nullptr), SKEIN_FAILED_PRECONDITION);
  return error.message;
}

TEST(ForkWithARuntimeTest, AChildIsRefusedAndEndsAtOnce) {
  const OwnedRuntime runtime = MakeRuntime();
  for (const bool has_model : {false, true}) {
    OwnedModel model;
    if (has_model) model = LoadModel(runtime.get(), DataPath("v7-odd.safetensors"), "cpu");
    const auto start = steady_clock::now();
    Child child(Refused);
    EXPECT_THAT(child.Finish(), HasSubstr("forked while its parent had a skein runtime"));
    EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(5));
  }
  EXPECT_EQ(DeviceNames(runtime.get()).size(), 2u) << "the parent goes on";
}

TEST(ForkWithARuntimeTest, EachKindOfHandleKeepsTheRuntime) {
  OwnedRuntime runtime = MakeRuntime();
  OwnedTokenizer tokenizer;
  SKEIN_CALL(skein_tokenizer_load, runtime.get(), "bytes", nullptr, tokenizer.out());
  runtime.Close();
  Child child(Refused);
  EXPECT_NE(child.Finish(), "");
}

TEST(ForkWithARuntimeTest, AGrandchildIsRefusedLikeItsParent) {
  const OwnedRuntime runtime = MakeRuntime();
  Child child([] {
    Child grandchild(Refused);
    return grandchild.Finish();
  });
  EXPECT_THAT(child.Finish(), HasSubstr("forked while its parent had a skein runtime"));
}

TEST(ForkWithARuntimeTest, AChildThatUsesTheLibraryHasChildrenThatMayNot) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the thread sanitizer allows no threads in a child of a process that had several";
#endif
  Child child([] {
    const OwnedRuntime runtime = MakeRuntime();
    Child grandchild(Refused);
    return grandchild.Finish();
  });
  EXPECT_THAT(child.Finish(), HasSubstr("forked while its parent had a skein runtime"));
}

// A fork while another thread is inside a call: the child neither hangs nor crashes, whatever that thread held.
TEST(ForkWithARuntimeTest, AForkMayComeDuringAnyCall) {
  std::atomic<bool> stops{false};
  std::thread caller([&stops] {
    while (!stops) {
      const OwnedOptions options = MakeOptions(SKEIN_OPTIONS_MODEL, {{"device", "cpu"}});
      OwnedRuntime runtime = MakeRuntime();
    }
  });
  for (int i = 0; i < 30; ++i) {
    Child child([] {
      skein_options options = nullptr;
      const skein_status status = skein_options_create(SKEIN_OPTIONS_MODEL, &options, nullptr);
      EXPECT_TRUE(status == SKEIN_OK || status == SKEIN_FAILED_PRECONDITION);
      return std::string("alive");
    });
    EXPECT_EQ(child.Finish(), "alive");
  }
  stops = true;
  caller.join();
}

}  // namespace
}  // namespace skein::test
