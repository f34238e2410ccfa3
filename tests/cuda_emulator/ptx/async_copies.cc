// Copies into shared memory that go on by themselves: cp.async. Until its thread has waited for it, what a copy writes
// is as good as never written, even if it is there.
#include "lanes.h"

namespace skein::emulator::ptx {
namespace {

// One copy in so many is there at once. The others are there no sooner than they must be.
constexpr uint32_t kOneAtOnceInto = 4;

uint32_t Bytes32(Warp& warp, Place place, uint32_t lane) { return warp.Lanes<uint32_t>(place)[lane]; }

// Operands 0 and 1: the addresses, of shared and of global memory; 2: how many bytes are read, of access_bytes.
void Issue(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  Machine& machine = warp.machine();
  ForLanes(lanes, [&](uint32_t lane) {
    AsyncCopy copy = {};
    copy.num_bytes = instruction.access_bytes;
    copy.shared = static_cast<uint32_t>(Bytes32(warp, instruction.operands[0], lane) + instruction.immediate);
    copy.global = warp.Lanes<uint64_t>(instruction.operands[1])[lane];
    copy.num_read = instruction.operands[2] == kNoPlace ? copy.num_bytes : Bytes32(warp, instruction.operands[2], lane);
    copy.group = warp.copy_group(lane);
    if (copy.num_read > copy.num_bytes) {
      throw Fault{.message = "a copy reads more than it writes", .lane = static_cast<int>(lane)};
    }
    if (copy.global % copy.num_bytes != 0) {
      throw Fault{.error = cudaErrorMisalignedAddress,
                  .message = "a copy from an address that is no multiple of " + std::to_string(copy.num_bytes),
                  .lane = static_cast<int>(lane)};
    }
    // Fewer bytes than are written may be read, and any number of them.
    const uint32_t step = copy.num_read == copy.num_bytes ? copy.num_bytes : 1;
    for (uint32_t i = 0; i < copy.num_read; i += step) {
      machine.Resolve(warp, Space::kGlobal, copy.global + i, step, Access::kRead, lane);
    }
    void* shared = machine.ResolveForCopy(copy.shared, copy.num_bytes, lane);
    machine.MarkShared(copy.shared, copy.num_bytes, false);
    copy.number = machine.host().OnAsyncCopy(warp.first_thread() + lane, shared, copy.num_bytes);
    if (machine.random().Below(kOneAtOnceInto) == 0) machine.Land(copy);
    warp.copies(lane).push_back(copy);
  });
}

void Commit(Warp& warp, const Instruction& /*instruction*/, uint32_t lanes) {
  ForLanes(lanes, [&](uint32_t lane) { ++warp.copy_group(lane); });
}

// Until all groups but the last `immediate` are there. Below 0: all copies, of no group too.
void Wait(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  if (!warp.Enter("cp.async.wait", instruction)) return;
  Machine& machine = warp.machine();
  ForLanes(lanes, [&](uint32_t lane) {
    std::vector<AsyncCopy>& copies = warp.copies(lane);
    const int64_t first_pending = int64_t{warp.copy_group(lane)} - instruction.immediate;
    size_t num_left = 0;
    for (AsyncCopy& copy : copies) {
      if (copy.group >= first_pending) {
        copies[num_left++] = copy;
        continue;
      }
      if (!copy.has_landed) machine.Land(copy);
      machine.MarkShared(copy.shared, copy.num_bytes, true);
      machine.host().OnSettled(warp.first_thread() + lane, machine.ResolveForCopy(copy.shared, copy.num_bytes, lane),
                               copy.num_bytes, copy.number);
    }
    copies.resize(num_left);
  });
}

void DecodeCopy(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  const bool passes_l1 = decoder.modifiers.TakeOne({"ca", "cg"}) == "cg";
  if (decoder.modifiers.TakeOne({"shared", "shared::cta"}).empty() || !decoder.modifiers.Take("global")) {
    decoder.Fail("expected a copy from global to shared memory");
  }
  decoder.modifiers.TakeOne({"L2::64B", "L2::128B", "L2::256B"});
  decoder.ExpectOperands(3, 4);
  decoder.Address(1, 1);
  if (instruction.address_bytes != 8 || instruction.immediate != 0) decoder.Fail("this address is not known");
  decoder.Address(0, 0);
  if (instruction.address_bytes != 4) decoder.Fail("this address of shared memory is not known");
  const int64_t num_bytes = decoder.Number(2);
  if (num_bytes != 16 && (passes_l1 || (num_bytes != 4 && num_bytes != 8))) decoder.Fail("no copy of so many bytes");
  instruction.access_bytes = static_cast<uint8_t>(num_bytes);
  instruction.operands[2] = decoder.num_operands() == 4 ? decoder.Source(3, Type::kB32) : kNoPlace;
  instruction.handler = Issue;
}

void DecodeCp(Decoder& decoder) {
  if (!decoder.modifiers.Take("async")) decoder.Fail("not known");
  if (decoder.modifiers.Take("commit_group")) {
    decoder.ExpectOperands(0);
    decoder.instruction.handler = Commit;
  } else if (decoder.modifiers.Take("wait_group")) {
    decoder.ExpectOperands(1);
    decoder.instruction.immediate = decoder.Number(0);
    decoder.instruction.handler = Wait;
  } else if (decoder.modifiers.Take("wait_all")) {
    decoder.ExpectOperands(0);
    decoder.instruction.immediate = -1;
    decoder.instruction.handler = Wait;
  } else {
    DecodeCopy(decoder);
  }
}

constexpr Opcode kOpcodes[] = {{"cp", DecodeCp}};

}  // namespace

std::span<const Opcode> AsyncCopyOpcodes() { return kOpcodes; }

}  // namespace skein::emulator::ptx
