// The control flow of a warp.
#include <algorithm>
#include <cstring>

#include "machine.h"

namespace skein::emulator::ptx {
namespace {

constexpr size_t kLineBytes = 64;
// Where lanes are at several places, the one that is behind the others runs next, but for one time in so many.
constexpr uint32_t kOneInto = 8;

}  // namespace

Warp::Warp(Machine& machine, uint32_t first_thread, uint32_t present)
    : machine_(machine), first_thread_(first_thread), present_(present) {
  const Program& program = machine.program();
  storage_.resize(program.file_bytes + kLineBytes);
  const auto begin = reinterpret_cast<uintptr_t>(storage_.data());
  file_ = std::span(storage_).subspan((kLineBytes - begin % kLineBytes) % kLineBytes, program.file_bytes);
  std::memcpy(file_.data(), program.image.data(), program.image.size());
}

void Warp::Start() {
  pcs_ = {};
  ready_ = present_;
  meeting_ = at_barrier_ = exited_ = 0;
  for (std::vector<AsyncCopy>& copies : copies_) copies.clear();
  copy_groups_ = {};
  FillSpecials();
}

void Warp::FillSpecials() {
  const dim3 block = machine_.shape().block;
  const dim3 grid = machine_.shape().grid;
  const uint3 place = machine_.block();
  for (const SpecialRegister& special : machine_.program().specials) {
    uint32_t* lanes = Lanes<uint32_t>(special.place);
    for (uint32_t lane = 0; lane < kLanes; ++lane) {
      const uint32_t thread = first_thread_ + lane;
      const uint32_t below = (1u << lane) - 1;
      const auto shift = static_cast<uint32_t>(thread == machine_.shape().shifted_thread ? machine_.shape().shift : 0);
      const uint32_t values[] = {thread % block.x + shift,
                                 thread / block.x % block.y,
                                 thread / block.x / block.y,
                                 block.x,
                                 block.y,
                                 block.z,
                                 place.x,
                                 place.y,
                                 place.z,
                                 grid.x,
                                 grid.y,
                                 grid.z,
                                 lane,
                                 first_thread_ / kLanes,
                                 1u << lane,
                                 below,
                                 below | 1u << lane,
                                 ~(below | 1u << lane),
                                 ~below,
                                 machine_.shape().dynamic_shared_bytes};
      lanes[lane] = values[static_cast<size_t>(special.special)];
    }
  }
}

void Warp::SetPc(uint32_t lanes, uint32_t pc) {
  for (; lanes != 0; lanes &= lanes - 1) pcs_[static_cast<size_t>(__builtin_ctz(lanes))] = pc;
}

uint32_t Warp::ChooseGroup(uint32_t& pc) {
  pc = ~0u;
  for (uint32_t rest = ready_; rest != 0; rest &= rest - 1) {
    pc = std::min(pc, pcs_[static_cast<size_t>(__builtin_ctz(rest))]);
  }
  if (machine_.schedule() != Schedule::kInStep && machine_.random().Below(kOneInto) == 0) {
    // Any lane that is ready.
    const auto turn = static_cast<uint32_t>(machine_.random().Next() >> 59);
    const uint32_t turned = turn == 0 ? ready_ : ready_ >> turn | ready_ << (kLanes - turn);
    pc = pcs_[(turn + static_cast<uint32_t>(__builtin_ctz(turned))) % kLanes];
  }
  uint32_t lanes = 0;
  for (uint32_t rest = ready_; rest != 0; rest &= rest - 1) {
    if (pcs_[static_cast<size_t>(__builtin_ctz(rest))] == pc) lanes |= rest & -rest;
  }
  return lanes;
}

bool Warp::Run() {
  has_paused_ = false;
  while (ready_ != 0) {
    uint32_t pc = 0;
    const uint32_t lanes = ChooseGroup(pc);
    RunGroup(lanes, pc);
    if (has_paused_) return false;
  }
  // The instructions of barriers are "aligned": the lanes of a warp come to one together.
  if (at_barrier_ != live() || meeting_ != 0) FailStuck();
  return true;
}

// Until the lanes part, wait, end, or come to where others are.
void Warp::RunGroup(uint32_t lanes, uint32_t pc) {
  const Instruction* code = machine_.program().code.data();
  const uint32_t others = ready_ & ~lanes;
  uint32_t limit = ~0u;
  for (uint32_t rest = others; rest != 0; rest &= rest - 1) {
    const uint32_t other = pcs_[static_cast<size_t>(__builtin_ctz(rest))];
    if (other > pc) limit = std::min(limit, other);
  }
  while (pc != limit) {
    const Instruction& instruction = code[pc];
    current_ = &instruction;
    uint32_t active = lanes;
    if (instruction.guard != kNoPlace) {
      active &= instruction.is_guard_negated ? ~Mask(instruction.guard) : Mask(instruction.guard);
    }
    if (active == 0) {
      ++pc;
      continue;
    }
    switch (instruction.flow) {
      case Flow::kNext:
        instruction.handler(*this, instruction, active);
        break;
      case Flow::kBranch:
        SetPc(lanes, pc + 1);
        SetPc(active, instruction.target);
        if (active != lanes || others != 0) return;
        pc = instruction.target;
        continue;
      case Flow::kPause:
        instruction.handler(*this, instruction, active);
        SetPc(lanes, pc + 1);
        has_paused_ = true;
        return;
      case Flow::kExit:
        SetPc(lanes, pc + 1);
        Exit(active);
        return;
      case Flow::kMeet:
        if (instruction.is_barrier && !Enter("bar.warp.sync", instruction)) break;
        SetPc(lanes, pc + 1);
        if (!Meet(instruction, active, pc) || active != lanes) return;
        break;
      case Flow::kBarrier:
        if (!Enter("bar", instruction)) {
          instruction.handler(*this, instruction, active);
          break;
        }
        SetPc(lanes, pc + 1);
        if (at_barrier_ != 0 && barrier_ != &instruction) FailStuck();
        barrier_ = &instruction;
        at_barrier_ |= active;
        ready_ &= ~active;
        return;
    }
    ++pc;
  }
  SetPc(lanes, pc);
}

bool Warp::Meet(const Instruction& instruction, uint32_t lanes, uint32_t pc) {
  const uint32_t* masks = Lanes<uint32_t>(instruction.operands[kMeetMask]);
  const uint32_t mask = masks[__builtin_ctz(lanes)];
  for (uint32_t rest = lanes; rest != 0; rest &= rest - 1) {
    const int lane = __builtin_ctz(rest);
    if (masks[lane] != mask) throw Fault{.message = "lanes come with different masks", .lane = lane};
    if ((mask >> lane & 1) == 0) throw Fault{.message = "the mask lacks the lane itself", .lane = lane};
  }
  uint32_t arrived = lanes;
  for (uint32_t rest = meeting_; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<size_t>(__builtin_ctz(rest));
    if (pcs_[lane] == pc + 1 && masks[lane] == mask) arrived |= 1u << lane;
  }
  // Threads that have ended are not waited for.
  const uint32_t needed = mask & live();
  if ((arrived & needed) != needed) {
    meeting_ |= lanes;
    ready_ &= ~lanes;
    return false;
  }
  instruction.handler(*this, instruction, needed);
  meeting_ &= ~needed;
  ready_ |= needed;
  return arrived == lanes;
}

void Warp::Exit(uint32_t lanes) {
  exited_ |= lanes;
  ready_ &= ~lanes;
  for (; lanes != 0; lanes &= lanes - 1) {
    const auto lane = static_cast<uint32_t>(__builtin_ctz(lanes));
    for (AsyncCopy& copy : copies_[lane]) {
      if (!copy.has_landed) machine_.Land(copy);
    }
    machine_.host().OnRelease(first_thread_ + lane);
  }
  // Lanes that waited for these alone come to the instruction again.
  for (uint32_t rest = meeting_; rest != 0; rest &= rest - 1) --pcs_[static_cast<size_t>(__builtin_ctz(rest))];
  ready_ |= meeting_;
  meeting_ = 0;
}

bool Warp::Enter(const char* kind, const Instruction& instruction) {
  return machine_.host().Enter(kind, instruction.source);
}

void Warp::PassBarrier() {
  ready_ |= at_barrier_;
  at_barrier_ = 0;
}

void Warp::FailStuck() const {
  std::string message = "lanes of one warp wait for each other:";
  for (uint32_t lane = 0; lane < kLanes; ++lane) {
    if ((live() >> lane & 1) == 0) continue;
    const Instruction& at = machine_.program().code[pcs_[lane] - 1];
    message += " " + std::to_string(lane) + " at line " + std::to_string(at.line) + ",";
  }
  throw Fault{.kind = ErrorKind::kDeadlock, .message = message};
}

}  // namespace skein::emulator::ptx
