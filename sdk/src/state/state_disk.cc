#include "state/state_disk.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "base/checksum.h"
#include "base/forked_child.h"
#include "base/status.h"

namespace skein {
namespace {

// A process that dies leaves one file, and the next one takes it over, so there are seldom more than processes.
constexpr size_t kMaxFiles = 16;
// Blocks that are given back together, and half of the free ones at most: nobody gets one of them meanwhile.
constexpr uint64_t kMaxRun = 256;

absl::Status CheckOptions(const DiskOptions& options) {
  if (options.identity.size() > DiskLayout::kMaxIdentityBytes) {
    return absl::InvalidArgumentError(absl::StrCat("states on disk: an identity of ", options.identity.size(),
                                                   " bytes; expected ", DiskLayout::kMaxIdentityBytes, " at most"));
  }
  if (options.state_bytes == 0 || options.state_bytes > DiskLayout::kMaxStateBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("states on disk: a state of ", options.state_bytes, " bytes; expected 1 to 2^40"));
  }
  const uint64_t block_bytes = DiskLayout::For(options.state_bytes).block_bytes;
  if (options.budget_bytes < block_bytes) {
    return absl::InvalidArgumentError(absl::StrCat("states on disk: state_disk of ", options.budget_bytes,
                                                   " bytes; expected room for one state of this model, ", block_bytes,
                                                   " bytes"));
  }
  return absl::OkStatus();
}

}  // namespace

DiskBlock::~DiskBlock() {
  if (disk_ != nullptr) disk_->Free(*this);
}

StateDisk::StateDisk(const DiskOptions& options, std::shared_ptr<const DiskFolder> folder)
    : folder_(std::move(folder)),
      identity_(options.identity),
      layout_(DiskLayout::For(options.state_bytes)),
      budget_blocks_(options.budget_bytes / layout_.block_bytes),
      keeps_labelled_(options.keeps_labelled) {}

absl::StatusOr<std::shared_ptr<StateDisk>> StateDisk::Open(const DiskOptions& options) {
  SKEIN_RETURN_IF_ERROR(CheckOptions(options));
  SKEIN_ASSIGN_OR_RETURN(std::shared_ptr<DiskFolder> folder, DiskFolder::Open(options.folder));
  std::shared_ptr<StateDisk> disk(new StateDisk(options, std::move(folder)));
  SKEIN_RETURN_IF_ERROR(disk->OpenFiles());
  return disk;
}

StateDisk::~StateDisk() { LeaveFiles(); }

void StateDisk::LeaveFiles() noexcept {
  if (IsForkedChild()) return;  // the files are the parent's
  const MutexLock lock(mutex_);
  for (const Blocks& blocks : blocks_) {
    const std::vector<bool>& labelled = blocks.is_labelled;
    if (!keeps_labelled_ || std::find(labelled.begin(), labelled.end(), true) == labelled.end()) blocks.file->Remove();
  }
}

absl::Status StateDisk::OpenFiles() {
  SKEIN_ASSIGN_OR_RETURN(const std::vector<std::string> names, folder_->FileNames());
  for (const std::string& name : names) {
    if (files_.size() == kMaxFiles) break;
    std::unique_ptr<DiskFile> file = DiskFile::TakeOver(folder_, name, layout_, identity_);
    if (file != nullptr) TakeOver(std::move(file), budget_blocks_ - num_blocks());
  }
  if (!files_.empty()) return absl::OkStatus();
  SKEIN_ASSIGN_OR_RETURN(std::unique_ptr<DiskFile> file, DiskFile::Create(folder_, layout_, identity_));
  AddFile(std::move(file), 0);
  return absl::OkStatus();
}

void StateDisk::TakeOver(std::unique_ptr<DiskFile> file, uint64_t max_blocks) {
  std::vector<FoundState> states;
  if (keeps_labelled_) states = FindLabelled(*file, layout_, identity_, max_blocks);
  if (states.empty()) return file->Remove();
  const uint64_t num_blocks = states.back().index + 1;
  if (file->Size() > layout_.BlockOffset(num_blocks)) file->Truncate(layout_.BlockOffset(num_blocks));
  const uint32_t file_index = static_cast<uint32_t>(files_.size());
  AddFile(std::move(file), num_blocks);
  const MutexLock lock(mutex_);
  for (FoundState& state : states) {
    blocks_.back().is_used[state.index] = true;
    blocks_.back().is_labelled[state.index] = true;
    last_write_ = std::max(last_write_, state.write_number);
    found_.push_back({file_index, std::move(state)});
  }
  num_used_ += states.size();
}

