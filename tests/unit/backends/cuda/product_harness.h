// The common part of the tests of products: weights of every type in the device's memory beside their exact values,
// rows of inputs and outputs there, and the product in double precision with a bound of its rounding.
#ifndef SKEIN_TESTS_UNIT_BACKENDS_CUDA_PRODUCT_HARNESS_H_
#define SKEIN_TESTS_UNIT_BACKENDS_CUDA_PRODUCT_HARNESS_H_

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "cuda/kernels/products.h"
#include "numbers/half.h"
#include "numbers/quantised.h"

namespace skein::cuda {

inline constexpr WeightType kWeightTypes[] = {WeightType::kF32, WeightType::kF16, WeightType::kBf16, WeightType::kQ8,
                                              WeightType::kQ4};

inline std::string NameOf(WeightType type) {
  static constexpr const char* kNames[] = {"f32", "f16", "bf16", "q8", "q4"};
  return kNames[static_cast<size_t>(type)];
}

// The device's memory, with exactly the bytes that it is made from.
template <typename T>
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<T>& values) : size_(values.size()) {
    void* data = nullptr;
    EXPECT_EQ(cudaMalloc(&data, size_ * sizeof(T)), cudaSuccess);
    data_.reset(static_cast<T*>(data));
    EXPECT_EQ(cudaMemcpy(data, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice), cudaSuccess);
  }

  // Bytes that nobody wrote.
  explicit DeviceArray(size_t size) : size_(size) {
    void* data = nullptr;
    EXPECT_EQ(cudaMalloc(&data, size_ * sizeof(T)), cudaSuccess);
    data_.reset(static_cast<T*>(data));
  }

  T* get() const { return data_.get(); }

  // Waits for the device.
  std::vector<T> Read() const {
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
    std::vector<T> values(size_);
    EXPECT_EQ(cudaMemcpy(values.data(), data_.get(), size_ * sizeof(T), cudaMemcpyDeviceToHost), cudaSuccess);
    return values;
  }

 private:
  struct Free {
    void operator()(T* data) const { cudaFree(data); }
  };
  size_t size_;
  std::unique_ptr<T, Free> data_;
};

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}

  std::vector<float> Floats(size_t count) {
    std::normal_distribution<float> normal(0.0f, 1.0f);
    std::vector<float> values(count);
    for (float& value : values) value = normal(engine_);
    return values;
  }

 private:
  std::mt19937 engine_;
};

inline float RoundedInput(float x, Inputs inputs) {
  if (inputs == Inputs::kF16) return F16ToF32(F32ToF16(x));
  if (inputs == Inputs::kBf16) return Bf16ToF32(F32ToBf16(x));
  return x;
}

// A matrix in the device's memory, rows padded as MatrixView has it, and its exact values.
class Weights {
 public:
  Weights(WeightType type, uint32_t num_rows, uint32_t num_columns, Random& random)
      : type_(type), num_rows_(num_rows), num_columns_(num_columns), values_(size_t{num_rows} * num_columns) {
    const std::vector<float> floats = random.Floats(values_.size());
    std::vector<uint8_t> data;
    std::vector<uint16_t> scales;
    for (uint32_t row = 0; row < num_rows; ++row) {
      const float* from = floats.data() + size_t{row} * num_columns;
      PutRow({from, num_columns}, values_.data() + size_t{row} * num_columns, data, scales);
      if (row == 0) row_bytes_ = static_cast<uint32_t>(data.size()), groups_per_row_ = scales.size();
    }
    data_ = std::make_unique<DeviceArray<uint8_t>>(data);
    if (!scales.empty()) scales_ = std::make_unique<DeviceArray<uint16_t>>(scales);
  }

  MatrixView view() const {
    return {.type = type_,
            .num_rows = num_rows_,
            .num_columns = num_columns_,
            .row_bytes = row_bytes_,
            .data = data_->get(),
            .scales = scales_ == nullptr ? nullptr : reinterpret_cast<const __half*>(scales_->get()),
            .groups_per_row = static_cast<uint32_t>(groups_per_row_)};
  }
  double value(uint32_t row, uint32_t column) const { return values_[size_t{row} * num_columns_ + column]; }
  uint32_t num_rows() const { return num_rows_; }
  uint32_t num_columns() const { return num_columns_; }

