// A source of choices for random hosts: the bytes that a fuzzer gives, or those of a seeded generator. A text of zeros
// is the most ordinary host.
#ifndef SKEIN_TESTS_FUZZ_ABI_INPUT_H_
#define SKEIN_TESTS_FUZZ_ABI_INPUT_H_

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <random>
#include <span>
#include <string>

namespace skein::fuzz {

class AbiInput {
 public:
  // Ends with its bytes.
  explicit AbiInput(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  // Never ends.
  explicit AbiInput(uint64_t seed) : random_(seed), is_random_(true) {}

  bool at_end() const { return !is_random_ && bytes_.empty(); }

  uint8_t Byte() {
    if (is_random_) return static_cast<uint8_t>(random_());
    if (bytes_.empty()) return 0;
    const uint8_t byte = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return byte;
  }
  // Below `count`, which is not 0.
  uint32_t Below(uint32_t count) { return (Byte() | (count > 256 ? Byte() << 8 : 0)) % count; }
  // True once in `times`.
  bool OneIn(uint32_t times) { return Below(times) == times - 1; }
  template <typename Value, size_t N>
  Value Of(const Value (&values)[N]) {
    return values[Below(N)];
  }
  uint64_t Bits() {
    uint64_t bits = 0;
    for (int i = 0; i < 8; ++i) bits = bits << 8 | Byte();
    return bits;
  }
  // Mostly small, sometimes at a border of a type, sometimes any.
  uint64_t Number() {
    constexpr uint64_t kBorders[] = {UINT64_MAX, UINT64_MAX - 1, uint64_t{1} << 63, INT64_MAX,
                                     UINT32_MAX, INT32_MAX,      uint64_t{1} << 32};
    const uint32_t way = Below(8);
    return way < 6 ? Below(12) : way == 6 ? Of(kBorders) : Bits();
  }
  std::string Text(uint32_t max_bytes) {
    std::string text(Below(max_bytes + 1), '\0');
    for (char& byte : text) byte = static_cast<char>(Byte());
    return text;
  }

 private:
  std::span<const uint8_t> bytes_;
  std::mt19937_64 random_;
  bool is_random_ = false;
};

}  // namespace skein::fuzz

#endif  // SKEIN_TESTS_FUZZ_ABI_INPUT_H_
