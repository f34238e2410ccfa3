// The labelled states in a file that a process left behind. The file is hostile input: what does not fit is passed
// over.
#ifndef SKEIN_STATE_DISK_RECOVERY_H_
#define SKEIN_STATE_DISK_RECOVERY_H_

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "state/disk_file.h"
#include "state/disk_layout.h"

namespace skein {

struct FoundState {
  uint64_t index = 0;  // of the block
  uint64_t write_number = 0;
  DiskLabel label;
};

// The labelled states in the first `max_blocks` blocks, in order. Reads headers and labels; whether a state itself is
// whole is found when it is read. Memory and time are bounded by what was really written to these blocks, whatever the
// size of the file.
std::vector<FoundState> FindLabelled(const DiskFile& file, const DiskLayout& layout, absl::string_view identity,
                                     uint64_t max_blocks);

}  // namespace skein

#endif  // SKEIN_STATE_DISK_RECOVERY_H_
