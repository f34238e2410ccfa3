// The distance of a model's next-token distributions from those of the same model in float32.
#ifndef SKEIN_TESTS_SUPPORT_DIVERGENCE_H_
#define SKEIN_TESTS_SUPPORT_DIVERGENCE_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace skein::test {

// Sums over the places of a text.
class Divergence {
 public:
  // Takes the logits of both models at one place, and the token that comes next there.
  void Add(std::span<const float> exact, std::span<const float> rounded, uint32_t next) {
    LogSoftmax(exact, exact_);
    LogSoftmax(rounded, rounded_);
    double divergence = 0;
    for (size_t i = 0; i < exact.size(); ++i) divergence += std::exp(exact_[i]) * (exact_[i] - rounded_[i]);
    ++num_places_;
    sum_ += divergence;
    largest_ = std::max(largest_, divergence);
    if ((num_places_ - 1) % kBlock == 0) block_increases_.push_back(0);
    block_increases_.back() += exact_[next] - rounded_[next];
    exact_loss_ -= exact_[next];
    rounded_loss_ -= rounded_[next];
    num_agreed_ += Greedy(exact) == Greedy(rounded) ? 1 : 0;
  }

  uint64_t num_places() const { return num_places_; }
  // Kullback-Leibler divergence of the rounded distribution from the exact one, in nats a token.
  double Mean() const { return sum_ / Count(); }
  double Largest() const { return largest_; }
  double ExactPerplexity() const { return std::exp(exact_loss_ / Count()); }
  double RoundedPerplexity() const { return std::exp(rounded_loss_ / Count()); }
  // The growth of the perplexity, as a share.
  double PerplexityIncrease() const { return std::exp((rounded_loss_ - exact_loss_) / Count()) - 1; }
  // The standard error of PerplexityIncrease(), by its differences between stretches of kBlock places; 0 if there is
  // one stretch.
  double PerplexityIncreaseError() const {
    const auto num_blocks = static_cast<double>(block_increases_.size());
    if (num_blocks < 2) return 0;
    const double mean = (rounded_loss_ - exact_loss_) / num_blocks;
    double squares = 0;
    for (const double increase : block_increases_) squares += (increase - mean) * (increase - mean);
    return std::sqrt(squares * num_blocks / (num_blocks - 1)) / Count();
  }
  // The share of places where the most probable token is the same.
  double Agreement() const { return static_cast<double>(num_agreed_) / Count(); }

 private:
  static constexpr uint64_t kBlock = 512;

  double Count() const { return static_cast<double>(num_places_); }

  static size_t Greedy(std::span<const float> logits) {
    return static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  }

  static void LogSoftmax(std::span<const float> logits, std::vector<double>& out) {
    const double largest = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (const float logit : logits) sum += std::exp(logit - largest);
    const double log_sum = largest + std::log(sum);
    out.resize(logits.size());
    for (size_t i = 0; i < logits.size(); ++i) out[i] = logits[i] - log_sum;
  }

  uint64_t num_places_ = 0;
  uint64_t num_agreed_ = 0;
  double sum_ = 0;
  double largest_ = 0;
  double exact_loss_ = 0;
  double rounded_loss_ = 0;
  std::vector<double> block_increases_;  // of the loss, summed over a stretch
  std::vector<double> exact_;
  std::vector<double> rounded_;
};

}  // namespace skein::test

#endif  // SKEIN_TESTS_SUPPORT_DIVERGENCE_H_
