#include "executor.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <utility>

#include "error_log.h"
#include "hooks.h"
#include "symbols.h"

uint3 threadIdx;
uint3 blockIdx;
dim3 blockDim;
dim3 gridDim;

namespace skein::emulator {

Executor* running_executor = nullptr;
KernelThread* running_thread = nullptr;

DynamicShared::DynamicShared() {
  void* shared = mmap(nullptr, kMaxDynamicShared, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) {
    std::fprintf(stderr, "cuda emulator: no memory for shared memory\n");
    std::abort();
  }
  data_ = static_cast<unsigned char*>(shared);
}

DynamicShared::~DynamicShared() { munmap(data_, kMaxDynamicShared); }

Executor::Executor(Arena& arena, Detector& detector, const Options& options)
    : detector_(detector), random_(options.seed), schedule_(options.schedule), capability_(options.capability) {
  block_ = &PlaceAt(0);
  if (!options.ptx.empty()) ptx_ = std::make_unique<PtxKernels>(arena, detector, options);
}

Executor::~Executor() = default;

RunningBlock& Executor::PlaceAt(uint32_t place) {
  while (blocks_.size() <= place) {
    blocks_.push_back(std::make_unique<RunningBlock>());
    blocks_.back()->place = static_cast<uint32_t>(blocks_.size() - 1);
  }
  return *blocks_[place];
}

void Executor::ShiftIndex(IndexFault fault, int by) {
  fault_ = fault;
  fault_by_ = by;
}

cudaError_t Executor::Run(const Launch& launch) {
  launch_ = &launch;
  num_threads_ = launch.block.x * launch.block.y * launch.block.z;
  if (ptx_ != nullptr) return RunPtx(launch);
  host_ = ThisHostThread();
  error_ = cudaSuccess;
  running_executor = this;
  has_paused_ = was_pause_ = false;
  const KernelScope scope;
  if (launch.cooperative) {
    RunTogether(launch);
  } else {
    RunBlocks(launch);
  }
  running_executor = nullptr;
  launch_ = nullptr;
  return error_;
}

cudaError_t Executor::RunPtx(const Launch& launch) {
  const std::vector<uint32_t> order = BlockOrder(launch);
  PtxKernels::Faults faults;
  if (fault_ == IndexFault::kThread) faults = {faulty_thread_, fault_by_};
  std::vector<PtxKernels::Block> blocks;
  for (const uint32_t block : order) blocks.push_back({block, IndexOf(block)});
  const auto shared_of = [this](uint32_t place) {
    return std::as_writable_bytes(std::span(PlaceAt(place).shared.data(), kMaxDynamicShared));
  };
  return ptx_->Run(launch, blocks, faults, shared_of, random_, sites_);
}

void Executor::RunBlocks(const Launch& launch) {
  Turns turns(random_, schedule_);
  for (const uint32_t block : BlockOrder(launch)) {
    Start(PlaceAt(0), block);
    while (block_->num_live > 0 && error_ == cudaSuccess) RunTurn(turns, 1);
    if (error_ != cudaSuccess) return;
  }
}

void Executor::RunTogether(const Launch& launch) {
  std::vector<RunningBlock*> live;
  for (const uint32_t block : BlockOrder(launch)) {
    live.push_back(&PlaceAt(static_cast<uint32_t>(live.size())));
    Start(*live.back(), block);
  }
  Turns turns(random_, schedule_);
  while (!live.empty() && error_ == cudaSuccess) {
    const size_t next = turns.Next(live.size());
    Enter(*live[next]);
    while (RunTurn(turns, live.size()) && block_->num_live > 0 && error_ == cudaSuccess) {
      if (turns.Leaves()) break;
    }
    if (block_->num_live == 0) live.erase(live.begin() + static_cast<std::ptrdiff_t>(next));
  }
}

// The blocks of the launch as they come, and which of them and of their threads a fault on purpose meets.
std::vector<uint32_t> Executor::BlockOrder(const Launch& launch) {
  const uint32_t extra = fault_ == IndexFault::kExtraBlock ? launch.grid.y * launch.grid.z : 0;
  const uint32_t num_blocks = launch.grid.x * launch.grid.y * launch.grid.z + extra;
  faulty_thread_ = random_.Below(num_threads_);
  faulty_block_ = random_.Below(num_blocks);
  std::vector<uint32_t> order(num_blocks);
  std::iota(order.begin(), order.end(), 0u);
  if (schedule_ != Schedule::kInStep) {
    for (uint32_t i = num_blocks; i > 1; --i) std::swap(order[i - 1], order[random_.Below(i)]);
  }
  return order;
}

bool Executor::RunTurn(Turns& turns, size_t num_live_blocks) {
  Warp* warp = NextWarp();
  if (warp != nullptr) {
    RunWarp(*warp);
  } else if (block_->num_at_barrier == block_->num_live) {
    ReleaseBarrier();
  } else {
    ReportDeadlock("a barrier that not all threads reach;");
    error_ = cudaErrorLaunchFailure;
  }
  was_pause_ = std::exchange(has_paused_, false);
  if (!turns.End(was_pause_, num_live_blocks)) {
    ReportDeadlock(std::string(kEndlessWait) + ";");
    error_ = cudaErrorLaunchFailure;
  }
  return !was_pause_;
}

uint3 Executor::IndexOf(uint32_t block) const {
  const uint32_t columns = launch_->grid.x + (fault_ == IndexFault::kExtraBlock ? 1 : 0);
  uint3 index = {block % columns, block / columns % launch_->grid.y, block / columns / launch_->grid.y};
  if (fault_ == IndexFault::kBlock && block == faulty_block_) index.x += static_cast<unsigned>(fault_by_);
  return index;
}

void Executor::Enter(RunningBlock& block) {
  block_ = &block;
  blockIdx = IndexOf(block.number);
  detector_.EnterBlock(block.place);
}

void Executor::Start(RunningBlock& block, uint32_t number) {
  block.number = number;
  block.num_live = num_threads_;
  block.num_at_barrier = 0;
  block.threads.resize(std::max<size_t>(block.threads.size(), num_threads_));
  block.warps.assign((num_threads_ + kWarpLanes - 1) / kWarpLanes, Warp{});
  for (size_t i = 0; i < block.warps.size(); ++i) {
    const uint32_t lanes = std::min(kWarpLanes, num_threads_ - static_cast<uint32_t>(i) * kWarpLanes);
    const uint32_t present = lanes == kWarpLanes ? ~0u : (1u << lanes) - 1;
    block.warps[i] = {&block.threads[i * kWarpLanes], present, present, 0, 0, 0};
  }
  // Shared memory holds what it held. Bytes of NaNs show a read before a write.
  std::memset(block.shared.data(), 0xFF, launch_->dynamic_shared_bytes);
  detector_.BeginBlock(block.place, number, {block.shared.data(), launch_->dynamic_shared_bytes});
  Enter(block);
  blockDim = launch_->block;
  gridDim = launch_->grid;
  for (uint32_t i = 0; i < num_threads_; ++i) StartThread(i);
}

void Executor::StartThread(uint32_t index) {
  KernelThread& thread = block_->threads[index];
  const dim3& block = launch_->block;
  thread.place = {index % block.x, index / block.x % block.y, index / block.x / block.y};
  if (fault_ == IndexFault::kThread && index == faulty_thread_) {
    thread.place.x += static_cast<unsigned>(fault_by_);
  }
  thread.index = index;
  thread.lane = index % kWarpLanes;
  thread.warp = &block_->warps[index / kWarpLanes];
  thread.operation = nullptr;
  thread.segment = thread.atomic_segment = 0;
  thread.segment_site = thread.site = {};
  thread.lane_clock = 1;
  thread.warp_clock = {};
  thread.dependency_waited = false;
  thread.num_releases = 0;
  thread.copies.clear();
  thread.copy_group = 0;
  thread.continuation = stacks_.Start(size_t{block_->place} * num_threads_ + index, ThreadMain, this);
}

void Executor::ThreadMain(void* executor) {
  auto& self = *static_cast<Executor*>(executor);
  self.launch_->kernel->Run();
  self.EndThread();
}

Warp* Executor::NextWarp() {
  uint32_t num_runnable = 0;
  for (const Warp& warp : block_->warps) num_runnable += warp.ready != 0;
  if (num_runnable == 0) return nullptr;
  // Behind one that paused another one may be what it waits for.
  uint32_t chosen = schedule_ == Schedule::kInStep && !was_pause_ ? 0 : random_.Below(num_runnable);
  for (Warp& warp : block_->warps) {
    if (warp.ready != 0 && chosen-- == 0) return &warp;
  }
  return nullptr;
}

// Until all its threads wait or have ended, or one pauses.
void Executor::RunWarp(Warp& warp) {
  uint32_t lane = 0;
  while (warp.ready != 0 && error_ == cudaSuccess && !has_paused_) {
    if (schedule_ != Schedule::kInStep) lane = static_cast<uint32_t>(random_.Next() >> 59);
    // The next that is ready, around the warp.
    const uint32_t turned = lane == 0 ? warp.ready : (warp.ready >> lane) | (warp.ready << (kWarpLanes - lane));
    lane = (lane + static_cast<uint32_t>(__builtin_ctz(turned))) % kWarpLanes;
    KernelThread& thread = warp.threads[lane];
    running_thread = &thread;
    threadIdx = thread.place;
    SwitchTo(host_, thread.continuation);
  }
  running_thread = nullptr;
}

void Executor::Pause() {
  has_paused_ = true;
  Yield();
}

void Executor::Yield() {
  KernelThread& thread = *running_thread;
  SwitchTo(thread.continuation, host_);
}

void Executor::EndThread() {
  KernelThread& thread = *running_thread;
  Warp& warp = *thread.warp;
  for (AsyncCopy& copy : thread.copies) {
    if (!copy.landed) Land(copy);
  }
  detector_.Release(thread);
  warp.exited |= 1u << thread.lane;
  warp.ready &= ~(1u << thread.lane);
  --block_->num_live;
  // Operations that waited for this thread alone.
  for (uint32_t waiting = warp.in_operation; waiting != 0;) {
    KernelThread& other = warp.threads[__builtin_ctz(waiting)];
    waiting &= ~(TryResolve(warp, other) ? other.mask : 1u << other.lane);
  }
  Yield();
}

void Executor::Barrier(Site site, const char* name, BlockVote vote, int predicate) {
  KernelThread& thread = *running_thread;
  Warp& warp = *thread.warp;
  thread.site = site;
  thread.vote = vote;
  thread.predicate = predicate;
  block_->barrier_name = name;
  warp.at_barrier |= 1u << thread.lane;
  warp.ready &= ~(1u << thread.lane);
  ++block_->num_at_barrier;
  Yield();
}

void Executor::ReleaseBarrier() {
  CheckOneSite();
  int count = 0;
  for (const Warp& warp : block_->warps) {
    for (uint32_t lanes = warp.at_barrier; lanes != 0; lanes &= lanes - 1) {
      count += warp.threads[__builtin_ctz(lanes)].predicate != 0;
    }
  }
  const int num_voters = static_cast<int>(block_->num_at_barrier);
  for (Warp& warp : block_->warps) {
    for (uint32_t lanes = warp.at_barrier; lanes != 0; lanes &= lanes - 1) {
      KernelThread& thread = warp.threads[__builtin_ctz(lanes)];
      thread.vote_result = thread.vote == BlockVote::kCount ? count
                           : thread.vote == BlockVote::kAnd ? count == num_voters
                                                            : count != 0;
      thread.segment = thread.atomic_segment = 0;
      thread.segment_site = thread.site;
    }
    warp.ready |= warp.at_barrier;
    warp.at_barrier = 0;
  }
  block_->num_at_barrier = 0;
  detector_.BlockBarrier();
}

// All threads must wait at the same call. CUDA may let others pass, and says that it need not.
void Executor::CheckOneSite() {
  const KernelThread* first = nullptr;
  for (const Warp& warp : block_->warps) {
    for (uint32_t lanes = warp.at_barrier; lanes != 0; lanes &= lanes - 1) {
      const KernelThread& thread = warp.threads[__builtin_ctz(lanes)];
      if (first == nullptr) first = &thread;
      if (thread.site.line == first->site.line && thread.site.file == first->site.file) continue;
      const std::string here = std::string(first->site.file) + ":" + std::to_string(first->site.line);
      const std::string there = std::string(thread.site.file) + ":" + std::to_string(thread.site.line);
      detector_.Report(ErrorKind::kDeadlock,
                       "threads of one block wait at different barriers: thread " + std::to_string(first->index) +
                           " at " + here + ", thread " + std::to_string(thread.index) + " at " + there,
                       "divergence " + here + there);
      return;
    }
  }
}

// Where a lane waits; "ended" if it does not.
std::string Executor::DescribeWait(const Warp& warp, uint32_t lane) const {
  const KernelThread& thread = warp.threads[lane];
  if (warp.exited >> lane & 1) return "ended";
  if (warp.ready >> lane & 1) return "looks again and again";
  std::string text = (warp.at_barrier >> lane & 1) ? block_->barrier_name : thread.operation->name;
  return text.append(" at ").append(thread.site.file).append(":").append(std::to_string(thread.site.line));
}

void Executor::ReportDeadlock(std::string message) {
  for (const Warp& warp : block_->warps) {
    message.append(" warp ").append(std::to_string(&warp - block_->warps.data())).append(":");
    // Lanes that wait at the same place are named once.
    std::string before;
    for (uint32_t lane = 0; lane < kWarpLanes && (warp.present >> lane & 1); ++lane) {
      std::string wait = DescribeWait(warp, lane);
      if (wait != before) message.append(" from lane ").append(std::to_string(lane)).append(" ").append(wait);
      before = std::move(wait);
    }
    message += ";";
  }
  message.append(" block (").append(std::to_string(blockIdx.x)).append(", ").append(std::to_string(blockIdx.y));
  message.append(", ").append(std::to_string(blockIdx.z)).append(")");
  detector_.Report(ErrorKind::kDeadlock, message, "deadlock");
}

void Executor::Collective(const WarpOperation& operation, uint32_t mask, void* slot, Site site) {
  KernelThread& thread = *running_thread;
  Warp& warp = *thread.warp;
  const uint32_t bit = 1u << thread.lane;
  if ((mask & bit) == 0) ReportMisuse(std::string(operation.name) + ": the mask lacks the calling lane", site);
  thread.operation = &operation;
  thread.mask = mask | bit;
  thread.slot = slot;
  thread.site = site;
  warp.in_operation |= bit;
  warp.ready &= ~bit;
  if (!TryResolve(warp, thread)) Yield();
}

bool Executor::InOneOperation(const Warp& warp, const KernelThread& thread, uint32_t lanes) const {
  for (; lanes != 0; lanes &= lanes - 1) {
    const KernelThread& other = warp.threads[__builtin_ctz(lanes)];
    if (other.operation != thread.operation || other.mask != thread.mask) return false;
  }
  return true;
}

// Lets the lanes that wait with `thread` go on if all that it waits for are there. Threads that have ended are not
// waited for.
bool Executor::TryResolve(Warp& warp, KernelThread& thread) {
  const uint32_t lanes = thread.mask & warp.present & ~warp.exited;
  if ((warp.in_operation & lanes) != lanes) return false;
  if (!InOneOperation(warp, thread, lanes)) {
    ReportMisuse(
        std::string(thread.operation->name) + ": lanes of the mask are in another operation or have another mask",
        thread.site);
    error_ = cudaErrorLaunchFailure;
    return false;
  }
  if (thread.operation->resolve != nullptr) {
    WarpGroup group = {lanes, {}, warp.threads};
    for (uint32_t rest = lanes; rest != 0; rest &= rest - 1) {
      const int lane = __builtin_ctz(rest);
      group.slots[lane] = warp.threads[lane].slot;
    }
    thread.operation->resolve(group);
  }
  warp.in_operation &= ~lanes;
  warp.ready |= lanes;
  return true;
}

void Executor::ReportMisuse(const std::string& message, Site site) {
  const std::string where = std::string(site.file) + ":" + std::to_string(site.line);
  const std::string who = running_thread == nullptr ? ""
                                                    : ", thread " + std::to_string(running_thread->index) +
                                                          " of block " + std::to_string(blockIdx.x);
  detector_.Report(ErrorKind::kMisuse, message + " at " + where + who, message + where);
}

void Executor::RequireCapability(int capability, const char* instruction, Site site) {
  if (capability_ >= capability) return;
  ReportMisuse(std::string(instruction) + " on a device of compute capability " + std::to_string(capability_) +
                   "; expected " + std::to_string(capability),
               site);
  Abort(cudaErrorLaunchFailure);
}

void Executor::Abort(cudaError_t error) {
  error_ = error;
  Yield();
  std::abort();  // nobody goes on with a kernel that has failed
}

void Executor::IssueCopy(AsyncCopy copy, Site site) {
  KernelThread& thread = *running_thread;
  if (reinterpret_cast<uintptr_t>(copy.shared) % copy.num_bytes != 0 ||
      (copy.valid && reinterpret_cast<uintptr_t>(copy.global) % copy.num_bytes != 0)) {
    ReportMisuse("CopyAsync16: an address is no multiple of " + std::to_string(copy.num_bytes), site);
    Abort(cudaErrorMisalignedAddress);
  }
  copy.group = thread.copy_group;
  if (detector_.is_on()) {
    if (copy.valid) detector_.OnAccess(reinterpret_cast<uintptr_t>(copy.global), copy.num_bytes, Access::kRead);
    copy.segment = detector_.OnAsyncCopy(reinterpret_cast<uintptr_t>(copy.shared), copy.num_bytes);
  }
  // Some are quick. Most are there no sooner than they must be.
  if (random_.Below(4) == 0) Land(copy);
  thread.copies.push_back(copy);
}

void Executor::Land(AsyncCopy& copy) {
  copy.landed = true;
  if (copy.valid) {
    std::memcpy(copy.shared, copy.global, copy.num_bytes);
  } else {
    std::memset(copy.shared, 0, copy.num_bytes);
  }
}

void Executor::CommitCopies() { ++running_thread->copy_group; }

void Executor::WaitForCopies(uint32_t num_groups) {
  KernelThread& thread = *running_thread;
  size_t num_left = 0;
  for (AsyncCopy& copy : thread.copies) {
    if (copy.group + num_groups >= thread.copy_group) {
      thread.copies[num_left++] = copy;
      continue;
    }
    if (!copy.landed) Land(copy);
    if (detector_.is_on()) {
      detector_.SettleAsync(reinterpret_cast<uintptr_t>(copy.shared), copy.num_bytes, copy.segment);
    }
  }
  thread.copies.resize(num_left);
}

}  // namespace skein::emulator
