// The end of the process, as long work of the library sees it. The work gives up between two pieces, so that the end
// need not wait for all of it.
#ifndef SKEIN_BASE_PROCESS_END_H_
#define SKEIN_BASE_PROCESS_END_H_

#include "absl/status/status.h"

namespace skein {

// Called once, by the first exit handler of the library.
void AnnounceProcessEnd();

// CANCELLED: the process is ending. Threads: any. Cheap enough to be asked for every tensor.
absl::Status CheckProcessGoesOn();

}  // namespace skein

#endif  // SKEIN_BASE_PROCESS_END_H_