 private:
  void PutRow(std::span<const float> row, float* values, std::vector<uint8_t>& data,
              std::vector<uint16_t>& scales) const {
    if (type_ == WeightType::kQ8 || type_ == WeightType::kQ4) return PutCodes(row, values, data, scales);
    const uint32_t dtype = type_ == WeightType::kF32   ? SKEIN_DTYPE_F32
                           : type_ == WeightType::kF16 ? SKEIN_DTYPE_F16
                                                       : SKEIN_DTYPE_BF16;
    const size_t bytes = row.size() * FloatBytes(dtype), begin = data.size();
    data.resize(begin + (bytes + 15) / 16 * 16);
    RoundFloats(row.data(), row.size(), dtype, data.data() + begin);
    ExpandFloats(dtype, data.data() + begin, row.size(), values);
  }

  void PutCodes(std::span<const float> row, float* values, std::vector<uint8_t>& data,
                std::vector<uint16_t>& scales) const {
    const uint32_t dtype = type_ == WeightType::kQ8 ? SKEIN_DTYPE_Q8 : SKEIN_DTYPE_Q4;
    const QuantisedLayout& layout = LayoutOf(dtype);
    std::vector<uint8_t> packed(layout.NumGroups(row.size()) * layout.group_bytes);
    EXPECT_TRUE(QuantiseRow(dtype, row, packed.data()));
    ExpandQuantised(dtype, packed.data(), 0, row.size(), values);
    for (size_t i = 0; i < packed.size(); i += layout.group_bytes) {
      scales.push_back(ScaleBits(packed.data() + i));
      data.insert(data.end(), packed.begin() + i + kScaleBytes, packed.begin() + i + layout.group_bytes);
    }
  }

  WeightType type_;
  uint32_t num_rows_;
  uint32_t num_columns_;
  uint32_t row_bytes_ = 0;
  size_t groups_per_row_ = 0;
  std::vector<float> values_;
  std::unique_ptr<DeviceArray<uint8_t>> data_;
  std::unique_ptr<DeviceArray<uint16_t>> scales_;
};

// A matrix turned over in the device's memory, as MatrixView has it, and its exact values.
class TurnedWeights {
 public:
  TurnedWeights(WeightType type, uint32_t num_inputs, uint32_t num_outputs, Random& random)
      : num_inputs_(num_inputs), num_outputs_(num_outputs) {
    if (type != WeightType::kQ8 && type != WeightType::kQ4) {
      plain_ = std::make_unique<Weights>(type, num_inputs, num_outputs, random);
    } else {
      PutCodes(type, random);
    }
  }

  MatrixView view() const {
    if (plain_ != nullptr) return plain_->view();
    MatrixView view = view_;
    view.data = codes_->get();
    view.scales = reinterpret_cast<const __half*>(scales_->get());
    return view;
  }
  double value(uint32_t input, uint32_t output) const {
    return plain_ != nullptr ? plain_->value(input, output) : values_[size_t{output} * num_inputs_ + input];
  }
  uint32_t num_inputs() const { return num_inputs_; }
  uint32_t num_outputs() const { return num_outputs_; }

