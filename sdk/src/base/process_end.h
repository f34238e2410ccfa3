// The end of the process, seen by long work of the library: it gives up between two pieces, so that the end need not
// wait for all of it.
#ifndef SKEIN_BASE_PROCESS_END_H_
#define SKEIN_BASE_PROCESS_END_H_

#include "absl/status/status.h"

namespace skein {

// Said once, by the first exit handler of the library.
void AnnounceProcessEnd();

// CANCELLED: the process is ending. Threads: any. Cheap enough to be asked for every tensor.
absl::Status CheckProcessGoesOn();

}  // namespace skein

#endif  // SKEIN_BASE_PROCESS_END_H_
