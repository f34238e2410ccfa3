#include "abi/handle.h"

#include <utility>

namespace skein::abi {
namespace {

constexpr uint32_t kIndexBits = 24;
constexpr uint32_t kGenerationBits = 24;
constexpr uint64_t kIndexMask = (uint64_t{1} << kIndexBits) - 1;
constexpr uint64_t kMaxGeneration = (uint64_t{1} << kGenerationBits) - 1;
constexpr uint64_t kLive = uint64_t{1} << 27;
constexpr uint64_t kReaders = kLive - 1;

uint64_t GenerationOf(uint64_t word) { return word >> 32; }
uint64_t LiveWord(uint64_t generation, uint32_t kind) { return generation << 32 | uint64_t{kind} << 28 | kLive; }

}  // namespace

HandleTable& HandleTable::Get() {
  static HandleTable& table = *new HandleTable;
  return table;
}

HandleTable::~HandleTable() {
  for (std::atomic<Entry*>& chunk : chunks_) delete[] chunk.load(std::memory_order_relaxed);
}

uint32_t HandleTable::TakeEntry() {
  const MutexLock lock(mutex_);
  if (first_free_ != kNoEntry) {
    const uint32_t index = first_free_;
    first_free_ = EntryAt(index).next_free;
    return index;
  }
  if (num_entries_ == kChunkEntries * kMaxChunks) return kNoEntry;
  if (num_entries_ % kChunkEntries == 0) {
    // May throw: the entry counts only when its chunk is there.
    chunks_[num_entries_ / kChunkEntries].store(new Entry[kChunkEntries], std::memory_order_release);
  }
  return num_entries_++;
}

HandleTable::Entry& HandleTable::EntryAt(uint32_t index) {
  return chunks_[index / kChunkEntries].load(std::memory_order_acquire)[index % kChunkEntries];
}

uint64_t HandleTable::Insert(uint32_t kind, std::shared_ptr<void> object) {
  const uint32_t index = TakeEntry();
  if (index == kNoEntry) return 0;
  Entry& entry = EntryAt(index);
  entry.object = std::move(object);
  const uint64_t generation = GenerationOf(entry.word.load(std::memory_order_relaxed));
  num_alive_[kind].fetch_add(1, std::memory_order_relaxed);
  entry.word.store(LiveWord(generation, kind), std::memory_order_release);
  return uint64_t{kind} << (kIndexBits + kGenerationBits) | generation << kIndexBits | index;
}

HandleTable::Entry* HandleTable::EntryOf(uint32_t kind, uint64_t value, uint64_t* live_word) {
  const uint64_t index = value & kIndexMask;
  const uint64_t generation = value >> kIndexBits & kMaxGeneration;
  if (value >> (kIndexBits + kGenerationBits) != kind || generation == 0) return nullptr;
  Entry* chunk = chunks_[index / kChunkEntries].load(std::memory_order_acquire);
  if (chunk == nullptr) return nullptr;
  *live_word = LiveWord(generation, kind);
  return &chunk[index % kChunkEntries];
}

bool HandleTable::AddReader(Entry& entry, uint64_t live_word) {
  uint64_t word = entry.word.load(std::memory_order_acquire);
  while ((word & ~kReaders) == live_word) {
    if (entry.word.compare_exchange_weak(word, word + 1, std::memory_order_acq_rel)) return true;
  }
  return false;
}

std::shared_ptr<void> HandleTable::RemoveReader(Entry& entry, uint32_t index) {
  const uint64_t before = entry.word.fetch_sub(1, std::memory_order_acq_rel);
  if ((before & kLive) != 0 || (before & kReaders) != 1) return nullptr;
  std::shared_ptr<void> object = std::move(entry.object);
  entry.object = nullptr;
  const uint64_t generation = GenerationOf(before) + 1;
  entry.word.store(generation << 32, std::memory_order_release);
  if (generation <= kMaxGeneration) {
    const MutexLock lock(mutex_);
    entry.next_free = first_free_;
    first_free_ = index;
  }
  return object;
}

std::shared_ptr<void> HandleTable::Find(uint32_t kind, uint64_t value) {
  uint64_t live_word;
  Entry* entry = EntryOf(kind, value, &live_word);
  if (entry == nullptr || !AddReader(*entry, live_word)) return nullptr;
  std::shared_ptr<void> object = entry->object;
  RemoveReader(*entry, static_cast<uint32_t>(value & kIndexMask));
  return object;
}

std::shared_ptr<void> HandleTable::Remove(uint32_t kind, uint64_t value) {
  uint64_t live_word;
  Entry* entry = EntryOf(kind, value, &live_word);
  if (entry == nullptr || !AddReader(*entry, live_word)) return nullptr;
  std::shared_ptr<void> object = entry->object;
  // Of several threads that release the same value, the one that clears the bit succeeds.
  const uint64_t before = entry->word.fetch_and(~kLive, std::memory_order_acq_rel);
  RemoveReader(*entry, static_cast<uint32_t>(value & kIndexMask));
  if ((before & kLive) == 0) return nullptr;
  num_alive_[kind].fetch_sub(1, std::memory_order_relaxed);
  return object;
}

}  // namespace skein::abi
