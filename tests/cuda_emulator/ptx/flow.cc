// What changes the order in which instructions run: bra, ret, exit, trap, barriers of the block, and the kernels before
// and after this one: griddepcontrol.
#include "lanes.h"

namespace skein::emulator::ptx {
namespace {

// The target is filled in by who knows the labels (program.cc).
void DecodeBra(Decoder& decoder) {
  decoder.modifiers.Take("uni");
  decoder.ExpectOperands(1);
  decoder.instruction.flow = Flow::kBranch;
}

void DecodeEnd(Decoder& decoder) {
  decoder.modifiers.Take("uni");
  decoder.ExpectOperands(0);
  decoder.instruction.flow = Flow::kExit;
}

void Trap(Warp& /*warp*/, const Instruction& /*instruction*/, uint32_t lanes) {
  throw Fault{.message = "the kernel stops itself", .lane = std::countr_zero(lanes)};
}

void DecodeTrap(Decoder& decoder) {
  decoder.ExpectOperands(0);
  decoder.instruction.handler = Trap;
}

void WarpBarrier(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  warp.machine().host().OnWarpBarrier(warp.first_thread(), lanes, instruction.source);
}

// A barrier of the block that does nothing: each thread gets what it brings.
void PassBarrier(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  if (instruction.variant == 0) return;
  const uint32_t brought = warp.Mask(instruction.operands[1]);
  if (instruction.variant != 1) return SetMask(warp, instruction.operands[0], lanes, brought);
  ForLanes(lanes, [&](uint32_t lane) { warp.Lanes<uint32_t>(instruction.operands[0])[lane] = brought >> lane & 1; });
}

// Operands: 0 what the threads get, 1 what they bring, 2 the barrier, 3 how many threads.
void DecodeBar(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  if (decoder.modifiers.Take("warp")) {
    if (!decoder.modifiers.Take("sync")) decoder.Fail("not known");
    decoder.ExpectOperands(1);
    instruction.flow = Flow::kMeet;
    instruction.operands[kMeetMask] = decoder.Source(0, Type::kB32);
    instruction.handler = WarpBarrier;
    instruction.is_barrier = true;
    return;
  }
  decoder.modifiers.Take("cta");
  instruction.flow = Flow::kBarrier;
  instruction.handler = PassBarrier;
  instruction.operands[3] = kNoPlace;
  if (decoder.modifiers.Take("sync")) {
    decoder.ExpectOperands(1, 2);
    instruction.operands[2] = decoder.Source(0, Type::kU32);
    if (decoder.num_operands() == 2) instruction.operands[3] = decoder.Source(1, Type::kU32);
    return;
  }
  if (!decoder.modifiers.Take("red")) decoder.Fail("not known");
  const std::string_view operation = decoder.modifiers.TakeOne({"popc", "and", "or"});
  const Type type = decoder.TakeType({operation == "popc" ? Type::kU32 : Type::kPred});
  instruction.variant = operation == "popc" ? 1 : operation == "and" ? 2 : 3;
  decoder.ExpectOperands(3, 4);
  const size_t last = decoder.num_operands() - 1;
  instruction.operands[0] = decoder.Target(0, type);
  instruction.operands[2] = decoder.Source(1, Type::kU32);
  if (last == 3) instruction.operands[3] = decoder.Source(2, Type::kU32);
  instruction.operands[1] = decoder.Source(last, Type::kPred);
}

void DependencyWait(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  if (!warp.Enter("griddepcontrol.wait", instruction)) return;
  ForLanes(lanes, [&](uint32_t lane) { warp.machine().host().OnDependencyWait(warp.first_thread() + lane); });
}
void DependencyRelease(Warp& warp, const Instruction& /*instruction*/, uint32_t lanes) {
  ForLanes(lanes, [&](uint32_t lane) { warp.machine().host().OnRelease(warp.first_thread() + lane); });
}

void DecodeGridDependency(Decoder& decoder) {
  decoder.ExpectOperands(0);
  if (decoder.modifiers.Take("wait")) {
    decoder.instruction.handler = DependencyWait;
  } else if (decoder.modifiers.Take("launch_dependents")) {
    decoder.instruction.handler = DependencyRelease;
  } else {
    decoder.Fail("not known");
  }
}

constexpr Opcode kOpcodes[] = {{"bra", DecodeBra},   {"ret", DecodeEnd}, {"exit", DecodeEnd},
                               {"trap", DecodeTrap}, {"bar", DecodeBar}, {"griddepcontrol", DecodeGridDependency}};

}  // namespace

std::span<const Opcode> FlowOpcodes() { return kOpcodes; }

}  // namespace skein::emulator::ptx
