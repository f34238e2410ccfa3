// A product of many rows by a matrix of kQ8, in the device's memory, for tests of the ways that it may go.
#ifndef SKEIN_TESTS_UNIT_BACKENDS_CUDA_CODE_PRODUCT_H_
#define SKEIN_TESTS_UNIT_BACKENDS_CUDA_CODE_PRODUCT_H_

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "cuda/cuda_stream.h"
#include "cuda/device_memory.h"
#include "cuda/kernels/launch.h"
#include "cuda/kernels/products.h"
#include "cuda/matrix_form.h"
#include "numbers/half.h"
#include "skein/dtype.h"
#include "tests/conformance/quantise.h"

namespace skein::cuda {

class CodeProduct {
 public:
  static constexpr uint32_t kInputs = 96, kOutputs = 64, kRows = 70;

  CodeProduct()
      : weights_(Random(1, kOutputs * kInputs)), in_values_(Random(2, kRows * kInputs)), in_(0, kRows * kInputs, "in") {
    const std::vector<uint8_t> packed = conformance::QuantiseRows(SKEIN_DTYPE_Q8, weights_, kInputs);
    const kit::TensorView view = {
        .dtype = SKEIN_DTYPE_Q8, .num_rows = kOutputs, .num_columns = kInputs, .data = packed.data()};
    const MatrixForm form = FormOf(SKEIN_DTYPE_Q8, kOutputs, kInputs);
    std::vector<unsigned char> codes(form.data_bytes()), scales(form.scale_bytes());
    for (uint32_t row = 0; row < kOutputs; ++row) {
      PackRow(view, form, row, codes.data() + row * form.row_bytes);
      PackScales(view, form, row, scales.data() + row * form.groups_per_row * sizeof(uint16_t));
      view.Expand(row, 0, kInputs, weights_.data() + row * kInputs);
    }
    for (float& x : in_values_) x = Bf16ToF32(F32ToBf16(x));
    Write(codes_.data(), codes.data(), codes.size());
    Write(scales_.data(), scales.data(), scales.size());
    Write(in_.data(), in_values_.data(), in_values_.size() * sizeof(float));
    weight_ = {.type = form.type,
               .num_rows = kOutputs,
               .num_columns = kInputs,
               .row_bytes = form.row_bytes,
               .data = codes_.data(),
               .scales = reinterpret_cast<const __half*>(scales_.data()),
               .groups_per_row = form.groups_per_row};
  }

  Queue queue() const { return {.stream = stream_.get()}; }
  DeviceProduct product() const {
    return {weight_, {in_.data(), kRows, kInputs}, {out_.data(), kRows, kOutputs}, kit::Then::kStore};
  }
  // How far the outputs are from the exact ones, as a share of the sum of their products' magnitudes.
  double Error() const {
    EXPECT_EQ(cudaStreamSynchronize(stream_.get()), cudaSuccess);
    std::vector<float> out(kRows * kOutputs);
    EXPECT_EQ(cudaMemcpy(out.data(), out_.data(), out.size() * sizeof(float), cudaMemcpyDeviceToHost), cudaSuccess);
    double most = 0;
    for (uint32_t i = 0; i < out.size(); ++i) {
      double sum = 0, magnitude = 0;
      for (uint32_t c = 0; c < kInputs; ++c) {
        const double product = double{weights_[i % kOutputs * kInputs + c]} * in_values_[i / kOutputs * kInputs + c];
        sum += product;
        magnitude += std::abs(product);
      }
      most = std::max(most, std::abs(out[i] - sum) / magnitude);
    }
    return most;
  }

 private:
  static std::vector<float> Random(uint32_t seed, size_t count) {
    std::mt19937 engine(seed);
    std::normal_distribution<float> normal;
    std::vector<float> values(count);
    for (float& value : values) value = normal(engine);
    return values;
  }
  static void Write(void* to, const void* from, size_t bytes) {
    EXPECT_EQ(cudaMemcpy(to, from, bytes, cudaMemcpyHostToDevice), cudaSuccess);
  }

  const CudaStream stream_{0};
  std::vector<float> weights_;
  std::vector<float> in_values_;
  const DeviceArray<float> in_;
  const DeviceArray<float> out_{0, kRows* kOutputs, "out"};
  const DeviceArray<unsigned char> codes_{0, FormOf(SKEIN_DTYPE_Q8, kOutputs, kInputs).data_bytes(), "codes"};
  const DeviceArray<unsigned char> scales_{0, FormOf(SKEIN_DTYPE_Q8, kOutputs, kInputs).scale_bytes(), "scales"};
  MatrixView weight_ = {};
};

}  // namespace skein::cuda

#endif  // SKEIN_TESTS_UNIT_BACKENDS_CUDA_CODE_PRODUCT_H_