 private:
  void PutCodes(WeightType type, Random& random) {
    const uint32_t dtype = type == WeightType::kQ8 ? SKEIN_DTYPE_Q8 : SKEIN_DTYPE_Q4;
    const QuantisedLayout& layout = LayoutOf(dtype);
    const auto num_groups = static_cast<uint32_t>(layout.NumGroups(num_inputs_));
    const uint32_t row_bytes = (num_outputs_ * layout.bits / 8 + 1 + 15) / 16 * 16;
    const uint32_t scale_stride = (num_outputs_ + 7) / 8 * 8;
    // Bytes that no code and no scale is in are ones.
    std::vector<uint8_t> codes(size_t{num_inputs_} * row_bytes, 0xFF);
    std::vector<uint16_t> scales(size_t{num_groups} * scale_stride, 0xFFFF);
    const std::vector<float> floats = random.Floats(size_t{num_outputs_} * num_inputs_);
    values_.resize(floats.size());
    std::vector<uint8_t> packed(num_groups * layout.group_bytes);
    for (uint32_t output = 0; output < num_outputs_; ++output) {
      const size_t first = size_t{output} * num_inputs_;
      EXPECT_TRUE(QuantiseRow(dtype, {floats.data() + first, num_inputs_}, packed.data()));
      ExpandQuantised(dtype, packed.data(), 0, num_inputs_, values_.data() + first);
      for (uint32_t input = 0; input < num_inputs_; ++input) {
        const uint8_t* group = packed.data() + input / layout.group_size * layout.group_bytes;
        const auto code = static_cast<uint8_t>(SignedCode(layout, group, input % layout.group_size) + layout.zero_code);
        uint8_t& byte = codes[size_t{input} * row_bytes + output * layout.bits / 8];
        byte = layout.bits == 8 ? code : output % 2 == 0 ? (byte & 0xF0) | code : (byte & 0x0F) | code << 4;
        scales[size_t{input / layout.group_size} * scale_stride + output] = ScaleBits(group);
      }
    }
    codes_ = std::make_unique<DeviceArray<uint8_t>>(codes);
    scales_ = std::make_unique<DeviceArray<uint16_t>>(scales);
    view_ = {.type = type,
             .num_rows = num_inputs_,
             .num_columns = num_outputs_,
             .row_bytes = row_bytes,
             .data = nullptr,
             .scales = nullptr,
             .groups_per_row = scale_stride};
  }

  uint32_t num_inputs_;
  uint32_t num_outputs_;
  std::unique_ptr<Weights> plain_;
  MatrixView view_ = {};
  std::vector<float> values_;  // [outputs][inputs]
  std::unique_ptr<DeviceArray<uint8_t>> codes_;
  std::unique_ptr<DeviceArray<uint16_t>> scales_;
};

// Rows in the device's memory.
class DeviceRows {
 public:
  DeviceRows(const std::vector<float>& values, uint32_t count, uint32_t width)
      : values_(values), count_(count), width_(width) {}

  kit::Rows rows() const { return {values_.get(), count_, width_}; }
  std::vector<float> Read() const { return values_.Read(); }

 private:
  DeviceArray<float> values_;
  uint32_t count_;
  uint32_t width_;
};

// Outputs that are not what a product writes by chance.
inline DeviceRows Poisoned(uint32_t count, uint32_t width) {
  return {std::vector<float>(size_t{count} * width, std::numeric_limits<float>::quiet_NaN()), count, width};
}

inline double AfterThen(kit::Then then, double sum, double before) {
  const double sigmoid = 1 / (1 + std::exp(-sum));
  switch (then) {
    case kit::Then::kStore:
      return sum;
    case kit::Then::kTanh:
      return std::tanh(sum);
    case kit::Then::kSigmoid:
      return sigmoid;
    case kit::Then::kSilu:
      return sum * sigmoid;
    case kit::Then::kReluSquare:
      return sum < 0 ? 0 : sum * sum;
    case kit::Then::kAdd:
      return before + sum;
  }
  return 0;
}

// An exact result and how far float32 sums may be from it, whatever their order.
struct Expected {
  double value;
  double tolerance;
};

inline Expected ExpectedOutput(const Weights& weights, const std::vector<float>& in, uint32_t row, uint32_t output,
                               Inputs inputs, kit::Then then, float before) {
  double sum = 0, magnitude = 0;
  for (uint32_t c = 0; c < weights.num_columns(); ++c) {
    const float x = RoundedInput(in[size_t{row} * weights.num_columns() + c], inputs);
    const double product = weights.value(output, c) * static_cast<double>(x);
    sum += product;
    magnitude += std::abs(product);
  }
  constexpr double kEpsilon = 0x1p-23;
  const double slope = then == kit::Then::kReluSquare ? 2 * std::abs(sum) : 1.1;
  const double value = AfterThen(then, sum, before);
  return {value, 8 * kEpsilon * magnitude * slope + 4 * kEpsilon * std::abs(value)};
}

// The first output that is not what it should be, or "".
inline std::string Difference(const Weights& weights, const std::vector<float>& in, const std::vector<float>& before,
                              const std::vector<float>& out, Inputs inputs, kit::Then then) {
  const uint32_t width = weights.num_rows();
  for (uint32_t i = 0; i < out.size(); ++i) {
    const Expected want = ExpectedOutput(weights, in, i / width, i % width, inputs, then, before[i]);
    if (std::abs(out[i] - want.value) <= want.tolerance) continue;
    return "row " + std::to_string(i / width) + ", output " + std::to_string(i % width) + ": expected " +
           std::to_string(want.value) + ", found " + std::to_string(out[i]);
  }
  return "";
}

