// Files of states that another process left: bytes as they come, and blocks with right file headers and checksums, so
// that the fuzzer gets past the checks. Whatever is recovered keeps the promises of state_disk.h, can be read or is
// refused as lost, and is recovered again.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "state/state_disk.h"
#include "tests/fuzz/format_fuzzer.h"

namespace {

using skein::DiskLayout;
using skein::StateDisk;
using skein::fuzz::Require;

constexpr char kModel[] = "model";
constexpr uint64_t kStateBytes = 64;
constexpr uint64_t kTokensBytes = 32;
// Of the input, for each block.
constexpr uint64_t kPieceBytes = DiskLayout::kBlockHeaderBytes + kStateBytes + kTokensBytes;

// The first byte of the input: what is made right.
enum Mended : uint8_t { kFileHeader = 1, kBlockPlaces = 2, kChecksums = 4 };

template <typename Value>
void Put(std::vector<uint8_t>& bytes, size_t offset, Value value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(value));
}

std::vector<uint8_t> MendedPiece(std::vector<uint8_t> piece, uint8_t mended, uint64_t index) {
  piece.resize(kPieceBytes);
  if ((mended & kBlockPlaces) != 0) {
    Put(piece, 24, index);
    Put(piece, 56, skein::Checksum(kModel, std::strlen(kModel)));
  }
  if ((mended & kChecksums) != 0) {
    uint32_t num_tokens;
    std::memcpy(&num_tokens, piece.data() + 16, sizeof(num_tokens));
    const uint64_t tokens_bytes = std::min<uint64_t>(num_tokens, kTokensBytes / 4) * 4;
    Put(piece, 40, skein::Checksum(piece.data() + DiskLayout::kBlockHeaderBytes, kStateBytes));
    Put(piece, 48, skein::Checksum(piece.data() + DiskLayout::kBlockHeaderBytes + kStateBytes, tokens_bytes));
    Put(piece, 128, skein::Checksum(piece.data(), 128));
  }
  return piece;
}

void WriteAt(int file, uint64_t offset, const void* bytes, size_t size) {
  Require(pwrite(file, bytes, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size));
}

void WriteFile(const std::string& path, const uint8_t* data, size_t size) {
  const int file = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  Require(file >= 0);
  const uint8_t mended = size > 0 ? data[0] : 0;
  if ((mended & kFileHeader) == 0) {
    WriteAt(file, 0, data, size);
  } else {
    const DiskLayout layout = DiskLayout::For(kStateBytes);
    const skein::DiskFileHeader header = skein::WriteDiskFileHeader(layout, kModel);
    WriteAt(file, 0, header.data(), header.size());
    for (uint64_t at = 1, index = 0; at < size; at += kPieceBytes, ++index) {
      const std::vector<uint8_t> piece(data + at, data + std::min<uint64_t>(at + kPieceBytes, size));
      const std::vector<uint8_t> right = MendedPiece(piece, mended, index);
      WriteAt(file, layout.BlockOffset(index), right.data(), right.size());
    }
  }
  close(file);
}

std::vector<skein::DiskLabel> Recover(const std::string& folder) {
  const auto disk = StateDisk::Open({folder, kModel, kStateBytes, uint64_t{1} << 30, true});
  Require(disk.ok());
  std::vector<skein::DiskLabel> labels;
  std::vector<skein::RecoveredState> recovered = (*disk)->TakeRecovered();
  Require((*disk)->used_blocks() == recovered.size());
  for (skein::RecoveredState& state : recovered) {
    Require(state.label.scope.size() <= skein::DiskLabel::kMaxScopeBytes);
    Require(state.label.tokens.size() <= (*disk)->max_tokens());
    std::vector<uint8_t> bytes(kStateBytes);
    const absl::Status read = (*disk)->Read(state.block, absl::MakeSpan(bytes));
    Require(read.ok() || read.code() == absl::StatusCode::kDataLoss);
    labels.push_back(std::move(state.label));
  }
  return labels;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::string& folder = *new std::string(
      (std::filesystem::temp_directory_path() / ("skein_state_disk_fuzz_" + std::to_string(getpid()))).string());
  std::filesystem::create_directory(folder);
  WriteFile(folder + "/skein-0.states", data, size);
  const std::vector<skein::DiskLabel> first = Recover(folder);
  const std::vector<skein::DiskLabel> second = Recover(folder);
  Require(first == second);
  std::filesystem::remove_all(folder);
  return 0;
}
