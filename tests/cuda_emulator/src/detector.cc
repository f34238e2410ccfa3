#include "detector.h"

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <utility>

#include "executor.h"

// Of the C library, which declares it nowhere: the address of a module's thread-local storage, by number and offset.
extern "C" void* __tls_get_addr(void* place);  // NOLINT(bugprone-reserved-identifier)

namespace skein::emulator {
namespace {

std::atomic<bool> is_instrumented{false};

constexpr uint32_t kLongAgo = 1;  // the segment of everything before Rebase
constexpr uint32_t kLastSegment = 0xF0000000u;
constexpr uint32_t kCopy = 0xFFFFFFFFu;  // in place of a block's number

// The calling thread's storage of a module. The C library makes it when it is first used, here at the latest.
uintptr_t ThreadStorageOf(const dl_phdr_info& info) {
  if (info.dlpi_tls_data != nullptr) return reinterpret_cast<uintptr_t>(info.dlpi_tls_data);
  size_t first_byte[2] = {info.dlpi_tls_modid, 0};
  return reinterpret_cast<uintptr_t>(__tls_get_addr(first_byte));
}

}  // namespace

void Merge(Clock& clock, const Clock& other) {
  if (clock.size() < other.size()) clock.resize(other.size());
  for (size_t i = 0; i < other.size(); ++i) clock[i] = std::max(clock[i], other[i]);
}

bool Detector::IsInstrumented() { return is_instrumented.load(std::memory_order_relaxed); }
void Detector::SetInstrumented() { is_instrumented.store(true, std::memory_order_relaxed); }

Detector::Detector(Arena& arena, bool track_uninitialised) : arena_(arena), track_uninitialised_(track_uninitialised) {
  if (!IsInstrumented() || arena.total_bytes() == 0) return;
  void* cells = mmap(nullptr, arena.total_bytes() * sizeof(Cell), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (cells == MAP_FAILED) {
    std::fprintf(stderr, "cuda emulator: cannot reserve addresses for the detector\n");
    std::abort();
  }
  cells_ = static_cast<Cell*>(cells);
}

Detector::~Detector() {
  if (cells_ != nullptr) munmap(cells_, arena_.total_bytes() * sizeof(Cell));
}

uint32_t Detector::NewSegment(const Segment& segment) {
  segments_.push_back(segment);
  return next_segment_++;
}

// Every segment below the result belongs to an operation that `known` has.
uint32_t Detector::ThresholdFor(const Clock& known) const {
  uint32_t threshold = operations_.back().first_segment;
  for (size_t stream = 0; stream < operations_of_.size(); ++stream) {
    const uint64_t num_known = stream < known.size() ? known[stream] : 0;
    const std::vector<uint32_t>& of_stream = operations_of_[stream];
    if (num_known >= of_stream.size()) continue;
    threshold = std::min(threshold, operations_[of_stream[num_known]].first_segment);
  }
  return threshold;
}

void Detector::BeginOperation(const OperationOrder& order, const std::string& name) {
  name_ = &name;
  if (cells_ == nullptr) return;
  if (next_segment_ > kLastSegment) Rebase();
  segments_.clear();
  order_ = order;
  operations_.push_back({next_segment_, order.stream, order.sequence, &name});
  if (operations_of_.size() <= order.stream) {
    operations_of_.resize(order.stream + 1);
    last_kernels_.resize(order.stream + 1);
  }
  operations_of_[order.stream].push_back(static_cast<uint32_t>(operations_.size() - 1));
  const LastKernel& last = last_kernels_[order.stream];
  known_before_wait_ = order.dependent && last.is_last ? last.known_at_release : order.known;
  ordered_after_wait_ = ThresholdFor(order.known);
  ordered_before_wait_ = ThresholdFor(known_before_wait_);
  last_kernels_[order.stream].is_last = false;
  NewSegment({kCopy, 0, 0, 0, 0, {}});
}

// Numbers of segments begin anew. What was accessed before is ordered before all that comes.
void Detector::Rebase() {
  for (const auto& [address, allocation] : arena_.allocations()) {
    Cell* cells = CellOf(address);
    for (size_t i = 0; i < allocation.num_bytes; ++i) cells[i] = {cells[i].write == 0 ? 0 : kLongAgo, {0, 0, 0}};
  }
  for (std::vector<uint32_t>& of_stream : operations_of_) std::fill(of_stream.begin(), of_stream.end(), 0);
  static const std::string past = "earlier work";
  operations_.assign(1, {kLongAgo, 0, 0, &past});
  thread_storage_.clear();
  for (const auto& block : blocks_) block->shared.cells.clear();
  next_segment_ = kLongAgo + 1;
}

void Detector::BeginKernel(uint32_t num_threads, int device) {
  if (cells_ == nullptr) return;
  num_threads_ = num_threads;
  device_ = device;
  found_thread_storage_ = false;
  host_pages_.clear();
  releases_early_ = false;
  handed_.clear();
  has_reported_ = false;
  in_kernel_ = true;
}

void Detector::EndKernel() {
  if (cells_ == nullptr) return;
  in_kernel_ = false;
  if (!has_reported_) untracked_writes_ = true;
  LastKernel& last = last_kernels_[order_.stream];
  last.is_last = true;
  last.known_at_release = releases_early_ ? known_before_wait_ : order_.known;
}

void Detector::BeginBlock(uint32_t place, uint32_t block, std::span<const unsigned char> shared) {
  if (cells_ == nullptr) return;
  while (blocks_.size() <= place) blocks_.push_back(std::make_unique<BlockState>());
  EnterBlock(place);
  std::vector<Cell> cells = std::move(block_->shared.cells);
  if (cells.size() < shared.size()) cells.resize(shared.size());
  *block_ = {};
  block_->block = block;
  block_->first_segment = next_segment_;
  block_->shared = {reinterpret_cast<uintptr_t>(shared.data()), shared.size(), std::move(cells)};
}

void Detector::EnterBlock(uint32_t place) {
  if (cells_ != nullptr) block_ = blocks_[place].get();
}

void Detector::BlockBarrier() {
  if (cells_ == nullptr) return;
  ++block_->epoch;
  for (const auto& [thread, epochs] : block_->taken) Later(block_->known, epochs);
  block_->taken.clear();
}

void Detector::Later(Epochs& epochs, const Epochs& other) {
  if (epochs.size() < other.size()) epochs.resize(other.size());
  for (size_t i = 0; i < other.size(); ++i) epochs[i] = std::max(epochs[i], other[i]);
}

void Detector::Fence(const KernelThread& thread) {
  if (cells_ == nullptr) return;
  BlockState& block = *block_;
  if (const auto seen = block.seen.find(thread.index); seen != block.seen.end()) {
    Later(block.taken[thread.index], seen->second);
    block.seen.erase(seen);
  }
  Epochs& fenced = block.fenced[thread.index];
  fenced = block.known;
  if (const auto taken = block.taken.find(thread.index); taken != block.taken.end()) Later(fenced, taken->second);
  if (fenced.size() <= block.block) fenced.resize(size_t{block.block} + 1);
  fenced[block.block] = block.epoch;
}

void Detector::ReleaseFence(KernelThread& thread) {
  if (thread.num_releases++ != left_out_release_) Fence(thread);
}

void Detector::MeetAt(uintptr_t address) {
  const uint32_t thread = running_thread->index;
  const auto handed = handed_.find(address);
  if (handed != handed_.end()) Later(block_->seen[thread], handed->second);
  if (const auto fenced = block_->fenced.find(thread); fenced != block_->fenced.end()) {
    Later(handed_[address], fenced->second);
  }
}

void Detector::WarpBarrier(WarpGroup& group) {
  if (cells_ == nullptr) return;
  std::array<uint32_t, kWarpLanes> joined = {};
  for (uint32_t lane = 0; lane < kWarpLanes; ++lane) {
    if ((group.lanes >> lane & 1) == 0) continue;
    const KernelThread& thread = group.threads[lane];
    for (uint32_t i = 0; i < kWarpLanes; ++i) joined[i] = std::max(joined[i], thread.warp_clock[i]);
    joined[lane] = std::max(joined[lane], thread.lane_clock);
  }
  for (uint32_t lane = 0; lane < kWarpLanes; ++lane) {
    if ((group.lanes >> lane & 1) == 0) continue;
    group.threads[lane].warp_clock = joined;
    ++group.threads[lane].lane_clock;
  }
}

void Detector::Release(const KernelThread& thread) {
  if (!thread.dependency_waited) releases_early_ = true;
}

uint32_t Detector::SegmentOf(KernelThread& thread, Access access) {
  uint32_t& segment = access == Access::kAtomic ? thread.atomic_segment : thread.segment;
  if (segment == 0) {
    segment = NewSegment({block_->block, block_->epoch, thread.lane_clock, static_cast<uint16_t>(thread.index),
                          access == Access::kAtomic ? kAtomicSegment : uint8_t{0}, thread.segment_site});
  }
  return segment;
}

const Detector::Operation& Detector::OperationOf(uint32_t segment) const {
  const auto after = std::upper_bound(operations_.begin(), operations_.end(), segment,
                                      [](uint32_t id, const Operation& o) { return id < o.first_segment; });
  return *std::prev(after);
}

// Whether an earlier access is ordered before the one that is looked at.
bool Detector::IsOrdered(uint32_t earlier, const Current& current) const {
  const bool waited = !in_kernel_ || running_thread->dependency_waited;
  if (earlier < (waited ? ordered_after_wait_ : ordered_before_wait_)) return true;
  const uint32_t first = operations_.back().first_segment;
  if (earlier >= first) return IsOrderedInKernel(segments_[earlier - first], current);
  const Operation& operation = OperationOf(earlier);
  const Clock& known = waited ? order_.known : known_before_wait_;
  return operation.stream < known.size() && operation.sequence <= known[operation.stream];
}

bool Detector::IsOrderedInKernel(const Segment& earlier, const Current& current) const {
  if (earlier.flags & kAsyncSegment) return false;
  if (!in_kernel_) return true;
  if ((earlier.flags & kAtomicSegment) && current.access == Access::kAtomic) return true;
  if (earlier.block != block_->block) return IsTaken(earlier);
  const KernelThread& thread = *running_thread;
  if (earlier.thread == thread.index || earlier.block_epoch < block_->epoch) return true;
  if (earlier.thread / kWarpLanes != thread.index / kWarpLanes) return false;
  return earlier.lane_clock <= thread.warp_clock[earlier.thread % kWarpLanes];
}

bool Detector::IsTaken(const Segment& earlier) const {
  const auto has = [&](const Epochs& epochs) {
    return earlier.block < epochs.size() && earlier.block_epoch < epochs[earlier.block];
  };
  if (has(block_->known)) return true;
  const auto taken = block_->taken.find(running_thread->index);
  return taken != block_->taken.end() && has(taken->second);
}

// Whether the address is one of the host's memory: a parameter, a constant, mapped memory. A wild address, such as one
// from an index below zero, is not.
bool Detector::IsOfHost(uintptr_t address) {
  const uintptr_t page_bytes = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t page = address / page_bytes;
  if (host_pages_.contains(page)) return true;
  unsigned char is_resident = 0;
  if (mincore(reinterpret_cast<void*>(page * page_bytes), page_bytes, &is_resident) != 0) return false;
  host_pages_.insert(page);
  return true;
}

void Detector::OnAccess(uintptr_t address, size_t num_bytes, Access access) {
  has_reported_ = true;
  KernelThread& thread = *running_thread;
  const auto stack = reinterpret_cast<uintptr_t>(thread.continuation.stack_bottom);
  if (address - stack < thread.continuation.stack_bytes) return;
  const bool on_device = arena_.Contains(address);
  SharedRange* shared = on_device ? nullptr : FindShared(address);
  if (!on_device && shared == nullptr) {
    if (IsOfHost(address)) return;
    Report(ErrorKind::kOutOfBounds,
           "access of " + std::to_string(num_bytes) + " bytes at address " + std::to_string(address) + " by " +
               Describe(SegmentOf(thread, access)),
           "unmapped");
    running_executor->Abort(cudaErrorIllegalAddress);
  }
  const Current current = {SegmentOf(thread, access), access, address, num_bytes};
  if (on_device && access == Access::kAtomic) MeetAt(address);
  if (on_device) {
    CheckDevice(current);
  } else {
    CheckShared(*shared, current);
  }
}

bool Detector::IsAllowed(const Current& current) {
  if (last_found_.Contains(current.address, current.num_bytes) && last_found_.device == device_) return true;
  const Allocation* found = arena_.Find(current.address);
  if (found != nullptr && found->Contains(current.address, current.num_bytes) && found->device == device_) {
    last_found_ = *found;
    return true;
  }
  std::string message = current.access == Access::kRead ? "read of " : "write of ";
  message += std::to_string(current.num_bytes) + " bytes at " + DescribeAddress(current.address);
  if (found != nullptr && found->device != device_) message += ", memory of another device";
  message += ", by " + Describe(current.segment);
  Report(ErrorKind::kOutOfBounds, message, "bounds " + std::to_string(found != nullptr ? found->number : 0));
  return false;
}

void Detector::CheckDevice(const Current& current) {
  if (!IsAllowed(current)) return;
  Cell* cells = CellOf(current.address);
  for (size_t i = 0; i < current.num_bytes; ++i) {
    if (!CheckCell(cells[i], current)) return;
  }
}

void Detector::CheckShared(SharedRange& range, const Current& current) {
  const size_t offset = current.address - range.begin;
  if (offset + current.num_bytes > range.num_bytes) {
    Report(ErrorKind::kOutOfBounds,
           "access of " + std::to_string(current.num_bytes) + " bytes at " + std::to_string(offset) + " of " +
               std::to_string(range.num_bytes) + " bytes of shared memory, by " + Describe(current.segment),
           "shared bounds");
    return;
  }
  for (size_t i = 0; i < current.num_bytes; ++i) {
    Cell& cell = range.cells[offset + i];
    if (cell.write < block_->first_segment) cell.write = 0;
    for (uint32_t& reader : cell.read) {
      if (reader < block_->first_segment) reader = 0;
    }
    if (!CheckCell(cell, current)) return;
  }
}

Detector::SharedRange* Detector::FindShared(uintptr_t address) {
  if (address - block_->shared.begin < kMaxDynamicShared) return &block_->shared;
  if (!found_thread_storage_) FindThreadStorage();
  for (SharedRange& range : thread_storage_) {
    if (address - range.begin < range.num_bytes) return &range;
  }
  return nullptr;
}

// Shared variables are thread_local: they lie in the blocks of this thread's storage, one for each loaded module.
void Detector::FindThreadStorage() {
  std::vector<SharedRange> ranges;
  const auto add = [](dl_phdr_info* info, size_t, void* data) {
    for (int i = 0; i < info->dlpi_phnum; ++i) {
      if (info->dlpi_phdr[i].p_type != PT_TLS) continue;
      static_cast<std::vector<SharedRange>*>(data)->push_back({ThreadStorageOf(*info), info->dlpi_phdr[i].p_memsz, {}});
    }
    return 0;
  };
  dl_iterate_phdr(add, &ranges);
  for (SharedRange& range : ranges) {
    for (SharedRange& old : thread_storage_) {
      if (old.begin == range.begin && old.num_bytes == range.num_bytes) range.cells = std::move(old.cells);
    }
    range.cells.resize(range.num_bytes);
  }
  thread_storage_ = std::move(ranges);
  found_thread_storage_ = true;
}

bool Detector::CheckCell(Cell& cell, const Current& current) {
  if (current.access == Access::kWrite) return CheckWrite(cell, current);
  if (cell.write == 0 && track_uninitialised_ && !untracked_writes_) {
    ReportUnwritten(current);
    cell.write = current.segment;
    return false;
  }
  return current.access == Access::kRead ? CheckRead(cell, current) : CheckWrite(cell, current);
}

bool Detector::CheckWrite(Cell& cell, const Current& current) {
  if (cell.write != 0 && cell.write != current.segment && !IsOrdered(cell.write, current)) {
    ReportRace(current, cell.write, true);
    return false;
  }
  for (const uint32_t reader : cell.read) {
    if (reader == 0 || reader == current.segment || IsOrdered(reader, current)) continue;
    ReportRace(current, reader, false);
    return false;
  }
  cell = {current.segment, {0, 0, 0}};
  return true;
}

bool Detector::CheckRead(Cell& cell, const Current& current) {
  if (cell.write != 0 && cell.write != current.segment && !IsOrdered(cell.write, current)) {
    ReportRace(current, cell.write, true);
    return false;
  }
  NoteReader(cell, current);
  return true;
}

bool Detector::InOneBlock(uint32_t segment, uint32_t other) const {
  const uint32_t first = operations_.back().first_segment;
  if (segment < first || other < first) return false;
  return segments_[segment - first].block == segments_[other - first].block;
}

bool Detector::InOneWarp(uint32_t segment, uint32_t other) const {
  if (!InOneBlock(segment, other)) return false;
  const uint32_t first = operations_.back().first_segment;
  return segments_[segment - first].thread / kWarpLanes == segments_[other - first].thread / kWarpLanes;
}

// A reader that is ordered before this one is not needed any more. Of more than three, one of another warp and one of
// another block than the first are kept.
void Detector::NoteReader(Cell& cell, const Current& current) {
  for (uint32_t& reader : cell.read) {
    if (reader == current.segment) return;
  }
  for (uint32_t& reader : cell.read) {
    if (reader == 0 || IsOrdered(reader, current)) {
      reader = current.segment;
      return;
    }
  }
  if (InOneBlock(cell.read[0], cell.read[2]) && !InOneBlock(cell.read[0], current.segment)) {
    cell.read[2] = current.segment;
  } else if (InOneWarp(cell.read[0], cell.read[1]) && !InOneWarp(cell.read[0], current.segment)) {
    cell.read[1] = current.segment;
  }
}

void Detector::OnCopyRead(uintptr_t address, size_t num_bytes) {
  const Current current = {operations_.back().first_segment, Access::kRead, address, num_bytes};
  Cell* cells = CellOf(address);
  for (size_t i = 0; i < num_bytes; ++i) {
    if (!CheckRead(cells[i], current)) return;
  }
}

void Detector::OnCopyWrite(uintptr_t address, size_t num_bytes) {
  const Current current = {operations_.back().first_segment, Access::kWrite, address, num_bytes};
  Cell* cells = CellOf(address);
  bool is_clean = true;
  for (size_t i = 0; i < num_bytes; ++i) {
    if (is_clean) is_clean = CheckWrite(cells[i], current);
    cells[i] = {current.segment, {0, 0, 0}};
  }
}

void Detector::OnCopyWithin(uintptr_t to, uintptr_t from, size_t num_bytes) {
  OnCopyRead(from, num_bytes);
  OnCopyWrite(to, num_bytes);
  const Cell* source = CellOf(from);
  Cell* target = CellOf(to);
  for (size_t i = 0; i < num_bytes; ++i) {
    if (source[i].write == 0) target[i].write = 0;
  }
}

uint32_t Detector::OnAsyncCopy(uintptr_t shared, size_t num_bytes) {
  OnAccess(shared, num_bytes, Access::kWrite);
  SharedRange* range = FindShared(shared);
  if (range == nullptr || shared - range->begin + num_bytes > range->num_bytes) return 0;
  const KernelThread& thread = *running_thread;
  const uint32_t segment = NewSegment({block_->block, block_->epoch, thread.lane_clock,
                                       static_cast<uint16_t>(thread.index), kAsyncSegment, thread.segment_site});
  for (size_t i = 0; i < num_bytes; ++i) range->cells[shared - range->begin + i].write = segment;
  return segment;
}

void Detector::SettleAsync(uintptr_t shared, size_t num_bytes, uint32_t segment) {
  SharedRange* range = segment == 0 ? nullptr : FindShared(shared);
  if (range == nullptr) return;
  const uint32_t settled = SegmentOf(*running_thread, Access::kWrite);
  for (size_t i = 0; i < num_bytes; ++i) {
    uint32_t& writer = range->cells[shared - range->begin + i].write;
    if (writer == segment) writer = settled;
  }
}

void Detector::Forget(const Allocation& allocation) {
  last_found_ = {};
  if (cells_ == nullptr) return;
  // Whole pages go back to the host, which gives zeros for them.
  constexpr uintptr_t kPage = 4096;
  const auto begin = reinterpret_cast<uintptr_t>(CellOf(allocation.address));
  const uintptr_t end = begin + allocation.num_bytes * sizeof(Cell);
  const uintptr_t first_page = std::min(end, (begin + kPage - 1) / kPage * kPage);
  const uintptr_t last_page = std::max(first_page, end / kPage * kPage);
  std::memset(reinterpret_cast<void*>(begin), 0, first_page - begin);
  if (last_page > first_page) {
    madvise(reinterpret_cast<void*>(first_page), last_page - first_page, MADV_DONTNEED);
  }
  std::memset(reinterpret_cast<void*>(last_page), 0, end - last_page);
}

}  // namespace skein::emulator
