// The inputs of a product in the form in which they are multiplied: in bf16, or in 8 bits with scales, beside the
// float32 rows that the page of equations works with.
#ifndef SKEIN_BACKENDS_ONEDNN_PREPARED_INPUT_H_
#define SKEIN_BACKENDS_ONEDNN_PREPARED_INPUT_H_

#include <cstddef>
#include <cstdint>

#include "equations/ops.h"
#include "onednn/kernels/int8_rows.h"
#include "onednn/matmul.h"

namespace skein::onednn {

class PreparedInput {
 public:
  // kF32: nothing to prepare, the rows are the input.
  PreparedInput() = default;
  // `in` as inputs of panels of this type; `place` is memory for it, of Bytes(form, type, in), aligned to 64.
  PreparedInput(InputForm form, PanelType type, kit::Rows in, std::byte* place);

  // A multiple of 64.
  static uint64_t Bytes(InputForm form, PanelType type, uint64_t num_rows, uint64_t width);

  // Whether it also is what this would be.
  bool Is(InputForm form, PanelType type, kit::Rows in) const;

  // The work is to be cut into this many items; any thread fills any range of them.
  uint64_t num_items() const;
  void Fill(uint64_t begin, uint64_t end) const;

  // From row `row` on; NULL or empty in the other forms.
  const uint16_t* Bf16(uint32_t row) const;
  Int8Rows Int8(uint32_t row) const;

 private:
  InputForm form_ = InputForm::kF32;
  kit::Rows in_;
  uint16_t* bf16_ = nullptr;
  uint32_t group_size_ = 0;
  int8_t* codes_ = nullptr;
  float* scales_ = nullptr;
  int32_t* sums_ = nullptr;
};

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_PREPARED_INPUT_H_
