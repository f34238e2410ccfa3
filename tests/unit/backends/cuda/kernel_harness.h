// The common part of the tests of kernels beside products: a step of ragged sequences with their states, in the
// device's memory and as the reference's ops take it.
#ifndef SKEIN_TESTS_UNIT_BACKENDS_CUDA_KERNEL_HARNESS_H_
#define SKEIN_TESTS_UNIT_BACKENDS_CUDA_KERNEL_HARNESS_H_

#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "cuda/kernels/batch.h"
#include "cuda/kernels/launch.h"
#include "equations/operands.h"
#include "host/batch.h"
#include "numbers/half.h"
#include "reference/ops.h"
#include "tests/support/serial_host.h"
#include "tests/unit/backends/cuda/mutants.h"
#include "tests/unit/backends/cuda/producer.h"
#include "tests/unit/backends/cuda/product_harness.h"

namespace skein::cuda {

// The first number that is further from what it should be than `tolerance` of it, or of 1 if it is less. Or "".
inline std::string FirstDifference(const std::string& what, const std::vector<float>& expected,
                                   const std::vector<float>& found, float tolerance) {
  if (expected.size() != found.size()) return what + ": sizes differ";
  for (size_t i = 0; i < expected.size(); ++i) {
    if (std::abs(found[i] - expected[i]) <= tolerance * std::max(1.0f, std::abs(expected[i]))) continue;
    return what + " " + std::to_string(i) + ": expected " + std::to_string(expected[i]) + ", found " +
           std::to_string(found[i]);
  }
  return "";
}

// Rows that the kernel under test reads or writes, with what it finds there, beside the same in the host's memory.
class CaseRows {
 public:
  CaseRows(std::vector<float> values, uint32_t count, uint32_t width)
      : host_(std::move(values)), source_(host_), device_(host_.size()), count_(count), width_(width) {}

  kit::Rows device() const { return {device_.get(), count_, width_}; }
  kit::Rows host() { return {host_.data(), count_, width_}; }
  const std::vector<float>& values() const { return host_; }
  WordCopy copy() const {
    return {reinterpret_cast<uint32_t*>(device_.get()), reinterpret_cast<const uint32_t*>(source_.get()),
            static_cast<uint32_t>(host_.size())};
  }
  std::vector<float> Read() const { return device_.Read(); }
  std::string Difference(const std::string& what, float tolerance) const {
    return FirstDifference(what, host_, device_.Read(), tolerance);
  }

 private:
  std::vector<float> host_;
  DeviceArray<float> source_;
  DeviceArray<float> device_;
  uint32_t count_;
  uint32_t width_;
};

// Rows for a kernel to write.
inline CaseRows Unwritten(uint32_t count, uint32_t width) {
  return {std::vector<float>(size_t{count} * width, std::numeric_limits<float>::quiet_NaN()), count, width};
}

// A vector of weights.
class CaseVector {
 public:
  explicit CaseVector(std::vector<float> values) : host_(std::move(values)), device_(host_) {}
  const float* host() const { return host_.data(); }
  const float* device() const { return device_.get(); }

 private:
  std::vector<float> host_;
  DeviceArray<float> device_;
};

class CaseNorm {
 public:
  CaseNorm(uint32_t width, float epsilon, Random& random)
      : weight_(random.Floats(width)), bias_(random.Floats(width)), epsilon_(epsilon) {}
  kit::Norm host() const { return {weight_.host(), bias_.host(), epsilon_}; }
  kit::Norm device() const { return {weight_.device(), bias_.device(), epsilon_}; }

 private:
  CaseVector weight_;
  CaseVector bias_;
  float epsilon_;
};

// The slots of a segment with one layer: floats of the shift rows, then the wkv matrices.
struct SlotShape {
  uint32_t num_slots = 1;
  uint32_t num_shift_floats = 0;
  uint32_t num_wkv = 0;
  StateType wkv_type = StateType::kF32;
  uint32_t padding_bytes = 0;  // behind each slot
};

class CaseSlots {
 public:
  CaseSlots(const SlotShape& shape, Random& random) : shape_(shape) {
    for (uint32_t slot = 0; slot < shape.num_slots; ++slot) {
      host_.push_back(random.Floats(shape.num_shift_floats + shape.num_wkv));
      if (shape.wkv_type == StateType::kF32) continue;
      for (uint32_t i = 0; i < shape.num_wkv; ++i) {
        float& number = host_.back()[shape.num_shift_floats + i];
        number = F16ToF32(F32ToF16(number));
      }
    }
    device_ = std::make_unique<DeviceArray<unsigned char>>(Bytes());
  }

  States states() const { return {device_->get(), SlotBytes(), shape_.wkv_type}; }
  std::vector<float>& host(uint32_t slot) { return host_[slot]; }
  // Takes what `host` says now to the device.
  void Upload() { device_ = std::make_unique<DeviceArray<unsigned char>>(Bytes()); }
  size_t wkv_offset() const { return size_t{shape_.num_shift_floats} * sizeof(float); }
  size_t SlotBytes() const {
    const size_t element = shape_.wkv_type == StateType::kF16 ? sizeof(__half) : sizeof(float);
    return (wkv_offset() + shape_.num_wkv * element + 15) / 16 * 16 + shape_.padding_bytes;
  }

