// The bytes of a file of states [disk_file.h]: a header, and equal blocks, each the place of one state. Little-endian:
//
//   the file   offset size
//                   0    8  magic "SKEINDSK"
//                   8    4  version of the layout, 1
//                  12    4  bytes of the identity
//                  16    8  bytes of a state
//                  24    8  bytes of a block
//                  32  128  the identity, then zeros: whatever makes states exchangeable
//                 160    8  XXH3-64 of the 160 bytes before
//                4096    …  the blocks; each begins at a multiple of 4096
//
//   a block         0    8  magic "SKEINBLK"
//                   8    4  1 if it has a label, else 0
//                  12    4  bytes of the label's scope
//                  16    4  tokens of the label
//                  20    4  0
//                  24    8  index of the block in its file
//                  32    8  number of the write: no two writes of a file have the same
//                  40    8  XXH3-64 of the state
//                  48    8  XXH3-64 of the tokens
//                  56    8  XXH3-64 of the identity
//                  64   64  the scope, then zeros
//                 128    8  XXH3-64 of the 128 bytes before
//                 136    …  the state; after it the tokens of the label, 4 bytes each
//
// This file knows bytes only. Every reader takes them as hostile: what does not fit is refused with a sentence that
// says what was expected and what was found.
#ifndef SKEIN_STATE_DISK_LAYOUT_H_
#define SKEIN_STATE_DISK_LAYOUT_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace skein {

// The facts of a state that a later process needs to serve it again.
struct DiskLabel {
  static constexpr uint64_t kMaxScopeBytes = 64;

  std::string scope;             // opaque; what the state depends on besides its tokens
  std::vector<uint32_t> tokens;  // that were read to get the state

  bool operator==(const DiskLabel&) const = default;
};

// The sizes of a file for states of one size.
struct DiskLayout {
  static constexpr uint64_t kMaxIdentityBytes = 128;
  static constexpr uint64_t kMaxStateBytes = uint64_t{1} << 40;
  static constexpr uint64_t kBlocksOffset = 4096;
  static constexpr uint64_t kFileHeaderBytes = 168;
  static constexpr uint64_t kBlockHeaderBytes = 136;

  // `state_bytes` is 1 to kMaxStateBytes. The room for tokens is a sixteenth of a state, and 4,096 tokens at least.
  static DiskLayout For(uint64_t state_bytes);

  uint64_t BlockOffset(uint64_t index) const { return kBlocksOffset + index * block_bytes; }
  uint64_t TokensOffset(uint64_t index) const { return BlockOffset(index) + kBlockHeaderBytes + state_bytes; }

  uint64_t state_bytes = 0;
  uint64_t max_tokens = 0;   // of a label
  uint64_t block_bytes = 0;  // a multiple of 4096
};

using DiskFileHeader = std::array<uint8_t, DiskLayout::kFileHeaderBytes>;
using DiskBlockHeader = std::array<uint8_t, DiskLayout::kBlockHeaderBytes>;

// `identity` has at most kMaxIdentityBytes.
DiskFileHeader WriteDiskFileHeader(const DiskLayout& layout, absl::string_view identity);

// The kind of a file with this header, for a process with states of `layout` and `identity`.
enum class DiskFileKind {
  kOurs,
  kUnfinished,  // all zero: its process died before the header was written
  kForeign,     // of another model, of another version, or no file of states at all
};
DiskFileKind KindOfDiskFile(const DiskFileHeader& header, const DiskLayout& layout, absl::string_view identity);

// No process writes so often: a counter that goes on from there does not overflow.
constexpr uint64_t kMaxWriteNumber = uint64_t{1} << 62;

// The contents of a block's header, beside its label.
struct DiskBlockContent {
  uint64_t index = 0;
  uint64_t write_number = 0;  // 1 to kMaxWriteNumber
  uint64_t state_checksum = 0;
  uint64_t tokens_checksum = 0;
  bool has_label = false;
  uint32_t num_tokens = 0;  // of the label
  std::string scope;        // of the label
};

DiskBlockHeader WriteDiskBlockHeader(const DiskBlockContent& content, absl::string_view identity);

// DATA_LOSS: no header of a block of such a file, corrupt, or of another block than `index`.
absl::StatusOr<DiskBlockContent> ReadDiskBlockHeader(const DiskBlockHeader& header, const DiskLayout& layout,
                                                     absl::string_view identity, uint64_t index);

}  // namespace skein

#endif  // SKEIN_STATE_DISK_LAYOUT_H_
