#include "onednn/prepared_input.h"

#include <algorithm>

#include "onednn/kernels/panel_kernels.h"

namespace skein::onednn {
namespace {

// Of bf16: a cache line, so that no two threads write one line.
constexpr uint64_t kBf16Item = 32;
// Kernels read whole blocks of 16 rows.
constexpr uint64_t kRowsBeyond = 15;

struct Int8Sizes {
  uint64_t codes, scales, sums;  // bytes

  Int8Sizes(uint64_t num_groups, uint64_t group_size, uint64_t num_rows)
      : codes(RoundUp((num_groups * num_rows + kRowsBeyond) * group_size, 64)),
        scales(RoundUp(num_groups * num_rows * sizeof(float), 64)),
        sums(RoundUp(num_groups * num_rows * sizeof(int32_t), 64)) {}
};

}  // namespace

uint64_t PreparedInput::Bytes(InputForm form, PanelType type, uint64_t num_rows, uint64_t width) {
  switch (form) {
    case InputForm::kF32:
      break;
    case InputForm::kBf16:
      return RoundUp((num_rows + kRowsBeyond) * width * sizeof(uint16_t), 64);
    case InputForm::kInt8: {
      const QuantisedPanel& layout = QuantisedPanelOf(type);
      const Int8Sizes sizes(layout.NumGroups(static_cast<uint32_t>(width)), layout.group_size, num_rows);
      return sizes.codes + sizes.scales + sizes.sums;
    }
  }
  return 0;
}

PreparedInput::PreparedInput(InputForm form, PanelType type, kit::Rows in, std::byte* place) : form_(form), in_(in) {
  if (form == InputForm::kBf16) bf16_ = reinterpret_cast<uint16_t*>(place);
  if (form == InputForm::kInt8) {
    const QuantisedPanel& layout = QuantisedPanelOf(type);
    const Int8Sizes sizes(layout.NumGroups(in.width), layout.group_size, in.count);
    group_size_ = layout.group_size;
    codes_ = reinterpret_cast<int8_t*>(place);
    scales_ = reinterpret_cast<float*>(place + sizes.codes);
    sums_ = reinterpret_cast<int32_t*>(place + sizes.codes + sizes.scales);
  }
}

bool PreparedInput::Is(InputForm form, PanelType type, kit::Rows in) const {
  return form_ == form && in_.data == in.data &&
         (form != InputForm::kInt8 || group_size_ == QuantisedPanelOf(type).group_size);
}

uint64_t PreparedInput::num_items() const {
  switch (form_) {
    case InputForm::kF32:
      break;
    case InputForm::kBf16:
      return (uint64_t{in_.count} * in_.width + kBf16Item - 1) / kBf16Item;
    case InputForm::kInt8:
      return NumItems(in_.count, in_.width, group_size_);
  }
  return 0;
}

void PreparedInput::Fill(uint64_t begin, uint64_t end) const {
  if (begin == end) return;
  if (form_ == InputForm::kBf16) {
    const uint64_t first = begin * kBf16Item;
    const uint64_t last = std::min(end * kBf16Item, uint64_t{in_.count} * in_.width);
    Panels().round_to_bf16(in_.data + first, last - first, bf16_ + first);
  } else if (form_ == InputForm::kInt8) {
    QuantiseItems({.x = in_.data,
                   .num_rows = in_.count,
                   .num_inputs = in_.width,
                   .group_size = group_size_,
                   .codes = codes_,
                   .scales = scales_,
                   .sums = sums_},
                  begin, end);
  }
}

const uint16_t* PreparedInput::Bf16(uint32_t row) const {
  return bf16_ == nullptr ? nullptr : bf16_ + size_t{row} * in_.width;
}

Int8Rows PreparedInput::Int8(uint32_t row) const {
  if (codes_ == nullptr) return {};
  return Int8Rows{codes_, scales_, sums_, group_size_, in_.count}.From(row);
}

}  // namespace skein::onednn
