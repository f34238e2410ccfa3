#include "model/matrix_type.h"

#include "numbers/panels.h"
#include "numbers/roles.h"
#include "skein/backend.h"
#include "skein/dtype.h"

namespace skein {

uint32_t TypeInModel(uint32_t role, absl::Span<const uint64_t> shape, uint32_t wanted, uint32_t own) {
  if (!IsMatrixRole(role)) return SKEIN_DTYPE_F32;
  if (wanted == SKEIN_DTYPE_NONE) return own;
  if (!IsQuantised(wanted)) return wanted;
  const bool needs_8_bits = IsFactorRole(role) || role == SKEIN_ROLE_EMBEDDING;
  const uint32_t quantised = needs_8_bits ? uint32_t{SKEIN_DTYPE_Q8} : wanted;
  const uint32_t rounded = own == SKEIN_DTYPE_BF16 ? SKEIN_DTYPE_BF16 : SKEIN_DTYPE_F16;
  return RowBytes(quantised, shape.back()) < RowBytes(rounded, shape.back()) ? quantised : rounded;
}

}  // namespace skein
