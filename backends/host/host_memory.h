// Arrays in the host's memory. Everything large that a backend holds is allocated here or by WeightArena; small
// bookkeeping is left to the standard library.
#ifndef SKEIN_BACKENDS_HOST_HOST_MEMORY_H_
#define SKEIN_BACKENDS_HOST_HOST_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#include "kit/checked_product.h"
#include "skein/plugin.h"
#include "support/boundary.h"

namespace skein::kit {

// The first content of an array. A large unset array takes memory where it is written, and when.
enum class Content { kZero, kUnset };

// An array of plain values, aligned to a cache line. Movable; frees itself. The host outlives it.
template <typename T>
class HostArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  static constexpr uint64_t kAlignment = 64;

  HostArray() = default;
  // Throws RESOURCE_EXHAUSTED; `purpose` says for what, such as "states".
  HostArray(const skein_host& host, uint64_t size, const char* purpose, Content content = Content::kZero)
      : host_(&host), size_(size) {
    const uint64_t bytes = CheckedProduct(size, sizeof(T));
    if (bytes == 0) return;
    data_ = static_cast<T*>(host.alloc(host.context, bytes, kAlignment));
    if (data_ == nullptr) {
      throw plugin::Error(SKEIN_RESOURCE_EXHAUSTED, "no memory for " + std::to_string(bytes) + " bytes of " + purpose);
    }
    if (content == Content::kZero) std::memset(static_cast<void*>(data_), 0, bytes);
  }
  HostArray(HostArray&& other) noexcept
      : host_(other.host_), data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  HostArray& operator=(HostArray&& other) noexcept {
    std::swap(host_, other.host_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~HostArray() {
    if (data_ != nullptr) host_->free(host_->context, data_);
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  uint64_t size() const { return size_; }
  T& operator[](uint64_t i) { return data_[i]; }
  const T& operator[](uint64_t i) const { return data_[i]; }

 private:
  const skein_host* host_ = nullptr;
  T* data_ = nullptr;
  uint64_t size_ = 0;
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_HOST_HOST_MEMORY_H_
