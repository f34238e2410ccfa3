#include "cuda/check/float64_rows.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "cuda/check/expect.h"
#include "tests/conformance/float64_stream.h"
#include "tests/conformance/model_shapes.h"

namespace skein::check {
namespace {

using conformance::Float64Stream;
using conformance::ProductInputs;

// As in the conformance tests of these arithmetics.
constexpr double kShareOfRounding = 0.75;

bool IsRounded(uint32_t compute_type) { return compute_type == SKEIN_DTYPE_F16 || compute_type == SKEIN_DTYPE_BF16; }

void Append(const Float64Stream::Vector& row, std::vector<double>& rows) {
  rows.insert(rows.end(), row.begin(), row.end());
}

}  // namespace

bool IsExact(uint32_t compute_type) { return compute_type == SKEIN_DTYPE_NONE || compute_type == SKEIN_DTYPE_F32; }

Float64Rows ComputeInFloat64(const conformance::SyntheticModel& model, uint32_t compute_type,
                             const std::vector<uint32_t>& tokens) {
  Float64Rows rows;
  const auto exact = Float64Stream::Make(model);
  const auto rounded =
      Float64Stream::Make(model, compute_type == SKEIN_DTYPE_BF16 ? ProductInputs::kBf16 : ProductInputs::kF16);
  for (const uint32_t token : tokens) {
    exact->Feed(token);
    Append(exact->logits(), rows.exact_logits);
    Append(exact->hidden(), rows.exact_hidden);
    if (!IsRounded(compute_type)) continue;
    rounded->Feed(token);
    Append(rounded->logits(), rows.rounded_logits);
  }
  rows.exact_state = exact->State();
  return rows;
}

void LogitsComparison::Add(std::span<const float> found, const Float64Rows& expected, size_t first_token,
                           const std::string& what) {
  Expect(found.size() % width_ == 0, "whole rows of logits", std::to_string(found.size()) + " numbers");
  const size_t first = first_token * width_;
  const std::span<const double> exact = std::span(expected.exact_logits).subspan(first, found.size());
  if (IsExact(compute_type_)) AddExact(found, exact, first_token, what);
  for (size_t i = 0; i < found.size(); ++i) {
    Expect(std::isfinite(found[i]), "finite logits", "one that is not, in " + what);
    const double difference = found[i] - exact[i];
    worst_ = std::max(worst_, std::fabs(difference));
    from_exact_ += difference * difference;
    exact_ += exact[i] * exact[i];
    if (!IsRounded(compute_type_)) continue;
    const double rounded = expected.rounded_logits[first + i];
    from_rounded_ += (found[i] - rounded) * (found[i] - rounded);
    rounded_from_exact_ += (rounded - exact[i]) * (rounded - exact[i]);
  }
  count_ += found.size();
}

void LogitsComparison::AddExact(std::span<const float> found, std::span<const double> expected, size_t first_token,
                                const std::string& what) const {
  // The first token of a stream is the most delicate.
  const size_t first_row = first_token == 0 ? width_ : 0;
  ExpectNear(found.subspan(0, first_row), expected.subspan(0, first_row), width_, conformance::kFirstTokenTolerance,
             what + ", the first token");
  ExpectNear(found.subspan(first_row), expected.subspan(first_row), width_, conformance::kTolerance,
             what + (first_row == 0 ? "" : ", behind the first token"));
}

void LogitsComparison::Finish() const {
  const auto deviation = [this](double squares) { return std::sqrt(squares / static_cast<double>(count_)); };
  if (IsRounded(compute_type_)) {
    const double allowed = kShareOfRounding * deviation(rounded_from_exact_);
    Expect(deviation(from_rounded_) < allowed,
           "a deviation from the rounded float64 below " + NumberText(allowed) + ", which is " +
               NumberText(kShareOfRounding) + " of what rounding does",
           NumberText(deviation(from_rounded_)));
  } else if (!IsExact(compute_type_)) {
    const double error = std::sqrt(from_exact_ / exact_);
    Expect(error <= error_in_eight_bits_,
           "an error of all logits of at most " + NumberText(error_in_eight_bits_) + " of them", NumberText(error));
  }
}

}  // namespace skein::check
