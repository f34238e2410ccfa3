#include "machine.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "tests/cuda_emulator/src/turns.h"

namespace skein::emulator::ptx {
namespace {

std::string Hex(uint64_t value) {
  char text[20];
  std::snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(value));  // NOLINT(google-runtime-int)
  return text;
}

std::string_view NameOf(Access access) {
  return access == Access::kRead ? "read" : access == Access::kWrite ? "write" : "atomic access";
}

}  // namespace

Machine::Machine(const Program& program, const Shape& shape, std::span<const std::byte> parameters,
                 std::span<std::byte> shared, Host& host, Random& random, Schedule schedule)
    : program_(program),
      shape_(shape),
      parameters_(parameters),
      shared_(shared.first(program.shared_bytes + shape.dynamic_shared_bytes)),
      host_(host),
      random_(random),
      schedule_(schedule),
      is_written_(shared_.size()) {
  const uint32_t num_threads = shape.block.x * shape.block.y * shape.block.z;
  local_.resize(size_t{program.local_bytes} * num_threads);
  warps_.reserve((num_threads + kLanes - 1) / kLanes);
  for (uint32_t first = 0; first < num_threads; first += kLanes) {
    const uint32_t count = std::min(kLanes, num_threads - first);
    warps_.emplace_back(*this, first, count == kLanes ? kAllLanes : (1u << count) - 1);
  }
}

Machine::~Machine() = default;

void Machine::RunBlock(uint3 block) {
  Start(block);
  Turns turns(random_, schedule_);
  for (;;) {
    const Turn turn = RunTurn();
    if (turn == Turn::kEnded) return;
    if (!turns.End(turn == Turn::kPaused, 1)) throw Fault{.kind = ErrorKind::kDeadlock, .message = kEndlessWait};
  }
}

void Machine::Start(uint3 block) {
  block_ = block;
  std::memset(shared_.data(), 0xFF, shared_.size());
  std::fill(is_written_.begin(), is_written_.end(), uint8_t{0});
  std::fill(local_.begin(), local_.end(), kUnwritten);
  for (Warp& warp : warps_) warp.Start();
}

Machine::Turn Machine::RunTurn() {
  Warp* warp = NextWarp();
  if (warp == nullptr) {
    if (std::all_of(warps_.begin(), warps_.end(), [](const Warp& w) { return w.live() == 0; })) return Turn::kEnded;
    if (ReleaseBarrier()) return Turn::kRan;
    throw Fault{.kind = ErrorKind::kDeadlock, .message = "a barrier that not all threads reach"};
  }
  try {
    has_paused_ = !warp->Run();
    return has_paused_ ? Turn::kPaused : Turn::kRan;
  } catch (Fault& fault) {
    fault.message += " at " + Where(*warp);
    if (fault.lane >= 0) {
      fault.message += ", thread " + std::to_string(warp->first_thread() + static_cast<uint32_t>(fault.lane));
    }
    fault.message += " of block (" + std::to_string(block_.x) + ", " + std::to_string(block_.y) + ", " +
                     std::to_string(block_.z) + ")";
    throw;
  }
}

std::string Machine::Where(const Warp& warp) const {
  if (warp.current() == nullptr) return program_.file;
  const Instruction& at = *warp.current();
  std::string where = program_.file + ":" + std::to_string(at.line) + ": " + std::string(at.opcode);
  if (at.source.line == at.line && program_.file == at.source.file) return where;
  return where + ", of " + at.source.file + ":" + std::to_string(at.source.line);
}

Warp* Machine::NextWarp() {
  const auto is_ready = [](const Warp& warp) { return (warp.live() & ~warp.at_barrier()) != 0; };
  const auto num_ready = static_cast<uint32_t>(std::count_if(warps_.begin(), warps_.end(), is_ready));
  if (num_ready == 0) return nullptr;
  // Behind one that paused another one may be what it waits for.
  uint32_t chosen = schedule_ == Schedule::kInStep && !has_paused_ ? 0 : random_.Below(num_ready);
  for (Warp& warp : warps_) {
    if (is_ready(warp) && chosen-- == 0) return &warp;
  }
  return nullptr;
}

