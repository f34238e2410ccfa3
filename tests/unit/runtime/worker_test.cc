#include "runtime/worker.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>

namespace skein {
namespace {

// Told to stop by the end of the process, a worker's owner may let go of the last part of a runtime.
TEST(WorkerTest, ARuntimeMayEndWhileItsWorkerIsTold) {
  EXPECT_EXIT(
      {
        alarm(20);
        auto life = std::make_shared<RuntimeLife>();
        static std::atomic<bool> is_told = false;
        const bool started = StartWorker(
            [] {
              while (!is_told) std::this_thread::yield();
            },
            [life = std::move(life)]() mutable {
              life.reset();
              is_told = true;
            });
        std::exit(started ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace skein
