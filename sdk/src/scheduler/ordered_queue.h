// A queue of items in order of a key. An item brings its place along, so that moving in and out allocates nothing.
#ifndef SKEIN_SCHEDULER_ORDERED_QUEUE_H_
#define SKEIN_SCHEDULER_ORDERED_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <set>
#include <tuple>
#include <utility>

namespace skein {

// The queue owns no item. Items and queues stay where they are in memory while an item is queued. Threads: one at a
// time.
template <typename Item, typename Key>
class OrderedQueue {
  struct Entry {
    Key key;
    uint64_t id;
    Item* item;
    bool operator<(const Entry& other) const { return std::tie(key, id) < std::tie(other.key, other.id); }
  };
  using Entries = std::set<Entry>;

 public:
  // The place of an item in at most one queue at a time. An item that goes leaves its queue.
  class Place {
   public:
    Place() {
      Entries entries;
      entries.emplace();
      node_ = entries.extract(entries.begin());
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { Leave(); }

    bool is_queued() const { return queue_ != nullptr; }

    // Leaves the queue, if the item is in one.
    void Leave() noexcept {
      if (queue_ == nullptr) return;
      node_ = queue_->entries_.extract(position_);
      queue_ = nullptr;
    }

   private:
    friend class OrderedQueue;
    typename Entries::node_type node_;  // empty while the item is queued
    typename Entries::iterator position_;
    OrderedQueue* queue_ = nullptr;
  };

  OrderedQueue() = default;
  OrderedQueue(const OrderedQueue&) = delete;
  OrderedQueue& operator=(const OrderedQueue&) = delete;

  // Puts `item`, which is in no queue by this place, in front of all with a larger key. Equal keys go by `id`, which no
  // other item of the queue has.
  void Insert(Item& item, Key key, uint64_t id, Place& place) noexcept {
    place.node_.value() = {key, id, &item};
    place.position_ = entries_.insert(std::move(place.node_)).position;
    place.queue_ = this;
  }

  bool empty() const { return entries_.empty(); }
  size_t size() const { return entries_.size(); }
  // The first item, its key, and that of the last. Not if the queue is empty.
  Item& front() const { return *entries_.begin()->item; }
  const Key& front_key() const { return entries_.begin()->key; }
  const Key& back_key() const { return entries_.rbegin()->key; }
  // For walks: the first item, and the one behind that of a place, which is in a queue; nullptr: there is none.
  Item* first() const { return empty() ? nullptr : &front(); }
  static Item* Next(const Place& place) {
    const auto next = std::next(place.position_);
    return next == place.queue_->entries_.end() ? nullptr : next->item;
  }

 private:
  Entries entries_;
};

}  // namespace skein

#endif  // SKEIN_SCHEDULER_ORDERED_QUEUE_H_
