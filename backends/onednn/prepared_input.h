// The inputs of a product in the form in which they are multiplied: in bf16, or in 8 bits with scales. The equations
// work with float32 rows.
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
  // `in` as inputs of panels of this type. `place` is memory for them: Bytes(form, type, rows, width), aligned to 64.
  PreparedInput(InputForm form, PanelType type, kit::Rows in, std::byte* place);

  // A multiple of 64.
  static uint64_t Bytes(InputForm form, PanelType type, uint64_t num_rows, uint64_t width);

  // Whether PreparedInput(form, type, in) would be the same.
  bool Is(InputForm form, PanelType type, kit::Rows in) const;

  // The work can be cut into this many items. Any thread may fill any range of them.
  uint64_t num_items() const;
  void Fill(uint64_t begin, uint64_t end) const;

  // The rows from `row` on. NULL, or empty, if the input has another form.
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