// One product with its rows.
class TestProduct {
 public:
  TestProduct(WeightType type, uint32_t num_inputs, uint32_t num_outputs, uint32_t num_rows, kit::Then then,
              uint32_t seed = 1)
      : TestProduct(type, num_inputs, num_outputs, num_rows, then, Random(seed)) {}

  DeviceProduct product() const { return {weights_.view(), in_.rows(), out_.rows(), then_, {}, {}, {}}; }
  // The same with copies of its rows, whose widths are multiples of 8. That of the inputs is as RoundRows leaves it.
  DeviceProduct RoundedProduct(const Queue& queue, Inputs inputs) {
    rounded_in_ = std::make_unique<DeviceArray<uint16_t>>(in_values_.size());
    rounded_out_ = std::make_unique<DeviceArray<uint16_t>>(before_.size());
    EXPECT_EQ(RoundRows(queue, in_.rows(), inputs, rounded_in_->get()), cudaSuccess);
    DeviceProduct with_copies = product();
    with_copies.rounded_in = {rounded_in_->get(), inputs};
    with_copies.rounded_out = {rounded_out_->get(), inputs};
    return with_copies;
  }
  std::vector<uint16_t> ReadRounded() const { return rounded_out_->Read(); }
  const Weights& weights() const { return weights_; }
  std::vector<float> Read() const { return out_.Read(); }
  std::string Difference(Inputs inputs) const {
    return cuda::Difference(weights_, in_values_, before_, Read(), inputs, then_);
  }

 private:
  TestProduct(WeightType type, uint32_t num_inputs, uint32_t num_outputs, uint32_t num_rows, kit::Then then,
              Random random)
      : then_(then),
        weights_(type, num_outputs, num_inputs, random),
        in_values_(random.Floats(size_t{num_rows} * num_inputs)),
        before_(then == kit::Then::kAdd
                    ? random.Floats(size_t{num_rows} * num_outputs)
                    : std::vector<float>(size_t{num_rows} * num_outputs, std::numeric_limits<float>::quiet_NaN())),
        in_(in_values_, num_rows, num_inputs),
        out_(before_, num_rows, num_outputs) {}

  kit::Then then_;
  Weights weights_;
  std::vector<float> in_values_;
  std::vector<float> before_;
  DeviceRows in_;
  DeviceRows out_;
  std::unique_ptr<DeviceArray<uint16_t>> rounded_in_, rounded_out_;
};

// Floats in 16 bits, as products round their inputs.
inline std::vector<uint16_t> RoundedBits(const std::vector<float>& floats, Inputs inputs) {
  std::vector<uint16_t> bits;
  for (const float x : floats) bits.push_back(inputs == Inputs::kF16 ? F32ToF16(x) : F32ToBf16(x));
  return bits;
}

inline ProductList ListOf(const std::vector<DeviceProduct>& products) {
  ProductList list = {};
  for (const DeviceProduct& product : products) list.products[list.count++] = product;
  return list;
}

// Where blocks hand parts of sums to each other.
class TestPartScratch {
 public:
  PartScratch get() const { return {sums_.get(), counts_.get()}; }

 private:
  const DeviceArray<float> sums_{size_t{PartScratch::kBlocks} * PartScratch::kBlockFloats};
  const DeviceArray<uint32_t> counts_{std::vector<uint32_t>(PartScratch::kBlocks, 0)};
};

// A queue of its own.
class TestQueue {
 public:
  TestQueue() { EXPECT_EQ(cudaStreamCreateWithFlags(&queue_.stream, cudaStreamNonBlocking), cudaSuccess); }
  TestQueue(const TestQueue&) = delete;
  TestQueue& operator=(const TestQueue&) = delete;
  ~TestQueue() { cudaStreamDestroy(queue_.stream); }

  const Queue& get() const { return queue_; }

 private:
  Queue queue_;
};

}  // namespace skein::cuda

#endif  // SKEIN_TESTS_UNIT_BACKENDS_CUDA_PRODUCT_HARNESS_H_