// The number of the barrier and of the threads that meet there; 0 threads: all.
struct BarrierPlace {
  uint32_t barrier;
  uint32_t num_threads;
};
static BarrierPlace PlaceOf(Warp& warp) {
  const Instruction& instruction = *warp.barrier();
  const int lane = __builtin_ctz(warp.at_barrier());
  const auto value = [&](size_t i) {
    return instruction.operands[i] == kNoPlace ? 0 : warp.Lanes<uint32_t>(instruction.operands[i])[lane];
  };
  return {value(2), value(3)};
}

// Each warp waits at a barrier or has ended. False: nobody can go on.
bool Machine::ReleaseBarrier() {
  for (Warp& first : warps_) {
    if (first.at_barrier() == 0) continue;
    const BarrierPlace place = PlaceOf(first);
    std::vector<Warp*> there;
    uint32_t num_there = 0, num_live = 0;
    for (Warp& warp : warps_) {
      num_live += static_cast<uint32_t>(__builtin_popcount(warp.live()));
      if (warp.at_barrier() == 0 || PlaceOf(warp).barrier != place.barrier) continue;
      if (PlaceOf(warp).num_threads != place.num_threads || warp.barrier()->variant != first.barrier()->variant) {
        throw Fault{.kind = ErrorKind::kDeadlock,
                    .message = "warps come to one barrier with different operands, lines " +
                               std::to_string(first.barrier()->line) + " and " + std::to_string(warp.barrier()->line)};
      }
      there.push_back(&warp);
      num_there += static_cast<uint32_t>(__builtin_popcount(warp.at_barrier()));
    }
    if (num_there != (place.num_threads == 0 ? num_live : place.num_threads)) continue;
    Reduce(there);
    host_.OnBlockBarrier(first.barrier()->source);
    for (Warp* warp : there) warp->PassBarrier();
    return true;
  }
  return false;
}

// Of bar.red: what the threads' predicates are together.
void Machine::Reduce(const std::vector<Warp*>& warps) {
  const Instruction& instruction = *warps[0]->barrier();
  if (instruction.variant == 0) return;
  uint32_t num_true = 0, num_threads = 0;
  for (Warp* warp : warps) {
    const uint32_t lanes = warp->at_barrier();
    num_threads += static_cast<uint32_t>(__builtin_popcount(lanes));
    num_true += static_cast<uint32_t>(__builtin_popcount(lanes & warp->Mask(warp->barrier()->operands[1])));
  }
  for (Warp* warp : warps) {
    const uint32_t lanes = warp->at_barrier();
    const Place target = warp->barrier()->operands[0];
    if (instruction.variant == 1) {
      for (uint32_t lane = 0; lane < kLanes; ++lane) {
        if (lanes >> lane & 1) warp->Lanes<uint32_t>(target)[lane] = num_true;
      }
      continue;
    }
    const bool result = instruction.variant == 2 ? num_true == num_threads : num_true != 0;
    warp->Mask(target) = (warp->Mask(target) & ~lanes) | (result ? lanes : 0);
  }
}

std::byte* Machine::Resolve(Warp& warp, Space space, uint64_t address, uint32_t num_bytes, Access access,
                            uint32_t lane) {
  if (address % num_bytes != 0) {
    throw Fault{.error = cudaErrorMisalignedAddress,
                .message = std::string(NameOf(access)) + " of " + std::to_string(num_bytes) + " bytes at " +
                           Hex(address) + ", which is not aligned to them",
                .lane = static_cast<int>(lane)};
  }
  if (space == Space::kGeneric) {
    const uint64_t window = address & ~(kWindowBytes - 1);
    space = window == kSharedWindow  ? Space::kShared
            : window == kLocalWindow ? Space::kLocal
            : window == kParamWindow ? Space::kParam
                                     : Space::kGlobal;
    if (space != Space::kGlobal) address -= window;
  }
  switch (space) {
    case Space::kShared: {
      std::byte* bytes = ResolveShared(address, num_bytes, access, lane);
      if (host_.is_watching()) host_.OnAccess(warp.first_thread() + lane, bytes, num_bytes, access);
      return bytes;
    }
    case Space::kLocal:
      if (Range{0, program_.local_bytes}.Contains(address, num_bytes)) {
        return local_.data() + size_t{program_.local_bytes} * (warp.first_thread() + lane) + address;
      }
      break;
    case Space::kParam:
      if (access == Access::kRead && Range{0, parameters_.size()}.Contains(address, num_bytes)) {
        return const_cast<std::byte*>(parameters_.data()) + address;  // it is read alone
      }
      break;
    case Space::kGlobal: {
      std::byte* bytes = ResolveGlobal(address, num_bytes, lane);
      if (host_.is_watching()) host_.OnAccess(warp.first_thread() + lane, bytes, num_bytes, access);
      return bytes;
    }
    default:
      break;
  }
  throw Fault{.kind = ErrorKind::kOutOfBounds,
              .error = cudaErrorIllegalAddress,
              .message = std::string(NameOf(access)) + " of " + std::to_string(num_bytes) + " bytes at " +
                         Hex(address) + " of a thread's own memory or of the parameters",
              .lane = static_cast<int>(lane)};
}

