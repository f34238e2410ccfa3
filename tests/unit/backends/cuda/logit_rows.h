// Rows of logits in an emulated device's memory, with what is wanted of each, and what the kernel makes of them.
#ifndef SKEIN_TESTS_UNIT_BACKENDS_CUDA_LOGIT_ROWS_H_
#define SKEIN_TESTS_UNIT_BACKENDS_CUDA_LOGIT_ROWS_H_

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "cuda/kernels/sample.h"
#include "sampling/sampler.h"
#include "tests/cuda_emulator/device_vector.h"

namespace skein::cuda {

inline constexpr float kInfinity = std::numeric_limits<float>::infinity();

class LogitRows {
 public:
  explicit LogitRows(uint32_t vocab_size) : vocab_size_(vocab_size) {}

  // Adds a row. `biases` are in order of token.
  void Add(const std::vector<float>& logits, LogitWish wish, const std::vector<skein_bias>& biases = {},
           const std::vector<uint32_t>& mask = {}) {
    wish.first_bias = static_cast<uint32_t>(biases_.size());
    wish.num_biases = static_cast<uint32_t>(biases.size());
    wish.mask = mask.empty() ? kNoMask : num_masks_++;
    logits_.insert(logits_.end(), logits.begin(), logits.end());
    biases_.insert(biases_.end(), biases.begin(), biases.end());
    masks_.insert(masks_.end(), mask.begin(), mask.end());
    wishes_.push_back(wish);
  }

  // Runs the kernel over all rows. With `num_launches` 2 it runs once more over rows that the first run has changed, as
  // a dependent launch; only for rows whose biases may be added twice. `least_slice`: with it a few rows at a time go
  // through, and blocks share each by slices of at least so many tokens. False: the device stopped.
  [[nodiscard]] bool Finish(int num_launches = 1, uint32_t least_slice = 0) {
    const auto count = static_cast<uint32_t>(wishes_.size());
    const emulator::DeviceVector<float> logits(logits_);
    const emulator::DeviceVector<LogitWish> wishes(wishes_);
    // One more, because no allocation is empty.
    const emulator::DeviceVector<skein_bias> biases(WithOneMore(biases_));
    const emulator::DeviceVector<uint32_t> masks(WithOneMore(masks_));
    const emulator::DeviceVector<LogitResult> device_results(count);
    const emulator::DeviceVector<RankedLogit> device_greatest(size_t{count} * SKEIN_MAX_TOP_K);
    Queue queue;
    queue.dependent_launch = true;
    emulator::Require(cudaStreamCreateWithFlags(&queue.stream, cudaStreamNonBlocking));
    const emulator::DeviceVector<LogitSlice> slices(LogitScratch::kMostBlocks);
    const emulator::DeviceVector<uint32_t> counts(std::vector<uint32_t>(LogitScratch::kMostRows));
    LogitScratch scratch = {};
    if (least_slice > 0) scratch = {slices.data(), counts.data(), least_slice};
    for (int i = 0; i < num_launches; ++i) {
      for (uint32_t first = 0, some = 0; first < count; first += some) {
        some = std::min(least_slice == 0 ? count : kRowsTogether[first % std::size(kRowsTogether)], count - first);
        const kit::Rows rows = {logits.data() + size_t{first} * vocab_size_, some, vocab_size_};
        most_slices_ = std::max(most_slices_, NumSlices(rows, scratch));
        FinishLogits(queue, rows, {wishes.data() + first, biases.data(), masks.data()}, device_results.data() + first,
                     device_greatest.data() + size_t{first} * SKEIN_MAX_TOP_K, scratch);
      }
    }
    const cudaError_t error = cudaStreamSynchronize(queue.stream);
    cudaStreamDestroy(queue.stream);
    if (error != cudaSuccess) return false;
    logits_ = logits.Read();
    results_ = device_results.Read();
    greatest_ = device_greatest.Read();
    return true;
  }

  // After Finish.
  std::vector<float> logits(size_t row) const {
    const auto first = logits_.begin() + static_cast<ptrdiff_t>(row * vocab_size_);
    return {first, first + vocab_size_};
  }
  const LogitResult& result(size_t row) const { return results_[row]; }
  const RankedLogit* greatest(size_t row) const { return &greatest_[row * SKEIN_MAX_TOP_K]; }
  size_t size() const { return wishes_.size(); }
  // The most blocks that shared a row.
  uint32_t most_slices() const { return most_slices_; }

 private:
  static constexpr uint32_t kRowsTogether[] = {1, 33, 5, 2, 17, 64, 8};  // of these numbers

  template <typename T>
  static std::vector<T> WithOneMore(std::vector<T> values) {
    values.emplace_back();
    return values;
  }

  const uint32_t vocab_size_;
  std::vector<float> logits_;
  std::vector<LogitWish> wishes_;
  std::vector<skein_bias> biases_;
  std::vector<uint32_t> masks_;
  uint32_t num_masks_ = 0;
  uint32_t most_slices_ = 0;
  std::vector<LogitResult> results_;
  std::vector<RankedLogit> greatest_;
};

inline LogitWish WishFor(LogitOutput output, uint32_t top_k = 0) {
  return {.output = output,
          .top_k = top_k,
          .first_bias = 0,
          .num_biases = 0,
          .mask = kNoMask,
          .scale = 1,
          .top_p = 1,
          .log_min_p = -HUGE_VAL,
          .uniform = 0.5};
}

// The token that a sampler with these parameters draws with the number `uniform`.
inline LogitWish WishFor(const SamplingParams& params, double uniform) {
  LogitWish wish = WishFor(LogitOutput::kToken);
  wish.top_k = static_cast<uint32_t>(params.top_k);
  wish.scale = params.temperature == 0 ? 0 : static_cast<float>(1 / params.temperature);
  wish.top_p = params.top_p;
  wish.log_min_p = std::log(params.min_p);
  wish.uniform = uniform;
  return wish;
}

// A number of a list, by chance.
template <typename T>
T OneOf(std::mt19937_64& random, const std::vector<T>& values) {
  return values[random() % values.size()];
}

// Logits of a peaked or a flat distribution; some rows are coarse, so that many tokens are equal.
inline std::vector<float> RandomLogits(std::mt19937_64& random, uint32_t vocab_size) {
  std::normal_distribution<float> normal(OneOf<float>(random, {0, -8, 5}), OneOf<float>(random, {0, 0.5f, 2, 6}));
  const bool is_coarse = random() % 3 == 0;
  std::vector<float> logits(vocab_size);
  for (float& logit : logits) logit = is_coarse ? std::round(normal(random)) : normal(random);
  return logits;
}

}  // namespace skein::cuda

#endif  // SKEIN_TESTS_UNIT_BACKENDS_CUDA_LOGIT_ROWS_H_
