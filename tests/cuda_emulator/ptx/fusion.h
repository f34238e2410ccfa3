// What ptxas may make of products and sums: "mul.f32" and "add.f32" without a rounding in their names may become one
// fma, of which it says nothing and which gives other bits.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_PTX_FUSION_H_
#define SKEIN_TESTS_CUDA_EMULATOR_PTX_FUSION_H_

#include "program.h"

namespace skein::emulator::ptx {

// Puts a fused operation in the place of each sum, or difference, of a product of the same stretch without labels. The
// program is that of the body. How many there were.
size_t FuseProducts(const Body& body, Program& program);

}  // namespace skein::emulator::ptx

#endif  // SKEIN_TESTS_CUDA_EMULATOR_PTX_FUSION_H_
