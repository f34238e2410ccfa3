// The handles of a random host: those that live, those that it has released, and values that never were handles.
#ifndef SKEIN_TESTS_FUZZ_ABI_HANDLES_H_
#define SKEIN_TESTS_FUZZ_ABI_HANDLES_H_

#include <skein/skein.h>

#include <cstdint>
#include <mutex>
#include <vector>

#include "tests/fuzz/abi_input.h"

namespace skein::fuzz {

constexpr uint32_t kNumKinds = 8;

template <uint32_t index, auto release>
struct KindOf {
  static constexpr uint32_t kIndex = index;
  static constexpr auto kRelease = release;
};

template <typename Handle>
struct Kind;
template <>
struct Kind<skein_runtime> : KindOf<0, skein_runtime_release> {};
template <>
struct Kind<skein_options> : KindOf<1, skein_options_release> {};
template <>
struct Kind<skein_model> : KindOf<2, skein_model_release> {};
template <>
struct Kind<skein_tokenizer> : KindOf<3, skein_tokenizer_release> {};
template <>
struct Kind<skein_stream> : KindOf<4, skein_stream_release> {};
template <>
struct Kind<skein_queue> : KindOf<5, skein_queue_release> {};
template <>
struct Kind<skein_request> : KindOf<6, skein_request_release> {};
template <>
struct Kind<skein_prefix> : KindOf<7, skein_prefix_release> {};

template <typename Handle>
struct Picked {
  Handle handle = nullptr;
  bool is_bad = false;  // NULL, released, of another kind or garbage: no call may succeed with it
};

// Threads: any. A handle that one thread picked may be released by another.
class AbiHandles {
 public:
  template <typename Handle>
  void Add(Handle handle) {
    const std::lock_guard<std::mutex> lock(mutex_);
    live_[Kind<Handle>::kIndex].push_back(reinterpret_cast<uint64_t>(handle));
  }

  template <typename Handle>
  uint32_t num_live() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return static_cast<uint32_t>(live_[Kind<Handle>::kIndex].size());
  }

  // A live handle for most choices of `input`, if there is one.
  template <typename Handle>
  Picked<Handle> Pick(AbiInput& input) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    const uint32_t way = input.Below(16);
    if (way == 15) return {reinterpret_cast<Handle>(Bad(Kind<Handle>::kIndex, input)), true};
    const std::vector<uint64_t>& live = live_[Kind<Handle>::kIndex];
    if (live.empty()) return {nullptr, true};
    return {reinterpret_cast<Handle>(live[input.Below(static_cast<uint32_t>(live.size()))]), false};
  }

  // Takes a live handle out, for the caller to release.
  template <typename Handle>
  Handle Take(AbiInput& input) {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<uint64_t>& live = live_[Kind<Handle>::kIndex];
    if (live.empty()) return nullptr;
    const uint32_t index = input.Below(static_cast<uint32_t>(live.size()));
    const uint64_t value = live[index];
    live[index] = live.back();
    live.pop_back();
    dead_.push_back(value);
    if (dead_.size() > 64) dead_.erase(dead_.begin());
    return reinterpret_cast<Handle>(value);
  }

 private:
  uint64_t Bad(uint32_t kind, AbiInput& input) const {
    switch (input.Below(4)) {
      case 0:
        return 0;
      case 1:
        return dead_.empty() ? 1 : dead_[input.Below(static_cast<uint32_t>(dead_.size()))];
      case 2: {
        const std::vector<uint64_t>& others = live_[(kind + 1 + input.Below(kNumKinds - 1)) % kNumKinds];
        return others.empty() ? 2 : others.back();
      }
      default:
        return input.Bits() | uint64_t{1} << 60;  // above every handle
    }
  }

  mutable std::mutex mutex_;
  std::vector<uint64_t> live_[kNumKinds];
  std::vector<uint64_t> dead_;
};

}  // namespace skein::fuzz

#endif  // SKEIN_TESTS_FUZZ_ABI_HANDLES_H_
