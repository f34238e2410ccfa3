// Reads little-endian fields from hostile bytes: every read is checked against what is left. Header only. Knows nothing
// of any format.
#ifndef SKEIN_PLUGINS_SUPPORT_BYTE_READER_H_
#define SKEIN_PLUGINS_SUPPORT_BYTE_READER_H_

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "skein/status.h"
#include "support/boundary.h"

namespace skein::plugin {

// A position in borrowed bytes. A read past the end throws DATA_LOSS naming `part`, the offset within it, what was
// expected and what was found. Reads are unaligned. Cheap to copy; not synchronised.
class ByteReader {
 public:
  // `part` names the bytes in messages, such as "zip directory". Both arguments must outlive the reader.
  ByteReader(std::span<const uint8_t> bytes, std::string_view part) : bytes_(bytes), part_(part) {}

  uint64_t position() const { return position_; }
  uint64_t remaining() const { return bytes_.size() - position_; }

  // The next integer of type T. `what` names it in the message.
  template <typename T>
  T Read(std::string_view what) {
    static_assert(std::is_arithmetic_v<T>);
    T value;
    std::memcpy(&value, Take(sizeof(T), what).data(), sizeof(T));
    return value;
  }

  // The next `num_bytes` bytes, not copied.
  std::span<const uint8_t> Take(uint64_t num_bytes, std::string_view what) {
    if (num_bytes > remaining()) {
      throw Error(SKEIN_DATA_LOSS, std::string(part_) + ": offset " + std::to_string(position_) + ": expected " +
                                       std::to_string(num_bytes) + " bytes of " + std::string(what) + ", found " +
                                       std::to_string(remaining()));
    }
    const std::span<const uint8_t> taken = bytes_.subspan(position_, num_bytes);
    position_ += num_bytes;
    return taken;
  }

  // As Take, seen as characters.
  std::string_view TakeText(uint64_t num_bytes, std::string_view what) {
    const std::span<const uint8_t> taken = Take(num_bytes, what);
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }

 private:
  std::span<const uint8_t> bytes_;
  std::string_view part_;
  uint64_t position_ = 0;
};

}  // namespace skein::plugin

#endif  // SKEIN_PLUGINS_SUPPORT_BYTE_READER_H_
