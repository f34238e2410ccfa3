// The arguments of random calls, and the calls themselves: AbiCalls' templates, for its own source files.
#ifndef SKEIN_TESTS_FUZZ_ABI_CALL_CHECKS_H_
#define SKEIN_TESTS_FUZZ_ABI_CALL_CHECKS_H_

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "tests/fuzz/abi_calls.h"

namespace skein::fuzz {

inline constexpr uint32_t kMaxLive = 6;  // handles of one kind
inline constexpr size_t kGuardBytes = 16;
inline constexpr uint8_t kUntouched = 0xAB;
inline constexpr const char* kTexts[] = {"",     "auto",  "q8",          "bytes", "reference", "cpu",           "world",
                                         "g1",   "on",    "off",         "json",  "text",      "reference=0-0", "none",
                                         "long", "a,b=1", "\xFF",        "\n",    ".",         "rows",          "raven",
                                         "bf16", "f32",   "/nonexistent"};

// Bytes of an exact size, with guards behind them.
class Guarded {
 public:
  explicit Guarded(size_t size) : size_(size), bytes_(size + kGuardBytes, kUntouched) {}

  void* data() { return bytes_.data(); }
  bool IsUntouched(size_t from) const {
    for (size_t i = from; i < bytes_.size(); ++i) {
      if (bytes_[i] != kUntouched) return false;
    }
    return true;
  }
  bool AreGuardsUntouched() const { return IsUntouched(size_); }