void StateDisk::AddFile(std::unique_ptr<DiskFile> file, uint64_t num_blocks) {
  const MutexLock lock(mutex_);
  files_.push_back(file.get());
  // A block without a label is of no use to anybody.
  blocks_.push_back({std::move(file), std::vector<bool>(num_blocks), std::vector<bool>(num_blocks),
                     std::vector<bool>(num_blocks, true)});
  num_blocks_ += num_blocks;
}

absl::StatusOr<DiskBlock> StateDisk::Reserve() {
  const MutexLock lock(mutex_);
  for (uint32_t i = 0; i < blocks_.size(); ++i) {
    Blocks& blocks = blocks_[i];
    const uint64_t index = FirstFree(blocks);
    if (index == blocks.is_used.size()) continue;
    blocks.is_used[index] = true;
    ++num_used_;
    return DiskBlock(shared_from_this(), i, index);
  }
  if (num_blocks_ == budget_blocks_) {
    return absl::ResourceExhaustedError(absl::StrCat("states on disk: all of state_disk is used, ", budget_blocks_,
                                                     " states of ", layout_.block_bytes, " bytes"));
  }
  Blocks& growing = blocks_.front();
  const uint64_t index = growing.is_used.size();
  growing.is_labelled.resize(index + 1);
  growing.takes_space.resize(index + 1);
  growing.is_used.push_back(true);
  ++num_blocks_;
  ++num_used_;
  return DiskBlock(shared_from_this(), 0, index);
}

void StateDisk::Free(const DiskBlock& block) noexcept {
  const MutexLock lock(mutex_);
  Blocks& blocks = blocks_[block.file_];
  blocks.is_used[block.index_] = false;
  blocks.first_free = std::min(blocks.first_free, block.index_);
  --num_used_;
}

uint64_t StateDisk::FirstFree(Blocks& blocks) noexcept {
  const auto begin = blocks.is_used.begin();
  const auto found = std::find(begin + static_cast<ptrdiff_t>(blocks.first_free), blocks.is_used.end(), false);
  blocks.first_free = static_cast<uint64_t>(found - begin);
  return blocks.first_free;
}

void StateDisk::SetLabelled(const DiskBlock& block, bool is_labelled) noexcept {
  const MutexLock lock(mutex_);
  blocks_[block.file_].is_labelled[block.index_] = is_labelled;
}

uint64_t StateDisk::BeginWrite(const DiskBlock& block, bool is_labelled) {
  const MutexLock lock(mutex_);
  Blocks& blocks = blocks_[block.file_];
  blocks.takes_space[block.index_] = true;
  if (is_labelled) blocks.is_labelled[block.index_] = true;
  return ++last_write_;
}

bool StateDisk::HasMuchToGiveBack() const noexcept {
  uint64_t num_idle = 0;
  const MutexLock lock(mutex_);
  for (const Blocks& blocks : blocks_) {
    for (uint64_t i = 0; i < blocks.is_used.size(); ++i) num_idle += blocks.IsIdle(i) ? 1 : 0;
  }
  return num_idle > 0 && num_idle >= num_used_;
}

void StateDisk::GiveBack() noexcept {
  for (uint32_t file = 0; file < files_.size(); ++file) {
    Run run = TakeIdleRun(file, 0);
    while (run.begin < run.end) {
      files_[file]->Punch(layout_.BlockOffset(run.begin), (run.end - run.begin) * layout_.block_bytes);
      ReleaseRun(run);
      run = TakeIdleRun(file, run.end);
    }
  }
}

StateDisk::Run StateDisk::TakeIdleRun(uint32_t file, uint64_t begin) noexcept {
  const MutexLock lock(mutex_);
  Blocks& blocks = blocks_[file];
  const uint64_t size = blocks.is_used.size();
  const uint64_t most = std::min(kMaxRun, (budget_blocks_ - num_used_) / 2);
  while (begin < size && !blocks.IsIdle(begin)) ++begin;
  Run run = {file, begin, begin};
  while (run.end < size && run.end - begin < most && blocks.IsIdle(run.end)) blocks.is_used[run.end++] = true;
  return run;
}

void StateDisk::ReleaseRun(const Run& run) noexcept {
  const MutexLock lock(mutex_);
  Blocks& blocks = blocks_[run.file];
  for (uint64_t i = run.begin; i < run.end; ++i) {
    blocks.is_used[i] = false;
    blocks.takes_space[i] = false;
  }
  blocks.first_free = std::min(blocks.first_free, run.begin);
}

