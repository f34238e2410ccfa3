// The checks of a segment's description that hold for every backend.
#ifndef SKEIN_BACKENDS_KIT_SEGMENT_DESC_H_
#define SKEIN_BACKENDS_KIT_SEGMENT_DESC_H_

#include "skein/backend.h"

namespace skein::kit {

// Throws plugin::Error, which names the expected and the found value: UNIMPLEMENTED for a generation, compute type or
// weight type that `device` does not list, INVALID_ARGUMENT for dimensions, layers or flags that contradict each other
// or are beyond all models.
void CheckSegmentDesc(const skein_segment_desc& desc, const skein_backend_device& device);

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_KIT_SEGMENT_DESC_H_