 private:
  const size_t size_;
  std::vector<uint8_t> bytes_;
};

// A pointer and a size that belong together, or NULL with any size.
struct Bytes {
  explicit Bytes(AbiInput& input, uint32_t max_bytes) {
    const uint32_t way = input.Below(8);
    if (way == 7) {
      size = input.Number();
      return;
    }
    text = way < 4 ? std::string(input.Of(kTexts)) : input.Text(max_bytes);
    storage = std::make_unique<char[]>(text.size() + 1);  // of its own, so that a sanitizer sees its end
    std::copy_n(text.data(), text.size(), storage.get());
    data = storage.get();
    size = text.size();
  }
  std::string text;
  std::unique_ptr<char[]> storage;
  const char* data = nullptr;
  uint64_t size = 0;
};

// Ids of tokens, mostly of the small models' vocabularies.
struct Tokens {
  explicit Tokens(AbiInput& input) : ids(input.Below(9)) {
    for (skein_token& id : ids) id = input.OneIn(32) ? static_cast<skein_token>(input.Number()) : input.Below(50);
    size = ids.size();
    if (input.OneIn(16)) {
      is_null = true;
      size = input.Number();
    }
  }
  const skein_token* data() const { return is_null ? nullptr : ids.data(); }
  std::vector<skein_token> ids;
  uint64_t size = 0;
  bool is_null = false;
};

// Conversations. The texts live as long as this.
struct Messages {
  explicit Messages(AbiInput& input) : message_size(sizeof(skein_chat_message)) {
    constexpr const char* kRoles[] = {"user", "assistant", "system", "User", "", "\xFF"};
    count = input.Below(4);
    for (uint32_t i = 0; i < count; ++i) {
      texts.push_back(std::make_unique<Bytes>(input, 40));
      messages.push_back({input.OneIn(16) ? nullptr : input.Of(kRoles), texts[i]->data, texts[i]->size});
    }
    if (input.OneIn(16)) message_size = input.Of({0u, 8u, 23u});  // too small to step by
    if (input.OneIn(16)) is_null = true;
  }
  const void* data() const { return is_null ? nullptr : messages.data(); }
  std::vector<std::unique_ptr<Bytes>> texts;
  std::vector<skein_chat_message> messages;
  uint32_t message_size;
  uint32_t count = 0;
  bool is_null = false;
};

template <typename Function, typename... Arguments>
skein_status AbiCalls::Call(AbiInput& input, bool is_bad, Function function, Arguments... arguments) {
  skein_status status;
  if (input.OneIn(8)) {
    status = function(arguments..., nullptr);
  } else {
    skein_error error;
    std::memset(&error, kUntouched, sizeof(error));
    status = function(arguments..., &error);
    CheckError(status, error);
    if (status == SKEIN_INTERNAL || status == SKEIN_UNKNOWN) Break(std::string("a defect: ") + error.message);
  }
  if (std::strcmp(skein_status_name(status), "UNKNOWN_CODE") == 0) Break("a code that has no name");
  if (status == SKEIN_OK) succeeded_.insert(current_);
  if (status == SKEIN_OK && is_bad) Break("a call with a bad argument succeeded");
  return status;
}

template <typename Handle, typename Function, typename... Arguments>
void AbiCalls::Make(AbiInput& input, bool is_bad, Function function, Arguments... arguments) {
  if (handles_.num_live<Handle>() >= kMaxLive) Release<Handle>(input);
  Handle made = nullptr;
  const bool is_null = input.OneIn(32);
  const skein_status status = Call(input, is_bad || is_null, function, arguments..., is_null ? nullptr : &made);
  if (status != SKEIN_OK) {
    if (made != nullptr) Break("a call that failed gave a handle");
    return;
  }
  if (made == nullptr || reinterpret_cast<uint64_t>(made) >= uint64_t{1} << 53) Break("a handle that is none");
  handles_.Add(made);
}

template <typename Handle>
void AbiCalls::Release(AbiInput& input) {
  if (input.OneIn(16)) {
    const Picked<Handle> bad = handles_.Pick<Handle>(input);
    if (bad.is_bad) Call(input, bad.handle != nullptr, Kind<Handle>::kRelease, bad.handle);
    return;
  }
  const Handle handle = handles_.Take<Handle>(input);
  if (Call(input, false, Kind<Handle>::kRelease, handle) != SKEIN_OK) Break("a release failed");
  if (handle != nullptr) Call(input, true, Kind<Handle>::kRelease, handle);
}

template <typename Struct, typename Function, typename... Arguments>
void AbiCalls::Fill(AbiInput& input, bool is_bad, Function function, Arguments... arguments) {
  uint32_t struct_size = sizeof(Struct);
  if (input.OneIn(4)) struct_size = input.Below(sizeof(Struct) + 32);
  Guarded storage(std::max<size_t>(struct_size, sizeof(uint32_t)));
  auto* info = static_cast<Struct*>(storage.data());
  std::memcpy(storage.data(), &struct_size, sizeof(struct_size));
  const bool is_null = input.OneIn(32);
  Call(input, is_bad || is_null || struct_size == 0, function, arguments..., is_null ? nullptr : info);
  if (!storage.AreGuardsUntouched()) Break("a struct was filled behind its end");
  if (std::memcmp(storage.data(), &struct_size, sizeof(struct_size)) != 0) Break("struct_size was changed");
}

template <typename T, typename Function, typename... Arguments>
void AbiCalls::Read(AbiInput& input, bool is_bad, Function function, Arguments... arguments) {
  constexpr uint32_t kCapacities[] = {1 << 16, 0, 1, 64, 1000};
  uint64_t capacity = input.Of(kCapacities);
  Guarded buffer(capacity * sizeof(T));
  void* data = buffer.data();
  if (input.OneIn(4)) {
    data = nullptr;
    if (!input.OneIn(4)) capacity = 0;
  }
  uint64_t size = 0;
  const bool is_null = input.OneIn(32);
  const skein_status status = Call(input, is_bad || is_null || (data == nullptr && capacity > 0), function,
                                   arguments..., static_cast<T*>(data), capacity, is_null ? nullptr : &size);
  if (!buffer.AreGuardsUntouched()) Break("a buffer was filled behind its end");
  if (status == SKEIN_OK && data != nullptr && size > capacity) Break("more was written than there is room for");
  if (status == SKEIN_OUT_OF_RANGE && !buffer.IsUntouched(0)) Break("a buffer that is too small was written to");
}

}  // namespace skein::fuzz

#endif  // SKEIN_TESTS_FUZZ_ABI_CALL_CHECKS_H_
