// Handles of the C ABI: values that name objects of this process, looked up without a lock. Handles are cast here only.
//
// A value holds, from the lowest bit: index (24 bits), generation (24 bits, from 1), kind (4 bits, from 1). An entry of
// the table counts its generations; when they are used up it is retired, so that no value ever names two objects.
#ifndef SKEIN_ABI_HANDLE_H_
#define SKEIN_ABI_HANDLE_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/status.h"
#include "engine/model.h"
#include "engine/prefix.h"
#include "engine/stream.h"
#include "runtime/options.h"
#include "runtime/runtime.h"
#include "serving/completion_queue.h"
#include "serving/request.h"
#include "skein/base.h"
#include "skein/status.h"
#include "tokenizer/tokenizer.h"

namespace skein::abi {

// Threads: any. Lookups never wait; making and releasing handles take a lock for the list of free entries.
class HandleTable {
 public:
  // The table of this process. Never destroyed: a handle may be used until the last instruction.
  static HandleTable& Get();

  HandleTable() = default;
  ~HandleTable();
  HandleTable(const HandleTable&) = delete;
  HandleTable& operator=(const HandleTable&) = delete;

  // A new value for `object`; 0 if 2^24 handles are alive. Only making a handle allocates, so that releasing one cannot
  // fail for want of memory.
  uint64_t Insert(uint32_t kind, std::shared_ptr<void> object);
  // The object of a live value of `kind`; nullptr for anything else.
  std::shared_ptr<void> Find(uint32_t kind, uint64_t value);
  // Ends a live value of `kind` and gives its object; nullptr for anything else. Of several threads that try, one
  // succeeds.
  std::shared_ptr<void> Remove(uint32_t kind, uint64_t value);

  // The number of handles of `kind` that are alive.
  uint64_t num_alive(uint32_t kind) const { return num_alive_[kind].load(std::memory_order_relaxed); }

  // While the process forks, so that no other thread holds the lock then.
  void LockForFork() ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex_) { mutex_.Lock(); }
  void UnlockAfterFork() ABSL_UNLOCK_FUNCTION(mutex_) { mutex_.Unlock(); }

 private:
  static constexpr uint32_t kNoEntry = UINT32_MAX;

  // An entry's word: generation (high 32 bits) | kind (4 bits) | live (1 bit) | readers (27 bits). A reader counts
  // itself in while it copies the object. Whoever finds the entry dead and without readers, a reader or the releasing
  // thread, takes the object out and frees the entry.
  struct Entry {
    std::atomic<uint64_t> word{uint64_t{1} << 32};
    std::shared_ptr<void> object;
    uint32_t next_free = kNoEntry;  // of a free entry: the next in the list; under mutex_
  };
  static constexpr uint32_t kChunkEntries = 4096;
  static constexpr uint32_t kMaxChunks = 4096;

  // The index of an entry that is the caller's to fill; kNoEntry if all are taken.
  uint32_t TakeEntry();
  Entry& EntryAt(uint32_t index);
  Entry* EntryOf(uint32_t kind, uint64_t value, uint64_t* live_word);
  bool AddReader(Entry& entry, uint64_t live_word);
  // Gives the object if this reader was the last of a dead entry.
  std::shared_ptr<void> RemoveReader(Entry& entry, uint32_t index);

  static constexpr uint32_t kNumKinds = 16;  // that a value's bits can tell apart

  std::atomic<Entry*> chunks_[kMaxChunks] = {};
  std::atomic<uint64_t> num_alive_[kNumKinds] = {};
  Mutex mutex_;
  uint32_t first_free_ ABSL_GUARDED_BY(mutex_) = kNoEntry;  // released entries, the last released first
  uint32_t num_entries_ ABSL_GUARDED_BY(mutex_) = 0;
};

// The C++ object behind a handle type, and its kind.
template <typename Handle>
struct HandleTraits;
#define SKEIN_HANDLE(handle, object, number, noun) \
  template <>                                      \
  struct HandleTraits<handle> {                    \
    using Object = object;                         \
    static constexpr uint32_t kKind = number;      \
    static constexpr const char* kNoun = noun;     \
  }
SKEIN_HANDLE(skein_runtime, Runtime, 1, "runtime");
SKEIN_HANDLE(skein_options, Options, 2, "options");
SKEIN_HANDLE(skein_model, Model, 3, "model");
SKEIN_HANDLE(skein_tokenizer, const Tokenizer, 4, "tokenizer");
SKEIN_HANDLE(skein_stream, Stream, 5, "stream");
SKEIN_HANDLE(skein_queue, CompletionQueue, 6, "queue");
SKEIN_HANDLE(skein_request, Request, 7, "request");
SKEIN_HANDLE(skein_prefix, Prefix, 8, "prefix");
#undef SKEIN_HANDLE

// INVALID_HANDLE is not one of Abseil's codes, but absl::Status keeps it all the same.
inline absl::Status InvalidHandle(const char* noun, bool is_null) {
  return absl::Status(static_cast<absl::StatusCode>(SKEIN_INVALID_HANDLE),
                      absl::StrCat(noun, ": expected a live ", noun, " handle, found ",
                                   is_null ? "NULL" : "a value that is released, of another kind, or garbage"));
}

// The object behind a handle. INVALID_HANDLE if there is none.
template <typename Handle>
absl::StatusOr<std::shared_ptr<typename HandleTraits<Handle>::Object>> Unwrap(Handle handle) {
  using Traits = HandleTraits<Handle>;
  std::shared_ptr<void> object = HandleTable::Get().Find(Traits::kKind, reinterpret_cast<uint64_t>(handle));
  if (object == nullptr) return InvalidHandle(Traits::kNoun, handle == nullptr);
  return std::static_pointer_cast<typename Traits::Object>(std::move(object));
}

// A handle for `object`. RESOURCE_EXHAUSTED: too many are alive.
template <typename Handle>
absl::StatusOr<Handle> Wrap(std::shared_ptr<typename HandleTraits<Handle>::Object> object) {
  using Traits = HandleTraits<Handle>;
  using Object = std::remove_const_t<typename Traits::Object>;
  const uint64_t value = HandleTable::Get().Insert(Traits::kKind, std::const_pointer_cast<Object>(std::move(object)));
  if (value == 0) return absl::ResourceExhaustedError("no handle is left: 2^24 are alive");
  return reinterpret_cast<Handle>(value);
}

// Ends a handle and gives its object. NULL gives nullptr and is OK.
template <typename Handle>
absl::StatusOr<std::shared_ptr<typename HandleTraits<Handle>::Object>> Release(Handle handle) {
  using Traits = HandleTraits<Handle>;
  if (handle == nullptr) return std::shared_ptr<typename Traits::Object>();
  std::shared_ptr<void> object = HandleTable::Get().Remove(Traits::kKind, reinterpret_cast<uint64_t>(handle));
  if (object == nullptr) return InvalidHandle(Traits::kNoun, false);
  return std::static_pointer_cast<typename Traits::Object>(std::move(object));
}

}  // namespace skein::abi

#endif  // SKEIN_ABI_HANDLE_H_
