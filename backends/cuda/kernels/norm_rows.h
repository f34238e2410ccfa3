// The norms before the first layer and after the last. Bound by latency: a few KB a row.
#ifndef SKEIN_BACKENDS_CUDA_KERNELS_NORM_ROWS_H_
#define SKEIN_BACKENDS_CUDA_KERNELS_NORM_ROWS_H_

#include <cuda_runtime.h>

#include "cuda/kernels/batch.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/matrix_view.h"
#include "cuda/kernels/rounded_rows.h"
#include "cuda/kernels/sample.h"
#include "equations/operands.h"

namespace skein::cuda {

// x[t] = LayerNorm(E[token of row t]), as ops.h has it. E may be of any WeightType. `results_before`: of the step
// before, for rows with kDrawnToken. A row whose result has no token gets any.
cudaError_t Embed(const Queue& queue, const Batch& batch, const LogitResult* results_before,
                  const MatrixView& embedding, const kit::Norm& norm, kit::Rows x);

// hidden[i] = LayerNorm(x[row of output i]), for hidden.count outputs. `rounded`: a copy of `hidden`.
cudaError_t NormOutputs(const Queue& queue, const Batch& batch, kit::Rows x, const kit::Norm& norm, kit::Rows hidden,
                        const RoundedRows& rounded = {});

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_KERNELS_NORM_ROWS_H_
