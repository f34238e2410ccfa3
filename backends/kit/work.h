// The multiplications of a segment, for measurements (skein_segment_work).
#ifndef SKEIN_BACKENDS_KIT_WORK_H_
#define SKEIN_BACKENDS_KIT_WORK_H_

#include <cstdint>

namespace skein::kit {

// Multiplications in matrix products: rows times outputs times inputs, also where a kernel leaves out zeros.
struct Work {
  uint64_t multiplications = 0;
  uint64_t library_multiplications = 0;  // the part of these that ran in the backend's kLibrary

  Work& operator+=(const Work& other) {
    multiplications += other.multiplications;
    library_multiplications += other.library_multiplications;
    return *this;
  }
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_KIT_WORK_H_
