// CUDA's small vectors: float2 to ulonglong2, dim3, and make_* for each.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_VECTOR_TYPES_H_
#define SKEIN_TESTS_CUDA_EMULATOR_VECTOR_TYPES_H_

#define SKEIN_EMULATED_VECTORS(type, name, align2, align4)                       \
  struct name##1 {                                                               \
    type x;                                                                      \
  };                                                                             \
  struct alignas(align2) name##2 {                                               \
    type x, y;                                                                   \
  };                                                                             \
  struct name##3 {                                                               \
    type x, y, z;                                                                \
  };                                                                             \
  struct alignas(align4) name##4 {                                               \
    type x, y, z, w;                                                             \
  };                                                                             \
  constexpr name##1 make_##name##1(type x) { return {x}; }                       \
  constexpr name##2 make_##name##2(type x, type y) { return {x, y}; }            \
  constexpr name##3 make_##name##3(type x, type y, type z) { return {x, y, z}; } \
  constexpr name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }

SKEIN_EMULATED_VECTORS(signed char, char, 2, 4)
SKEIN_EMULATED_VECTORS(unsigned char, uchar, 2, 4)
SKEIN_EMULATED_VECTORS(short, short, 4, 8)            // NOLINT(google-runtime-int)
SKEIN_EMULATED_VECTORS(unsigned short, ushort, 4, 8)  // NOLINT(google-runtime-int)
SKEIN_EMULATED_VECTORS(int, int, 8, 16)
SKEIN_EMULATED_VECTORS(unsigned, uint, 8, 16)
SKEIN_EMULATED_VECTORS(long long, longlong, 16, 16)            // NOLINT(google-runtime-int)
SKEIN_EMULATED_VECTORS(unsigned long long, ulonglong, 16, 16)  // NOLINT(google-runtime-int)
SKEIN_EMULATED_VECTORS(float, float, 8, 16)
SKEIN_EMULATED_VECTORS(double, double, 16, 16)

#undef SKEIN_EMULATED_VECTORS

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_in = 1, unsigned y_in = 1, unsigned z_in = 1) : x(x_in), y(y_in), z(z_in) {}  // NOLINT
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}     // NOLINT: implicit, as in CUDA
  constexpr operator uint3() const { return {x, y, z}; }  // NOLINT
};

#endif  // SKEIN_TESTS_CUDA_EMULATOR_VECTOR_TYPES_H_
