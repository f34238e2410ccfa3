// The types of PTX, and the numbers of 16 bits among them.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_PTX_TYPES_H_
#define SKEIN_TESTS_CUDA_EMULATOR_PTX_TYPES_H_

#include <bit>
#include <cmath>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace skein::emulator::ptx {

enum class Type : uint8_t {
  kNone,
  kPred,
  kB8,
  kU8,
  kS8,
  kB16,
  kU16,
  kS16,
  kF16,
  kBf16,
  kB32,
  kU32,
  kS32,
  kF32,
  kF16x2,
  kBf16x2,
  kTf32,
  kB64,
  kU64,
  kS64,
  kF64,
};

struct TypeRow {
  Type type;
  std::string_view name;
  uint32_t num_bytes;
};
inline constexpr TypeRow kTypes[] = {
    {Type::kPred, "pred", 4}, {Type::kB8, "b8", 1},       {Type::kU8, "u8", 1},         {Type::kS8, "s8", 1},
    {Type::kB16, "b16", 2},   {Type::kU16, "u16", 2},     {Type::kS16, "s16", 2},       {Type::kF16, "f16", 2},
    {Type::kBf16, "bf16", 2}, {Type::kB32, "b32", 4},     {Type::kU32, "u32", 4},       {Type::kS32, "s32", 4},
    {Type::kF32, "f32", 4},   {Type::kF16x2, "f16x2", 4}, {Type::kBf16x2, "bf16x2", 4}, {Type::kTf32, "tf32", 4},
    {Type::kB64, "b64", 8},   {Type::kU64, "u64", 8},     {Type::kS64, "s64", 8},       {Type::kF64, "f64", 8},
};

// kNone: no type has this name.
constexpr Type TypeNamed(std::string_view name) {
  for (const TypeRow& row : kTypes) {
    if (row.name == name) return row.type;
  }
  return Type::kNone;
}
constexpr uint32_t BytesOf(Type type) {
  for (const TypeRow& row : kTypes) {
    if (row.type == type) return row.num_bytes;
  }
  return 0;
}
constexpr std::string_view NameOf(Type type) {
  for (const TypeRow& row : kTypes) {
    if (row.type == type) return row.name;
  }
  return "none";
}

// The nearest number with `kMantissaBits` bits of mantissa and the exponents of `kExponentBits`, ties to even; by the
// arithmetic of doubles, whose own rounding the caller has kept away from ties.
template <int kExponentBits, int kMantissaBits>
uint16_t NearestOf16Bits(double x) {
  constexpr int kLowest = 2 - (1 << (kExponentBits - 1));
  constexpr auto kInfinity = static_cast<uint16_t>(((1 << kExponentBits) - 1) << kMantissaBits);
  if (std::isnan(x)) return 0x7FFF;
  const auto sign = static_cast<uint16_t>(std::signbit(x) ? 0x8000 : 0);
  x = std::fabs(x);
  if (std::isinf(x)) return sign | kInfinity;
  int exponent = 0;
  std::frexp(x, &exponent);
  exponent = x == 0 || exponent - 1 < kLowest ? kLowest : exponent - 1;
  // With the bit that is not stored, which raises the exponent by one.
  const double mantissa = std::nearbyint(std::ldexp(x, kMantissaBits - exponent));
  const double bits = std::ldexp(exponent - kLowest, kMantissaBits) + mantissa;
  return bits >= kInfinity ? sign | kInfinity : sign | static_cast<uint16_t>(bits);
}

// binary16.
struct Half {
  uint16_t bits;

  Half() = default;
  explicit Half(double x) : bits(NearestOf16Bits<5, 10>(x)) {}
  explicit Half(float x) {
    const auto word = std::bit_cast<uint32_t>(x);
    const uint32_t magnitude = word & 0x7FFFFFFFu;
    // Below 2^-14 the sum's last place is that of the smallest binary16.
    const uint32_t small = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3F000000u;
    const uint32_t normal = (magnitude + 0xFFFu + (magnitude >> 13 & 1) - 0x38000000u) >> 13;
    const uint32_t finite = magnitude < 0x38800000u ? small : normal;
    const uint32_t unsigned_bits = magnitude > 0x7F800000u ? 0x7FFFu : magnitude >= 0x477FF000u ? 0x7C00u : finite;
    bits = static_cast<uint16_t>(unsigned_bits | (magnitude > 0x7F800000u ? 0 : word >> 16 & 0x8000u));
  }
  explicit operator float() const {
    const uint32_t magnitude = static_cast<uint32_t>(bits & 0x7FFF) << 13;
    const float finite = std::bit_cast<float>(magnitude) * 0x1p112f;
    const uint32_t word = magnitude >= 0x0F800000u ? magnitude | 0x7F800000u : std::bit_cast<uint32_t>(finite);
    return std::bit_cast<float>(word | static_cast<uint32_t>(bits & 0x8000) << 16);
  }
  explicit operator double() const { return static_cast<float>(*this); }
};

// The upper half of a float32.
struct Bf16 {
  uint16_t bits;

  Bf16() = default;
  explicit Bf16(double x) : bits(NearestOf16Bits<8, 7>(x)) {}
  explicit Bf16(float x) {
    const auto word = std::bit_cast<uint32_t>(x);
    const uint32_t rounded = (word + 0x7FFFu + (word >> 16 & 1)) >> 16;
    bits = static_cast<uint16_t>((word & 0x7FFFFFFFu) > 0x7F800000u ? 0x7FFFu : rounded);
  }
  explicit operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
  explicit operator double() const { return static_cast<float>(*this); }
};

// Two numbers in one register, the first in the lower half.
template <typename T>
struct Pair {
  T low, high;
};

template <typename T>
inline constexpr bool kIsShortFloat = std::is_same_v<T, Half> || std::is_same_v<T, Bf16>;
template <typename T>
inline constexpr bool kIsPair = std::is_same_v<T, Pair<Half>> || std::is_same_v<T, Pair<Bf16>>;

// The bits that tf32 has of a float32.
inline constexpr uint32_t kTf32Bits = 0xFFFFE000u;

// What holds the numbers of a type in a register or in memory. `run` is called with a value of it.
template <typename Run>
auto WithNumberOf(Type type, Run run) {
  switch (type) {
    case Type::kB8:
    case Type::kU8:
      return run(uint8_t{});
    case Type::kS8:
      return run(int8_t{});
    case Type::kS16:
      return run(int16_t{});
    case Type::kB16:
    case Type::kU16:
      return run(uint16_t{});
    case Type::kF16:
      return run(Half{});
    case Type::kBf16:
      return run(Bf16{});
    case Type::kS32:
      return run(int32_t{});
    case Type::kF32:
      return run(float{});
    case Type::kF16x2:
      return run(Pair<Half>{});
    case Type::kBf16x2:
      return run(Pair<Bf16>{});
    case Type::kB64:
    case Type::kU64:
      return run(uint64_t{});
    case Type::kS64:
      return run(int64_t{});
    case Type::kF64:
      return run(double{});
    default:
      return run(uint32_t{});
  }
}

}  // namespace skein::emulator::ptx

#endif  // SKEIN_TESTS_CUDA_EMULATOR_PTX_TYPES_H_
