// Whether a description of a segment makes sense to any backend.
#ifndef SKEIN_BACKENDS_KIT_SEGMENT_DESC_H_
#define SKEIN_BACKENDS_KIT_SEGMENT_DESC_H_

#include "skein/backend.h"

namespace skein::kit {

// Throws plugin::Error, saying what was expected and found: UNIMPLEMENTED for a generation, compute type or weight type
// that `device` does not list, INVALID_ARGUMENT for dimensions, layers or flags that contradict each other or are
// beyond all models.
void CheckSegmentDesc(const skein_segment_desc& desc, const skein_backend_device& device);

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_KIT_SEGMENT_DESC_H_
