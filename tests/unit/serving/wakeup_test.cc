#include "serving/wakeup.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace skein {
namespace {

TEST(WakeupTest, CallsTheCallbackThatIsSet) {
  Wakeup wakeup;
  int calls = 0;
  wakeup.Call();
  wakeup.Set([](void* argument) { ++*static_cast<int*>(argument); }, &calls);
  EXPECT_EQ(calls, 0) << "what came before is not called for";
  wakeup.Call();
  EXPECT_EQ(calls, 1);
  wakeup.Set(nullptr, nullptr);
  wakeup.Call();
  EXPECT_EQ(calls, 1);
}

TEST(WakeupTest, CallFromWithinMakesItRunOnceMore) {
  struct Nested {
    Wakeup wakeup;
    int calls = 0;
    int depth = 0;
  } nested;
  nested.wakeup.Set(
      [](void* argument) {
        Nested& self = *static_cast<Nested*>(argument);
        EXPECT_EQ(++self.depth, 1) << "it is not entered twice";
        if (++self.calls == 1) self.wakeup.Call();
        --self.depth;
      },
      &nested);
  nested.wakeup.Call();
  EXPECT_EQ(nested.calls, 2);
}

TEST(WakeupTest, CallbackMayTakeItselfBack) {
  struct Self {
    Wakeup wakeup;
    int calls = 0;
  } self;
  self.wakeup.Set(
      [](void* argument) {
        ++static_cast<Self*>(argument)->calls;
        static_cast<Self*>(argument)->wakeup.Set(nullptr, nullptr);
      },
      &self);
  self.wakeup.Call();
  self.wakeup.Call();
  EXPECT_EQ(self.calls, 1);
}

TEST(WakeupTest, AfterItWasTakenBackItIsNotRunning) {
  for (int round = 0; round < 200; ++round) {
    Wakeup wakeup;
    std::atomic<bool> is_alive{true};
    std::atomic<bool> was_late{false};
    struct Argument {
      std::atomic<bool>& is_alive;
      std::atomic<bool>& was_late;
    } argument = {is_alive, was_late};
    wakeup.Set(
        [](void* opaque) {
          const Argument& seen = *static_cast<Argument*>(opaque);
          std::this_thread::yield();
          if (!seen.is_alive) seen.was_late = true;
        },
        &argument);
    std::atomic<bool> is_stopped{false};
    std::thread caller([&] {
      while (!is_stopped) wakeup.Call();
    });
    std::this_thread::yield();
    wakeup.Set(nullptr, nullptr);
    is_alive = false;
    is_stopped = true;
    caller.join();
    EXPECT_FALSE(was_late);
  }
}

}  // namespace
}  // namespace skein