std::byte* Machine::ResolveGlobal(uint64_t address, uint32_t num_bytes, uint32_t lane) {
  if (!last_range_.Contains(address, num_bytes)) {
    const Range range = host_.Find(address);
    if (!range.Contains(address, num_bytes)) {
      throw Fault{.kind = ErrorKind::kOutOfBounds,
                  .error = cudaErrorIllegalAddress,
                  .message = "access of " + std::to_string(num_bytes) + " bytes at " + Hex(address) +
                             ", which is in no allocation",
                  .lane = static_cast<int>(lane)};
    }
    last_range_ = range;
  }
  return reinterpret_cast<std::byte*>(address);
}

std::byte* Machine::WithinShared(uint64_t address, uint32_t num_bytes, std::string_view what, uint32_t lane) {
  const uint64_t offset = address - kSharedBegin;
  if (!Range{0, shared_.size()}.Contains(offset, num_bytes)) {
    throw Fault{.kind = ErrorKind::kOutOfBounds,
                .error = cudaErrorIllegalAddress,
                .message = std::string(what) + " of " + std::to_string(num_bytes) + " bytes at " +
                           std::to_string(static_cast<int64_t>(offset)) + " of " + std::to_string(shared_.size()) +
                           " bytes of shared memory",
                .lane = static_cast<int>(lane)};
  }
  return shared_.data() + offset;
}

std::byte* Machine::ResolveShared(uint64_t address, uint32_t num_bytes, Access access, uint32_t lane) {
  std::byte* bytes = WithinShared(address, num_bytes, NameOf(access), lane);
  uint8_t* written = is_written_.data() + (bytes - shared_.data());
  if (access == Access::kWrite) {
    std::memset(written, 1, num_bytes);
  } else if (!std::all_of(written, written + num_bytes, [](uint8_t is) { return is != 0; })) {
    throw Fault{.kind = ErrorKind::kUninitialised,
                .message = "read of " + std::to_string(num_bytes) + " bytes at " +
                           std::to_string(bytes - shared_.data()) +
                           " of shared memory that nobody has written, or that a copy still goes on to write",
                .lane = static_cast<int>(lane)};
  }
  return bytes;
}

std::byte* Machine::ResolveForCopy(uint32_t address, uint32_t num_bytes, uint32_t lane) {
  if (address % num_bytes != 0) {
    throw Fault{.error = cudaErrorMisalignedAddress,
                .message = "a copy to an address that is no multiple of " + std::to_string(num_bytes),
                .lane = static_cast<int>(lane)};
  }
  return WithinShared(address, num_bytes, "copy", lane);
}

void Machine::MarkShared(uint32_t address, uint32_t num_bytes, bool is_written) {
  std::memset(is_written_.data() + (address - kSharedBegin), is_written ? 1 : 0, num_bytes);
}

void Machine::Land(AsyncCopy& copy) {
  std::byte* to = shared_.data() + (copy.shared - kSharedBegin);
  // Of a copy that reads nothing the address may be anything.
  if (copy.num_read > 0) std::memcpy(to, reinterpret_cast<const void*>(copy.global), copy.num_read);
  std::memset(to + copy.num_read, 0, copy.num_bytes - copy.num_read);
  copy.has_landed = true;
}

}  // namespace skein::emulator::ptx
