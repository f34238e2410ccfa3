#include "model/element_writer.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "model/tensor.h"
#include "numbers/half.h"

namespace skein {
namespace {

// Whether `dtype` (F32, F16 or BF16) rounds the value to infinity.
bool IsTooLarge(float value, uint32_t dtype) {
  if (dtype == SKEIN_DTYPE_F16) return std::fabs(value) >= 65520.0f;
  return dtype == SKEIN_DTYPE_BF16 && std::fabs(value) >= 0x1.ffp127f;
}

}  // namespace

ElementWriter::ElementWriter(absl::Span<const uint64_t> shape, const std::string& name, uint32_t dtype, uint8_t* out)
    : shape_(shape),
      name_(name),
      dtype_(dtype),
      block_elements_(FindDtype(dtype)->block_elements),
      block_bytes_(FindDtype(dtype)->block_bytes),
      num_columns_(shape.back()),
      out_(out) {}

absl::Status ElementWriter::Add(absl::Span<const float> values) {
  return block_elements_ == 1 ? AddPlain(values) : AddQuantised(values);
}

absl::Status ElementWriter::AddPlain(absl::Span<const float> values) {
  bool too_large = false;
  for (const float value : values) too_large |= IsTooLarge(value, dtype_);
  if (too_large) return TooLarge(values, num_added_);
  RoundFloats(values.data(), values.size(), dtype_, out_);
  out_ += values.size() * block_bytes_;
  num_added_ += values.size();
  return absl::OkStatus();
}

absl::Status ElementWriter::AddQuantised(absl::Span<const float> values) {
  while (!values.empty()) {
    const uint64_t left_in_row = num_columns_ - num_added_ % num_columns_;
    const size_t in_row = static_cast<size_t>(std::min<uint64_t>(values.size(), left_in_row));
    const bool ends_row = in_row == left_in_row;
    if (num_pending_ == 0) {
      const size_t ready = ends_row ? in_row : in_row / block_elements_ * block_elements_;
      SKEIN_RETURN_IF_ERROR(WriteGroups(values.first(ready)));
      num_added_ += ready;
      values.remove_prefix(ready);
      if (ready > 0) continue;
    }
    const size_t taken = std::min(in_row, block_elements_ - num_pending_);
    std::copy_n(values.data(), taken, pending_ + num_pending_);
    num_pending_ += taken;
    if (num_pending_ == block_elements_ || taken == left_in_row) {
      num_added_ -= num_pending_ - taken;  // as if the group came in one piece, for messages
      SKEIN_RETURN_IF_ERROR(WriteGroups({pending_, num_pending_}));
      num_added_ += num_pending_ - taken;
      num_pending_ = 0;
    }
    num_added_ += taken;
    values.remove_prefix(taken);
  }
  return absl::OkStatus();
}

absl::Status ElementWriter::WriteGroups(absl::Span<const float> values) {
  if (!QuantiseRow(dtype_, values, out_)) return TooLarge(values, num_added_);
  out_ += (values.size() + block_elements_ - 1) / block_elements_ * block_bytes_;
  return absl::OkStatus();
}

absl::Status ElementWriter::TooLarge(absl::Span<const float> values, uint64_t first) const {
  const auto largest =
      std::max_element(values.begin(), values.end(), [](float a, float b) { return std::fabs(a) < std::fabs(b); });
  return absl::OutOfRangeError(absl::StrCat(
      "tensor \"", name_, "\": ", ElementText(shape_, first + static_cast<uint64_t>(largest - values.begin())), ": ",
      *largest, " is too large for ", DtypeName(dtype_)));
}

}  // namespace skein
