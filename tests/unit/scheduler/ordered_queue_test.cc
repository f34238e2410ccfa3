#include "scheduler/ordered_queue.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <list>
#include <random>
#include <vector>

namespace skein {
namespace {

struct Item {
  uint64_t id = 0;
  int64_t key = 0;
  OrderedQueue<Item, int64_t>::Place place;
};
using Queue = OrderedQueue<Item, int64_t>;

TEST(OrderedQueueTest, ComesOutByKeyThenById) {
  Queue queue;
  std::list<Item> items;
  std::mt19937_64 random(1);
  for (uint64_t id = 0; id < 100; ++id) {
    Item& item = items.emplace_back();
    item.id = id;
    item.key = static_cast<int64_t>(random() % 10) - 5;
    queue.Insert(item, item.key, item.id, item.place);
  }
  const Item* last = nullptr;
  while (!queue.empty()) {
    Item& front = queue.front();
    EXPECT_EQ(queue.front_key(), front.key);
    EXPECT_TRUE(last == nullptr || last->key < front.key || (last->key == front.key && last->id < front.id));
    last = &front;
    front.place.Leave();
    EXPECT_FALSE(front.place.is_queued());
  }
}

TEST(OrderedQueueTest, ItemLeavesFromAnywhereAndMayComeBackElsewhere) {
  Queue first, second;
  std::vector<Item> items(3);
  for (uint64_t i = 0; i < 3; ++i) first.Insert(items[i], 0, i, items[i].place);
  items[1].place.Leave();
  items[1].place.Leave();
  EXPECT_EQ(first.size(), 2u);
  second.Insert(items[1], 7, 1, items[1].place);
  EXPECT_EQ(&second.front(), &items[1]);
}

TEST(OrderedQueueTest, IsWalkedInOrderWhileItemsLeave) {
  Queue queue;
  std::vector<Item> items(5);
  for (uint64_t i = 0; i < 5; ++i) queue.Insert(items[i], -static_cast<int64_t>(i), i, items[i].place);
  std::vector<const Item*> walked;
  for (Item* item = queue.first(); item != nullptr;) {
    walked.push_back(item);
    Item* const next = Queue::Next(item->place);
    if (walked.size() % 2 == 0) item->place.Leave();
    item = next;
  }
  EXPECT_EQ(walked, (std::vector<const Item*>{&items[4], &items[3], &items[2], &items[1], &items[0]}));
  EXPECT_EQ(queue.size(), 3u);
  EXPECT_EQ(Queue().first(), nullptr);
}

TEST(OrderedQueueTest, ItemThatGoesLeaves) {
  Queue queue;
  {
    Item item;
    queue.Insert(item, 0, 0, item.place);
  }
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace skein
