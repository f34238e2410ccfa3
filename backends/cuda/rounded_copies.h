// Where copies of a step's activations in 16 bits lie, and which of them hold what the rows hold. Pure.
#ifndef SKEIN_BACKENDS_CUDA_ROUNDED_COPIES_H_
#define SKEIN_BACKENDS_CUDA_ROUNDED_COPIES_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "cuda/kernels/rounded_rows.h"
#include "equations/operands.h"

namespace skein::cuda {

// A copy of the element `activations`[i] is `copies`[i].
struct RoundedPlaces {
  const float* activations = nullptr;
  uint16_t* copies = nullptr;  // NULL: there are none
  Inputs inputs = Inputs::kF16;
};

// Follows the rows of one step. Rows are known by their address.
class RoundedCopies {
 public:
  explicit RoundedCopies(const RoundedPlaces& places) : places_(places) {}

  // For an op that writes `rows` and, where this has data, the copy too.
  RoundedRows Write(const kit::Rows& rows) {
    const RoundedRows copy = PlaceOf(rows);
    Forget(rows);
    if (copy.data == nullptr || num_written_ == written_.size()) return {};
    written_[num_written_++] = rows.data;
    return copy;
  }
  // For an op that writes the rows alone.
  void Forget(const kit::Rows& rows) {
    const auto end = std::remove(written_.begin(), written_.begin() + num_written_, rows.data);
    num_written_ = static_cast<size_t>(end - written_.begin());
  }
  // The copy of what the rows hold; without data if there is none.
  RoundedRows Find(const kit::Rows& rows) const {
    const auto end = written_.begin() + num_written_;
    return std::find(written_.begin(), end, rows.data) == end ? RoundedRows{} : PlaceOf(rows);
  }

 private:
  static constexpr size_t kAlignment = 8;  // elements

  RoundedRows PlaceOf(const kit::Rows& rows) const {
    if (places_.copies == nullptr || rows.data == nullptr) return {};
    const auto offset = static_cast<size_t>(rows.data - places_.activations);
    if (rows.width % kAlignment != 0 || offset % kAlignment != 0) return {};
    return {places_.copies + offset, places_.inputs};
  }

  const RoundedPlaces places_;
  std::array<const float*, 32> written_ = {};
  size_t num_written_ = 0;
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_ROUNDED_COPIES_H_
