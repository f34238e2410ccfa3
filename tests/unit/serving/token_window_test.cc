#include "serving/token_window.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace skein {
namespace {

TEST(TokenWindowTest, FullAtItsSizeUntilTheReaderAcknowledges) {
  TokenWindow window;
  window.SetSize(2);
  window.OnPushed();
  EXPECT_FALSE(window.IsFull());
  window.OnPushed();
  EXPECT_TRUE(window.IsFull());
  window.OnDelivered();
  EXPECT_TRUE(window.IsFull()) << "to be delivered is not to be acknowledged";
  EXPECT_TRUE(window.Acknowledge(1).ok());
  EXPECT_FALSE(window.IsFull());
}

TEST(TokenWindowTest, NoMoreIsAcknowledgedThanWasDelivered) {
  TokenWindow window;
  window.SetSize(8);
  window.OnPushed();
  window.OnPushed();
  window.OnDelivered();
  EXPECT_TRUE(absl::IsInvalidArgument(window.Acknowledge(2)));
  EXPECT_TRUE(window.Acknowledge(1).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(window.Acknowledge(1)));
}

TEST(TokenWindowTest, WithoutAWindowDeliveryAcknowledgesAndTheHostCannot) {
  TokenWindow window;
  window.OnPushed();
  EXPECT_TRUE(absl::IsFailedPrecondition(window.Acknowledge(1)));
  EXPECT_FALSE(window.OnDelivered()) << "nobody waited";
  EXPECT_TRUE(absl::IsFailedPrecondition(window.Acknowledge(0)));
}

TEST(TokenWindowTest, WithoutAWindowAReaderThatNeverPollsStopsTheRequest) {
  TokenWindow window;
  for (uint64_t i = 0; i < TokenWindow::kDefaultSize; ++i) window.OnPushed();
  EXPECT_TRUE(window.IsFull());
  EXPECT_TRUE(window.OnDelivered()) << "somebody may wait";
  EXPECT_FALSE(window.IsFull());
}

// A writer waits whenever the window is full, until it is told to go on. It gets on, whatever the reader's timing.
TEST(TokenWindowTest, WriterThatWaitsIsAlwaysTold) {
  constexpr uint64_t kTokens = 200000;
  TokenWindow window;
  std::atomic<uint64_t> num_pushed{0};
  std::atomic<uint64_t> num_told{0};
  std::thread reader([&] {
    for (uint64_t i = 0; i < kTokens; ++i) {
      while (num_pushed.load() <= i) std::this_thread::yield();
      if (window.OnDelivered()) ++num_told;
    }
  });
  for (uint64_t i = 0; i < kTokens; ++i) {
    const uint64_t told_before = num_told.load();
    if (window.IsFull()) {
      while (num_told.load() == told_before) std::this_thread::yield();
    }
    window.OnPushed();
    ++num_pushed;
  }
  reader.join();
}

}  // namespace
}  // namespace skein
