#include "state/disk_layout.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/checksum.h"

namespace skein {
namespace {

constexpr char kFileMagic[8] = {'S', 'K', 'E', 'I', 'N', 'D', 'S', 'K'};
constexpr char kBlockMagic[8] = {'S', 'K', 'E', 'I', 'N', 'B', 'L', 'K'};
constexpr uint32_t kVersion = 1;
constexpr uint64_t kPageBytes = 4096;
constexpr uint64_t kMinTokens = 4096;
constexpr uint64_t kMaxTokens = uint64_t{1} << 30;

struct FileHeader {
  char magic[8];
  uint32_t version;
  uint32_t identity_bytes;
  uint64_t state_bytes;
  uint64_t block_bytes;
  char identity[DiskLayout::kMaxIdentityBytes];
  uint64_t checksum;
};
static_assert(sizeof(FileHeader) == DiskLayout::kFileHeaderBytes && offsetof(FileHeader, checksum) == 160,
              "the layout in disk_layout.h");

struct BlockHeader {
  char magic[8];
  uint32_t has_label;
  uint32_t scope_bytes;
  uint32_t num_tokens;
  uint32_t reserved;
  uint64_t index;
  uint64_t write_number;
  uint64_t state_checksum;
  uint64_t tokens_checksum;
  uint64_t identity_checksum;
  char scope[DiskLabel::kMaxScopeBytes];
  uint64_t checksum;
};
static_assert(sizeof(BlockHeader) == DiskLayout::kBlockHeaderBytes && offsetof(BlockHeader, checksum) == 128,
              "the layout in disk_layout.h");

template <typename Header>
uint64_t ChecksumOf(const Header& header) {
  return Checksum(&header, offsetof(Header, checksum));
}

// A header as the bytes of its file.
template <typename Bytes, typename Header>
Bytes ToBytes(const Header& header) {
  static_assert(sizeof(Bytes) == sizeof(Header));
  Bytes bytes;
  std::memcpy(bytes.data(), &header, sizeof(header));
  return bytes;
}

bool IsZero(const char* bytes, size_t size) {
  return std::all_of(bytes, bytes + size, [](char byte) { return byte == 0; });
}

}  // namespace

DiskLayout DiskLayout::For(uint64_t state_bytes) {
  DiskLayout layout;
  layout.state_bytes = state_bytes;
  layout.max_tokens = std::clamp(state_bytes / 16 / sizeof(uint32_t), kMinTokens, kMaxTokens);
  const uint64_t used = kBlockHeaderBytes + state_bytes + layout.max_tokens * sizeof(uint32_t);
  layout.block_bytes = (used + kPageBytes - 1) / kPageBytes * kPageBytes;
  return layout;
}

DiskFileHeader WriteDiskFileHeader(const DiskLayout& layout, absl::string_view identity) {
  FileHeader header = {};
  std::memcpy(header.magic, kFileMagic, sizeof(kFileMagic));
  header.version = kVersion;
  header.identity_bytes = static_cast<uint32_t>(identity.size());
  header.state_bytes = layout.state_bytes;
  header.block_bytes = layout.block_bytes;
  std::memcpy(header.identity, identity.data(), identity.size());
  header.checksum = ChecksumOf(header);
  return ToBytes<DiskFileHeader>(header);
}

DiskFileKind KindOfDiskFile(const DiskFileHeader& header, const DiskLayout& layout, absl::string_view identity) {
  if (header == WriteDiskFileHeader(layout, identity)) return DiskFileKind::kOurs;
  return header == DiskFileHeader{} ? DiskFileKind::kUnfinished : DiskFileKind::kForeign;
}

DiskBlockHeader WriteDiskBlockHeader(const DiskBlockContent& content, absl::string_view identity) {
  BlockHeader header = {};
  std::memcpy(header.magic, kBlockMagic, sizeof(kBlockMagic));
  header.has_label = content.has_label ? 1 : 0;
  header.scope_bytes = static_cast<uint32_t>(content.scope.size());
  header.num_tokens = content.num_tokens;
  header.index = content.index;
  header.write_number = content.write_number;
  header.state_checksum = content.state_checksum;
  header.tokens_checksum = content.tokens_checksum;
  header.identity_checksum = Checksum(identity.data(), identity.size());
  std::memcpy(header.scope, content.scope.data(), content.scope.size());
  header.checksum = ChecksumOf(header);
  return ToBytes<DiskBlockHeader>(header);
}

absl::StatusOr<DiskBlockContent> ReadDiskBlockHeader(const DiskBlockHeader& bytes, const DiskLayout& layout,
                                                     absl::string_view identity, uint64_t index) {
  BlockHeader header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.magic, kBlockMagic, sizeof(kBlockMagic)) != 0) {
    return absl::DataLossError("expected the header of a state, found other bytes");
  }
  if (header.checksum != ChecksumOf(header)) return absl::DataLossError("the checksum of its header is wrong");
  if (header.index != index) {
    return absl::DataLossError(absl::StrCat("its header is that of block ", header.index));
  }
  if (header.identity_checksum != Checksum(identity.data(), identity.size())) {
    return absl::DataLossError("its state is of another model");
  }
  if (header.has_label > 1 || header.reserved != 0) return absl::DataLossError("its header has an unknown field");
  if (header.write_number == 0 || header.write_number > kMaxWriteNumber) {
    return absl::DataLossError(absl::StrCat("its header has the impossible number of a write ", header.write_number));
  }
  if (header.scope_bytes > DiskLabel::kMaxScopeBytes ||
      !IsZero(header.scope + header.scope_bytes, DiskLabel::kMaxScopeBytes - header.scope_bytes)) {
    return absl::DataLossError(absl::StrCat("its label has a scope of ", header.scope_bytes, " bytes; expected ",
                                            DiskLabel::kMaxScopeBytes, " at most, and zeros after them"));
  }
  if (header.num_tokens > layout.max_tokens) {
    return absl::DataLossError(
        absl::StrCat("its label has ", header.num_tokens, " tokens; expected ", layout.max_tokens, " at most"));
  }
  if (header.has_label == 0 && (header.scope_bytes != 0 || header.num_tokens != 0)) {
    return absl::DataLossError("its header has parts of a label and says that there is none");
  }
  DiskBlockContent content;
  content.index = header.index;
  content.write_number = header.write_number;
  content.state_checksum = header.state_checksum;
  content.tokens_checksum = header.tokens_checksum;
  content.has_label = header.has_label == 1;
  content.num_tokens = header.num_tokens;
  content.scope.assign(header.scope, header.scope_bytes);
  return content;
}

}  // namespace skein
