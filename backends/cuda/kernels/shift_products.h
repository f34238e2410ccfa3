// Steps ① and the first half of ② of a layer of RWKV-6 in one launch, for few rows: a NormShift with one blend, and the
// products of that blend, which goes to no memory.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_SHIFT_PRODUCTS_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_SHIFT_PRODUCTS_H_

#include <cuda_runtime.h>

#include <cstddef>

#include "cuda/kernels/batch.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/products.h"
#include "equations/operands.h"

namespace skein::cuda {

struct ShiftProductsArguments {
  kit::Rows x;
  kit::Norm norm;
  size_t state;      // bytes from the beginning of a slot to the shift row
  const float* mix;  // of the blend
  kit::ShiftedRows kept;
};

// The inputs of the products are the blend, and their own addresses are not looked at; none has Then::kAdd. The bits
// are those of NormShift and RowProducts. The shift row of the slots that are written is left to the next NormShift
// (`earlier` in norm_shift.h): blocks that read the row before do not wait for each other.
cudaError_t ShiftProducts(const Queue& queue, const Batch& batch, const States& states,
                          const ShiftProductsArguments& arguments, const ProductList& list, Inputs inputs);

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_SHIFT_PRODUCTS_H_
