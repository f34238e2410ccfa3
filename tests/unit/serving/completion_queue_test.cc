#include "serving/completion_queue.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

namespace skein {
namespace {

void Push(CompletionQueue& queue, std::initializer_list<const char*> texts) {
  EventList events;
  for (const char* text : texts) {
    events.emplace_back().text = text;
    events.back().event.kind = SKEIN_EVENT_DONE;
  }
  queue.Push(events);
  EXPECT_TRUE(events.empty());
}

bool Readable(int fd) {
  pollfd entry = {fd, POLLIN, 0};
  return poll(&entry, 1, 0) == 1;
}

class CompletionQueueTest : public ::testing::Test {
 protected:
  const std::shared_ptr<CompletionQueue> queue_ = *CompletionQueue::Create();
  uint64_t needed_ = 0;
};

TEST_F(CompletionQueueTest, DescriptorIsReadableExactlyWhileEventsAreThere) {
  EXPECT_FALSE(Readable(queue_->fd()));
  Push(*queue_, {"a", "b"});
  Push(*queue_, {"c"});
  EXPECT_TRUE(Readable(queue_->fd()));
  EXPECT_EQ(queue_->Take(2, 100, &needed_).size(), 2u);
  EXPECT_TRUE(Readable(queue_->fd()));
  EXPECT_EQ(queue_->Take(2, 100, &needed_).size(), 1u);
  EXPECT_FALSE(Readable(queue_->fd()));
}

TEST_F(CompletionQueueTest, OnlyWholeEventsAreTaken) {
  Push(*queue_, {"123", "45", "6789"});
  const auto taken = queue_->Take(10, 6, &needed_);
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken.back().text, "45");
  EXPECT_EQ(needed_, 0u);
}

TEST_F(CompletionQueueTest, FirstEventThatDoesNotFitStaysAndSaysWhatItNeeds) {
  Push(*queue_, {"12345", ""});
  EXPECT_TRUE(queue_->Take(10, 4, &needed_).empty());
  EXPECT_EQ(needed_, 5u);
  EXPECT_EQ(queue_->Take(10, 5, &needed_).size(), 2u);
}

TEST_F(CompletionQueueTest, WakeupIsCalledWhenTheQueueTurnsNonEmpty) {
  std::atomic<int> calls{0};
  queue_->wakeup().Set([](void* argument) { ++*static_cast<std::atomic<int>*>(argument); }, &calls);
  Push(*queue_, {"a"});
  Push(*queue_, {"b"});
  EXPECT_EQ(calls, 1);
  queue_->Take(10, 100, &needed_);
  Push(*queue_, {"c"});
  EXPECT_EQ(calls, 2);
  queue_->wakeup().Set(nullptr, nullptr);
  queue_->Take(10, 100, &needed_);
  Push(*queue_, {"d"});
  EXPECT_EQ(calls, 2);
}

TEST_F(CompletionQueueTest, WaitEndsWithAnEventADeadlineOrTheClosing) {
  EXPECT_EQ(queue_->Wait(std::chrono::steady_clock::now()), false);
  Push(*queue_, {"a"});
  EXPECT_EQ(queue_->Wait(std::nullopt), true);
  queue_->Take(10, 100, &needed_);
  std::thread closer([this] { queue_->Close(); });
  EXPECT_EQ(queue_->Wait(std::nullopt), std::nullopt);
  closer.join();
}

TEST_F(CompletionQueueTest, ClosedQueueDropsWhatIsPushed) {
  queue_->Close();
  Push(*queue_, {"a"});
  EXPECT_TRUE(queue_->Take(10, 100, &needed_).empty());
  EXPECT_TRUE(queue_->is_closed());
}

}  // namespace
}  // namespace skein
