// A host with closed standard streams: the library leaves their numbers free, because whoever prints would write into
// its descriptors.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>

#include "skein/skein.h"
#include "tests/support/host.h"

namespace skein::test {
namespace {

[[noreturn]] void Exit(int code) { std::_Exit(code); }

void Need(skein_status status, int code) {
  if (status != SKEIN_OK) Exit(code);
}

void NeedClosedStreams(int code) {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(descriptor, F_GETFD) >= 0) Exit(code + descriptor);
  }
}

void UseEverything(const std::string& out) {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) close(descriptor);
  skein_runtime runtime = nullptr;
  Need(skein_runtime_create(nullptr, &runtime, nullptr), 10);
  NeedClosedStreams(20);
  skein_model model = nullptr;
  Need(skein_model_load(runtime, SKEIN_DEMO_MODEL, nullptr, &model, nullptr), 11);
  NeedClosedStreams(30);
  int32_t fd = -1;
  for (int i = 0; i < 3; ++i) {
    skein_queue queue = nullptr;
    Need(skein_queue_create(runtime, nullptr, &queue, nullptr), 12);
    Need(skein_queue_fd(queue, &fd, nullptr), 13);
    if (fd <= STDERR_FILENO) Exit(40 + fd);
    NeedClosedStreams(50);
  }
  Need(skein_model_convert(runtime, SKEIN_DEMO_MODEL, out.c_str(), nullptr, nullptr), 14);
  NeedClosedStreams(60);
  Exit(0);
}

TEST(ClosedStreamsTest, TheirNumbersStayFree) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const std::string out = ::testing::TempDir() + "skein-closed-" + std::to_string(getpid()) + ".skein";
  EXPECT_EXIT(UseEverything(out), ::testing::ExitedWithCode(0), "");
  unlink(out.c_str());
}

// A thread of the host looks at the number of its closed output while another converts. The moment between opening a
// file and giving it a higher number is not to be avoided. A file that keeps the number is there most of the time.
void LookWhileConverting(const std::string& out) {
  close(STDOUT_FILENO);
  skein_runtime runtime = nullptr;
  Need(skein_runtime_create(nullptr, &runtime, nullptr), 10);
  std::atomic<bool> ends{false};
  uint64_t num_looks = 0;
  uint64_t num_open = 0;
  std::thread looker([&] {
    for (; !ends; ++num_looks) num_open += fcntl(STDOUT_FILENO, F_GETFD) >= 0 ? 1 : 0;
  });
  for (int i = 0; i < 20; ++i) {
    Need(skein_model_convert(runtime, SKEIN_DEMO_MODEL, out.c_str(), nullptr, nullptr), 14);
    unlink(out.c_str());
  }
  ends = true;
  looker.join();
  Exit(num_open * 10 < num_looks ? 0 : 1);
}

TEST(ClosedStreamsTest, NoFileOfAConversionKeepsOne) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const std::string out = ::testing::TempDir() + "skein-looked-" + std::to_string(getpid()) + ".skein";
  EXPECT_EXIT(LookWhileConverting(out), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace skein::test
