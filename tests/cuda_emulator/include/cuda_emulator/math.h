// CUDA's arithmetic functions beyond those of <cmath>, and its bit operations. The fast ones are as exact as the others
// here: their errors on a GPU are not imitated.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_MATH_H_
#define SKEIN_TESTS_CUDA_EMULATOR_MATH_H_

#include <cmath>
#include <cstdint>
#include <cstring>

// The C library declares some of these names, with C linkage and noexcept.
inline float __expf(float x) noexcept { return expf(x); }
inline float __exp10f(float x) noexcept { return powf(10.0f, x); }
inline float __logf(float x) noexcept { return logf(x); }
inline float __log2f(float x) noexcept { return log2f(x); }
inline float __log10f(float x) noexcept { return log10f(x); }
inline float __powf(float x, float y) noexcept { return powf(x, y); }
inline float __sinf(float x) noexcept { return sinf(x); }
inline float __cosf(float x) noexcept { return cosf(x); }
inline float __tanhf(float x) noexcept { return tanhf(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __frsqrt_rn(float x) { return static_cast<float>(1.0 / sqrt(static_cast<double>(x))); }
inline float rsqrtf(float x) { return static_cast<float>(1.0 / sqrt(static_cast<double>(x))); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
// Never joined to a multiply-add: the volatile holds the compiler off.
inline float __fmul_rn(float x, float y) {
  volatile float product = x * y;
  return product;
}
inline float __fadd_rn(float x, float y) {
  volatile float sum = x + y;
  return sum;
}
inline float __fsub_rn(float x, float y) {
  volatile float difference = x - y;
  return difference;
}
inline float __saturatef(float x) { return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f; }
inline float fdividef(float x, float y) { return x / y; }

namespace skein::emulator {
template <typename To, typename From>
inline To BitsAs(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(To));
  return to;
}
}  // namespace skein::emulator

inline unsigned __float_as_uint(float x) { return skein::emulator::BitsAs<unsigned>(x); }
inline int __float_as_int(float x) { return skein::emulator::BitsAs<int>(x); }
inline float __uint_as_float(unsigned x) { return skein::emulator::BitsAs<float>(x); }
inline float __int_as_float(int x) { return skein::emulator::BitsAs<float>(x); }
inline float __int2float_rn(int x) { return static_cast<float>(x); }
inline float __uint2float_rn(unsigned x) { return static_cast<float>(x); }
inline int __float2int_rn(float x) { return static_cast<int>(nearbyintf(x)); }
inline int __float2int_rz(float x) { return static_cast<int>(x); }
inline unsigned __float2uint_rn(float x) { return static_cast<unsigned>(nearbyintf(x)); }

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }  // NOLINT(google-runtime-int)
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __clz(int x) { return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x)); }
inline unsigned __brev(unsigned x) {
  unsigned reversed = 0;
  for (int bit = 0; bit < 32; ++bit) reversed |= ((x >> bit) & 1u) << (31 - bit);
  return reversed;
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  const uint64_t both = (static_cast<uint64_t>(high) << 32) | low;
  return static_cast<unsigned>((both << (shift & 31)) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  const uint64_t both = (static_cast<uint64_t>(high) << 32) | low;
  return static_cast<unsigned>(both >> (shift & 31));
}
// Each nibble of `selector` names a byte of high:low; bit 3 of it spreads that byte's sign instead.
inline unsigned __byte_perm(unsigned low, unsigned high, unsigned selector) {
  const uint64_t both = (static_cast<uint64_t>(high) << 32) | low;
  unsigned result = 0;
  for (int i = 0; i < 4; ++i) {
    const unsigned nibble = (selector >> (4 * i)) & 15;
    unsigned byte = static_cast<unsigned>(both >> (8 * (nibble & 7))) & 0xFF;
    if (nibble & 8) byte = (byte & 0x80) ? 0xFF : 0;
    result |= byte << (8 * i);
  }
  return result;
}
inline int __mul24(int x, int y) { return x * y; }
inline unsigned __umulhi(unsigned x, unsigned y) { return static_cast<unsigned>((uint64_t{x} * y) >> 32); }
inline int __mulhi(int x, int y) { return static_cast<int>((static_cast<int64_t>(x) * y) >> 32); }
inline int __dp4a(int x, int y, int sum) {
  for (int i = 0; i < 4; ++i) sum += static_cast<int8_t>(x >> (8 * i)) * static_cast<int8_t>(y >> (8 * i));
  return sum;
}
inline unsigned __dp4a(unsigned x, unsigned y, unsigned sum) {
  for (int i = 0; i < 4; ++i) sum += ((x >> (8 * i)) & 0xFF) * ((y >> (8 * i)) & 0xFF);
  return sum;
}

#define SKEIN_MIN_MAX(type)                                    \
  constexpr type min(type x, type y) { return y < x ? y : x; } \
  constexpr type max(type x, type y) { return x < y ? y : x; }
SKEIN_MIN_MAX(int)
SKEIN_MIN_MAX(unsigned)
SKEIN_MIN_MAX(long)                // NOLINT(google-runtime-int)
SKEIN_MIN_MAX(unsigned long)       // NOLINT(google-runtime-int)
SKEIN_MIN_MAX(long long)           // NOLINT(google-runtime-int)
SKEIN_MIN_MAX(unsigned long long)  // NOLINT(google-runtime-int)
#undef SKEIN_MIN_MAX
// A number rather than a NaN, as fminf and fmaxf.
inline float min(float x, float y) { return fminf(x, y); }
inline float max(float x, float y) { return fmaxf(x, y); }
inline double min(double x, double y) { return fmin(x, y); }
inline double max(double x, double y) { return fmax(x, y); }

#define SKEIN_INLINE_ACCESS inline __attribute__((always_inline))
// Loads and stores with a hint for the caches, which are not imitated. Always inline: the detector sees the caller's.
template <typename T>
SKEIN_INLINE_ACCESS T __ldg(const T* address) {
  return *address;
}
template <typename T>
SKEIN_INLINE_ACCESS T __ldcs(const T* address) {
  return *address;
}
template <typename T>
SKEIN_INLINE_ACCESS T __ldcg(const T* address) {
  return *address;
}
template <typename T>
SKEIN_INLINE_ACCESS T __ldca(const T* address) {
  return *address;
}
template <typename T>
SKEIN_INLINE_ACCESS void __stcs(T* address, T value) {
  *address = value;
}
template <typename T>
SKEIN_INLINE_ACCESS void __stcg(T* address, T value) {
  *address = value;
}
template <typename T>
SKEIN_INLINE_ACCESS void __stwt(T* address, T value) {
  *address = value;
}

#endif  // SKEIN_TESTS_CUDA_EMULATOR_MATH_H_
