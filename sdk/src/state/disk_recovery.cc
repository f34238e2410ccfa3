#include "state/disk_recovery.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "base/checksum.h"

namespace skein {
namespace {

// The last block of a file may end early: the room that its label does not need was never written.
uint64_t NumBlocks(const DiskFile& file, const DiskLayout& layout) {
  const uint64_t size = file.Size();
  if (size <= DiskLayout::kBlocksOffset) return 0;
  return (size - DiskLayout::kBlocksOffset - 1) / layout.block_bytes + 1;
}

std::optional<FoundState> ReadLabelled(const DiskFile& file, const DiskLayout& layout, absl::string_view identity,
                                       uint64_t index) {
  DiskBlockHeader header;
  if (!file.Read(layout.BlockOffset(index), {{header.data(), header.size()}}).ok()) return std::nullopt;
  absl::StatusOr<DiskBlockContent> content = ReadDiskBlockHeader(header, layout, identity, index);
  if (!content.ok() || !content->has_label) return std::nullopt;
  FoundState found = {index, content->write_number, {std::move(content->scope), {}}};
  std::vector<uint32_t>& tokens = found.label.tokens;
  const uint64_t tokens_bytes = content->num_tokens * sizeof(uint32_t);
  // A short file that claims a long label gets no memory for it.
  if (file.Size() < layout.TokensOffset(index) + tokens_bytes) return std::nullopt;
  tokens.resize(content->num_tokens);
  if (!file.Read(layout.TokensOffset(index), {{tokens.data(), tokens_bytes}}).ok()) return std::nullopt;
  if (Checksum(tokens.data(), tokens_bytes) != content->tokens_checksum) return std::nullopt;
  return found;
}

}  // namespace

std::vector<FoundState> FindLabelled(const DiskFile& file, const DiskLayout& layout, absl::string_view identity,
                                     uint64_t max_blocks) {
  const uint64_t num_blocks = std::min(NumBlocks(file, layout), max_blocks);
  std::vector<FoundState> found;
  for (uint64_t index = 0; index < num_blocks; ++index) {
    const std::optional<uint64_t> data = file.NextData(layout.BlockOffset(index));
    if (!data.has_value()) break;
    // Blocks in a hole were never written.
    index = std::max(index, (*data - DiskLayout::kBlocksOffset) / layout.block_bytes);
    if (index >= num_blocks) break;
    if (std::optional<FoundState> state = ReadLabelled(file, layout, identity, index)) {
      found.push_back(*std::move(state));
    }
  }
  return found;
}

}  // namespace skein
