// Operations in which lanes of a warp see each other's numbers: shfl, vote, redux, activemask.
#include "integer_arithmetic.h"
#include "lanes.h"

namespace skein::emulator::ptx {
namespace {

enum class Shuffle : uint8_t { kUp, kDown, kXor, kIndex };

// The manual's rule: bits 0 to 4 of `c` bound the lanes, bits 8 to 12 are those of a lane's number that say its
// segment. Operands: 0 the result, 1 whether the source was within bounds, 2 a, 3 b, 4 c.
void Shuffled(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  const uint32_t* a = warp.Lanes<uint32_t>(instruction.operands[2]);
  const uint32_t* b = warp.Lanes<uint32_t>(instruction.operands[3]);
  const uint32_t* c = warp.Lanes<uint32_t>(instruction.operands[4]);
  uint32_t result[kLanes] = {};
  uint32_t within_bounds = 0;
  ForLanes(lanes, [&](uint32_t lane) {
    const auto by = static_cast<int32_t>(b[lane] & 0x1F);
    const auto segment = static_cast<int32_t>(c[lane] >> 8 & 0x1F);
    const auto clamp = static_cast<int32_t>(c[lane] & 0x1F);
    const auto self = static_cast<int32_t>(lane);
    const int32_t last = (self & segment) | (clamp & ~segment);
    int32_t source = 0;
    bool is_within = false;
    switch (static_cast<Shuffle>(instruction.variant)) {
      case Shuffle::kUp:
        source = self - by;
        is_within = source >= last;
        break;
      case Shuffle::kDown:
        source = self + by;
        is_within = source <= last;
        break;
      case Shuffle::kXor:
        source = self ^ by;
        is_within = source <= last;
        break;
      case Shuffle::kIndex:
        source = (self & segment) | (by & ~segment);
        is_within = source <= last;
        break;
    }
    if (!is_within) source = self;
    if ((lanes >> source & 1) == 0) {
      throw Fault{.message = "it reads lane " + std::to_string(source) + ", which takes no part", .lane = self};
    }
    within_bounds |= static_cast<uint32_t>(is_within) << lane;
    result[lane] = a[source];
  });
  uint32_t* target = warp.Lanes<uint32_t>(instruction.operands[0]);
  ForLanes(lanes, [&](uint32_t lane) { target[lane] = result[lane]; });
  if (instruction.operands[1] != kNoPlace) SetMask(warp, instruction.operands[1], lanes, within_bounds);
}

void DecodeShfl(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  if (!decoder.modifiers.Take("sync")) decoder.Fail("expected .sync");
  const std::string_view mode = decoder.modifiers.TakeOne({"up", "down", "bfly", "idx"});
  if (mode.empty()) decoder.Fail("the mode is not known");
  const Type type = decoder.TakeType({Type::kB32});
  decoder.ExpectOperands(5);
  instruction.variant = static_cast<uint8_t>(mode == "up"     ? Shuffle::kUp
                                             : mode == "down" ? Shuffle::kDown
                                             : mode == "bfly" ? Shuffle::kXor
                                                              : Shuffle::kIndex);
  // Behind a bar the register's own name stands alone.
  Operand target = decoder.operand(0);
  target.second = {};
  instruction.operands[0] = decoder.TargetOf(target, type);
  instruction.operands[1] = decoder.SecondTarget(0);
  for (size_t i = 1; i <= 3; ++i) instruction.operands[i + 1] = decoder.Source(i, type);
  instruction.operands[kMeetMask] = decoder.Source(4, type);
  instruction.flow = Flow::kMeet;
  instruction.handler = Shuffled;
}

enum class Vote : uint8_t { kAll, kAny, kUniform, kBallot };

void Voted(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  const uint32_t votes = warp.Mask(instruction.operands[1]) & lanes;
  if (static_cast<Vote>(instruction.variant) == Vote::kBallot) {
    uint32_t* target = warp.Lanes<uint32_t>(instruction.operands[0]);
    ForLanes(lanes, [&](uint32_t lane) { target[lane] = votes; });
    return;
  }
  const bool all = votes == lanes, any = votes != 0;
  const auto vote = static_cast<Vote>(instruction.variant);
  const bool result = vote == Vote::kAll ? all : vote == Vote::kAny ? any : all || !any;
  SetMask(warp, instruction.operands[0], lanes, result ? lanes : 0);
}

void DecodeVote(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  if (!decoder.modifiers.Take("sync")) decoder.Fail("expected .sync");
  const std::string_view mode = decoder.modifiers.TakeOne({"all", "any", "uni", "ballot"});
  if (mode.empty()) decoder.Fail("the mode is not known");
  const Type type = decoder.TakeType({mode == "ballot" ? Type::kB32 : Type::kPred});
  decoder.ExpectOperands(3);
  instruction.variant = static_cast<uint8_t>(mode == "all"   ? Vote::kAll
                                             : mode == "any" ? Vote::kAny
                                             : mode == "uni" ? Vote::kUniform
                                                             : Vote::kBallot);
  instruction.operands[0] = decoder.Target(0, type);
  instruction.operands[1] = decoder.Source(1, Type::kPred);
  instruction.operands[kMeetMask] = decoder.Source(2, Type::kB32);
  instruction.flow = Flow::kMeet;
  instruction.handler = Voted;
}

template <typename F, typename T>
void Reduced(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  const T* source = warp.Lanes<T>(instruction.operands[1]);
  T* target = warp.Lanes<T>(instruction.operands[0]);
  const auto first = static_cast<uint32_t>(std::countr_zero(lanes));
  T result = source[first];
  ForLanes(lanes & (lanes - 1), [&](uint32_t lane) { result = F{}(result, source[lane]); });
  ForLanes(lanes, [&](uint32_t lane) { target[lane] = result; });
}

void DecodeRedux(Decoder& decoder) {
  Instruction& instruction = decoder.instruction;
  if (!decoder.modifiers.Take("sync")) decoder.Fail("expected .sync");
  const std::string_view operation = decoder.modifiers.TakeOne({"add", "min", "max"});
  if (operation.empty()) decoder.Fail("the operation is not known");
  const Type type = decoder.TakeType({Type::kU32, Type::kS32});
  decoder.ExpectOperands(3);
  instruction.operands[0] = decoder.Target(0, type);
  instruction.operands[1] = decoder.Source(1, type);
  instruction.operands[kMeetMask] = decoder.Source(2, Type::kB32);
  instruction.flow = Flow::kMeet;
  const auto use = [&]<typename T>(T) {
    instruction.handler = operation == "add" ? Reduced<Add, T> : operation == "min" ? Reduced<Min, T> : Reduced<Max, T>;
  };
  type == Type::kS32 ? use(int32_t{}) : use(uint32_t{});
}

void ActiveMask(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  uint32_t* target = warp.Lanes<uint32_t>(instruction.operands[0]);
  ForLanes(lanes, [&](uint32_t lane) { target[lane] = lanes; });
}

void DecodeActiveMask(Decoder& decoder) {
  decoder.instruction.operands[0] = decoder.Target(0, decoder.TakeType({Type::kB32}));
  decoder.ExpectOperands(1);
  decoder.instruction.handler = ActiveMask;
}

constexpr Opcode kOpcodes[] = {
    {"shfl", DecodeShfl}, {"vote", DecodeVote}, {"redux", DecodeRedux}, {"activemask", DecodeActiveMask}};

}  // namespace

std::span<const Opcode> WarpOpcodes() { return kOpcodes; }

}  // namespace skein::emulator::ptx
