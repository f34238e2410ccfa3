// The rows that a stream should compute, in float64, and how far a device may be from them in each arithmetic.
#ifndef SKEIN_BACKENDS_CUDA_CHECK_FLOAT64_ROWS_H_
#define SKEIN_BACKENDS_CUDA_CHECK_FLOAT64_ROWS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tests/conformance/synthetic_model.h"

namespace skein::check {

// After each token of one stream that began in the initial state.
struct Float64Rows {
  std::vector<double> exact_logits;    // [tokens, V], with exact inputs of the products
  std::vector<double> rounded_logits;  // with inputs as the arithmetic rounds them; empty where it does not
  std::vector<double> exact_hidden;    // [tokens, C]
  std::vector<double> exact_state;     // after the last token, in the canonical layout
};
Float64Rows ComputeInFloat64(const conformance::SyntheticModel& model, uint32_t compute_type,
                             const std::vector<uint32_t>& tokens);

// True for arithmetics that are held to float64 number by number. Of the others, rounding is a part of the result.
bool IsExact(uint32_t compute_type);

// Holds a device's logits to float64. In exact arithmetics every number must be near. F16 and BF16 must be nearer to
// the rounded float64 than that is to the exact one: they round as they say, and nothing else. Of Q8 and Q4 the error
// of all logits together may be a share of them.
class LogitsComparison {
 public:
  LogitsComparison(uint32_t compute_type, uint32_t vocab_size, double error_in_eight_bits = 0)
      : compute_type_(compute_type), width_(vocab_size), error_in_eight_bits_(error_in_eight_bits) {}

  // `found`: the rows of tokens [first_token, ...). Throws Mismatch.
  void Add(std::span<const float> found, const Float64Rows& expected, size_t first_token, const std::string& what);
  // Throws Mismatch if all rows together are too far.
  void Finish() const;

  // Of all rows, the largest difference from exact float64.
  double worst() const { return worst_; }

 private:
  void AddExact(std::span<const float> found, std::span<const double> expected, size_t first_token,
                const std::string& what) const;

  const uint32_t compute_type_;
  const size_t width_;
  const double error_in_eight_bits_;
  size_t count_ = 0;
  double worst_ = 0;
  // Sums of squares.
  double from_rounded_ = 0, rounded_from_exact_ = 0, from_exact_ = 0, exact_ = 0;
};

}  // namespace skein::check

#endif  // SKEIN_BACKENDS_CUDA_CHECK_FLOAT64_ROWS_H_