absl::Status StateDisk::Write(DiskBlock& block, absl::Span<const uint8_t> state, const DiskLabel* label) {
  if (label != nullptr && label->tokens.size() > layout_.max_tokens) {
    return absl::InvalidArgumentError(absl::StrCat("states on disk: a label of ", label->tokens.size(),
                                                   " tokens; expected ", layout_.max_tokens, " at most"));
  }
  if (label != nullptr && label->scope.size() > DiskLabel::kMaxScopeBytes) {
    return absl::InvalidArgumentError(absl::StrCat("states on disk: a label with a scope of ", label->scope.size(),
                                                   " bytes; expected ", DiskLabel::kMaxScopeBytes, " at most"));
  }
  const uint64_t write_number = BeginWrite(block, label != nullptr);
  block.write_number_ = 0;
  absl::Status written = WriteState(block, write_number, state, label);
  SetLabelled(block, written.ok() && label != nullptr);
  if (!written.ok()) return written;
  block.write_number_ = write_number;
  return absl::OkStatus();
}

absl::Status StateDisk::WriteState(const DiskBlock& block, uint64_t write_number, absl::Span<const uint8_t> state,
                                   const DiskLabel* label) const {
  DiskBlockContent content;
  content.index = block.index_;
  content.write_number = write_number;
  content.state_checksum = Checksum(state.data(), state.size());
  DiskParts parts(2);
  parts[1] = {const_cast<uint8_t*>(state.data()), state.size()};
  if (label != nullptr) {
    const uint64_t tokens_bytes = label->tokens.size() * sizeof(uint32_t);
    content.has_label = true;
    content.num_tokens = static_cast<uint32_t>(label->tokens.size());
    content.tokens_checksum = Checksum(label->tokens.data(), tokens_bytes);
    content.scope = label->scope;
    parts.push_back({const_cast<uint32_t*>(label->tokens.data()), tokens_bytes});
  }
  DiskBlockHeader header = WriteDiskBlockHeader(content, identity_);
  const uint64_t offset = layout_.BlockOffset(block.index_);
  // The header of a labelled state comes last, and that of the state before goes first: a process that dies in between
  // leaves nothing that looks whole.
  DiskBlockHeader none = {};
  DiskBlockHeader& first = label != nullptr ? none : header;
  parts[0] = {first.data(), first.size()};
  SKEIN_RETURN_IF_ERROR(FileOf(block).Write(offset, std::move(parts)));
  if (label == nullptr) return absl::OkStatus();
  return FileOf(block).Write(offset, {{header.data(), header.size()}});
}

absl::Status StateDisk::Read(const DiskBlock& block, absl::Span<uint8_t> state) const {
  absl::Status status = ReadChecked(block, state);
  if (status.ok()) return status;
  return Annotate(status, absl::StrCat(FileOf(block).path(), ": block ", block.index_));
}

absl::Status StateDisk::ReadChecked(const DiskBlock& block, absl::Span<uint8_t> state) const {
  if (block.write_number_ == 0) return absl::FailedPreconditionError("nothing was written to it");
  DiskBlockHeader header;
  SKEIN_RETURN_IF_ERROR(FileOf(block).Read(layout_.BlockOffset(block.index_),
                                           {{header.data(), header.size()}, {state.data(), state.size()}}));
  SKEIN_ASSIGN_OR_RETURN(const DiskBlockContent content, ReadDiskBlockHeader(header, layout_, identity_, block.index_));
  if (content.write_number != block.write_number_) {
    return absl::DataLossError(
        absl::StrCat("expected the state of write ", block.write_number_, ", found that of ", content.write_number));
  }
  if (Checksum(state.data(), state.size()) != content.state_checksum) {
    return absl::DataLossError("the checksum of its state is wrong");
  }
  return absl::OkStatus();
}

std::vector<RecoveredState> StateDisk::TakeRecovered() {
  std::vector<Found> found;
  {
    const MutexLock lock(mutex_);
    found.swap(found_);
  }
  std::sort(found.begin(), found.end(),
            [](const Found& a, const Found& b) { return a.state.write_number > b.state.write_number; });
  std::vector<RecoveredState> recovered;
  recovered.reserve(found.size());
  std::set<std::tuple<std::string, std::vector<uint32_t>>> seen;
  for (Found& one : found) {
    DiskBlock block(shared_from_this(), one.file, one.state.index);
    block.write_number_ = one.state.write_number;
    if (!seen.insert({one.state.label.scope, one.state.label.tokens}).second) continue;  // frees the block
    recovered.push_back({std::move(block), std::move(one.state.label)});
  }
  return recovered;
}

uint64_t StateDisk::num_blocks() const {
  const MutexLock lock(mutex_);
  return num_blocks_;
}

uint64_t StateDisk::used_blocks() const {
  const MutexLock lock(mutex_);
  return num_used_;
}

}  // namespace skein