  // Every number of every slot is looked at. The wkv matrices, where they are binary16, have their rounding.
  std::string Difference(float tolerance) const {
    const std::vector<unsigned char> bytes = device_->Read();
    std::string found;
    for (uint32_t slot = 0; slot < shape_.num_slots && found.empty(); ++slot) {
      const float wkv_tolerance = shape_.wkv_type == StateType::kF16 ? std::max(0x1p-10f, tolerance) : tolerance;
      const std::vector<float> numbers = Numbers(bytes.data() + slot * SlotBytes());
      const auto shift_end = host_[slot].begin() + shape_.num_shift_floats;
      const std::string name = "slot " + std::to_string(slot);
      found = FirstDifference(name + " shift", {host_[slot].begin(), shift_end},
                              {numbers.begin(), numbers.begin() + shape_.num_shift_floats}, tolerance);
      if (!found.empty()) return found;
      found = FirstDifference(name + " wkv", {shift_end, host_[slot].end()},
                              {numbers.begin() + shape_.num_shift_floats, numbers.end()}, wkv_tolerance);
    }
    return found;
  }

 private:
  std::vector<unsigned char> Bytes() const {
    std::vector<unsigned char> bytes(shape_.num_slots * SlotBytes());
    for (uint32_t slot = 0; slot < shape_.num_slots; ++slot) {
      unsigned char* to = bytes.data() + slot * SlotBytes();
      if (shape_.wkv_type == StateType::kF32) {
        std::memcpy(to, host_[slot].data(), host_[slot].size() * sizeof(float));
        continue;
      }
      std::memcpy(to, host_[slot].data(), wkv_offset());
      for (uint32_t i = 0; i < shape_.num_wkv; ++i) {
        const uint16_t half = F32ToF16(host_[slot][shape_.num_shift_floats + i]);
        std::memcpy(to + wkv_offset() + i * sizeof(half), &half, sizeof(half));
      }
    }
    return bytes;
  }
  std::vector<float> Numbers(const unsigned char* slot) const {
    std::vector<float> numbers(shape_.num_shift_floats + shape_.num_wkv);
    if (shape_.wkv_type == StateType::kF32) {
      std::memcpy(numbers.data(), slot, numbers.size() * sizeof(float));
      return numbers;
    }
    std::memcpy(numbers.data(), slot, wkv_offset());
    for (uint32_t i = 0; i < shape_.num_wkv; ++i) {
      uint16_t half = 0;
      std::memcpy(&half, slot + wkv_offset() + i * sizeof(half), sizeof(half));
      numbers[shape_.num_shift_floats + i] = F16ToF32(half);
    }
    return numbers;
  }

  SlotShape shape_;
  std::vector<std::vector<float>> host_;
  std::unique_ptr<DeviceArray<unsigned char>> device_;
};

struct SequenceShape {
  uint32_t num_rows;
  uint32_t read_slot;
  uint32_t write_slot;
};

// Sequences that share a slot to read, go on in their own, and leave no state; with one row and with several.
// For kRaggedSlots slots.
inline constexpr uint32_t kRaggedSlots = 7;
inline const std::vector<SequenceShape> kRagged = {{1, 6, 3}, {5, 1, 1}, {1, 2, 2},      {17, 6, kNoSlot},
                                                   {1, 6, 0}, {2, 4, 5}, {9, 6, kNoSlot}};

// A step over the sequences, row after row, with the device's arrays and the reference's.
class CaseBatch {
 public:
  explicit CaseBatch(const std::vector<SequenceShape>& shapes) {
    for (const SequenceShape& shape : shapes) {
      const auto index = static_cast<uint32_t>(sequences_.size());
      sequences_.push_back({num_rows(), shape.num_rows, shape.read_slot, shape.write_slot});
      row_sequences_.insert(row_sequences_.end(), shape.num_rows, index);
    }
    device_sequences_ = std::make_unique<DeviceArray<Sequence>>(sequences_);
    device_row_sequences_ = std::make_unique<DeviceArray<uint32_t>>(row_sequences_);
  }

  uint32_t num_rows() const { return static_cast<uint32_t>(row_sequences_.size()); }
  Batch device() const {
    Batch batch = {};
    batch.sequences = device_sequences_->get();
    batch.row_sequences = device_row_sequences_->get();
    batch.num_rows = num_rows();
    batch.num_sequences = static_cast<uint32_t>(sequences_.size());
    return batch;
  }
  const std::vector<Sequence>& sequences() const { return sequences_; }

  // Runs an op of the reference over the step.
  void Reference(CaseSlots& slots, uint32_t head_size, const std::function<void(reference::Ops&)>& run) const {
    std::vector<kit::Sequence> sequences;
    for (const Sequence& sequence : sequences_) {
      float* write = sequence.write_slot == kNoSlot ? nullptr : slots.host(sequence.write_slot).data();
      sequences.push_back({sequence.first_row, sequence.num_rows, slots.host(sequence.read_slot).data(), write});
    }
    kit::Batch batch = {};
    batch.sequences = sequences;
    std::vector<float> scratch(size_t{head_size} * head_size);
    reference::RowProduct row_product(testing::SerialHost(), 0);
    reference::Ops ops(batch, head_size, scratch.data(), row_product);
    run(ops);
  }

 private:
  std::vector<Sequence> sequences_;
  std::vector<uint32_t> row_sequences_;
  std::unique_ptr<DeviceArray<Sequence>> device_sequences_;
  std::unique_ptr<DeviceArray<uint32_t>> device_row_sequences_;
};

}  // namespace skein::cuda

#endif  // SKEIN_TESTS_UNIT_BACKENDS_CUDA_KERNEL_HARNESS_H_
