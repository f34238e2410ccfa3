// Loops over the lanes of a warp, as handlers have them: a function of numbers becomes one of registers.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_PTX_LANES_H_
#define SKEIN_TESTS_CUDA_EMULATOR_PTX_LANES_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "decoder.h"
#include "machine.h"
#include "program.h"

namespace skein::emulator::ptx {

// Calls `run` with each lane.
template <typename Run>
inline void ForLanes(uint32_t lanes, Run run) {
  for (; lanes != 0; lanes &= lanes - 1) run(static_cast<uint32_t>(std::countr_zero(lanes)));
}

// The word with a bit for each lane whose byte is not 0.
inline uint32_t Packed(const uint8_t (&is)[kLanes]) {
  uint32_t word = 0;
  for (uint32_t lane = 0; lane < kLanes; ++lane) word |= static_cast<uint32_t>(is[lane] != 0) << lane;
  return word;
}

inline void SetMask(Warp& warp, Place place, uint32_t lanes, uint32_t word) {
  uint32_t& mask = warp.Mask(place);
  mask = (mask & ~lanes) | (word & lanes);
}

// target[lane] = function(sources[lane]...), for each lane of `lanes`. With all of them the loop has no condition, and
// the compiler makes vector instructions of it. A source may be the target.
template <typename Function, typename Target, typename... Sources>
inline void Map(uint32_t lanes, Function function, Target* target, const Sources*... sources) {
  if (lanes == kAllLanes) {
#ifndef __clang__  // which has another name for it, and needs none
#pragma GCC ivdep
#endif
    for (uint32_t lane = 0; lane < kLanes; ++lane) target[lane] = function(sources[lane]...);
  } else {
    ForLanes(lanes, [&](uint32_t lane) { target[lane] = function(sources[lane]...); });
  }
}

// The handler of a function F with an operator() on numbers: operand 0 = F(operand 1, ...). Template arguments are the
// types of the result and of the sources.
template <typename F, typename Target, typename... Sources>
void Elementwise(Warp& warp, const Instruction& instruction, uint32_t lanes) {
  [&]<size_t... kIndex>(std::index_sequence<kIndex...>) {
    Map(lanes, F{}, warp.Lanes<Target>(instruction.operands[0]),
        warp.Lanes<Sources>(instruction.operands[kIndex + 1])...);
  }
  (std::index_sequence_for<Sources...>{});
}

// Decodes such an instruction for a type; `source_types`, from the second operand on.
template <typename F, typename Target, typename... Sources>
void UseElementwise(Decoder& decoder, Type target, std::initializer_list<Type> sources) {
  decoder.ExpectOperands(1 + sources.size());
  decoder.instruction.operands[0] = decoder.Target(0, target);
  size_t index = 1;
  for (const Type source : sources) {
    decoder.instruction.operands[index] = decoder.Source(index, source);
    ++index;
  }
  decoder.instruction.handler = Elementwise<F, Target, Sources...>;
}

// The same where all operands are of one type, of which there are `kArity` sources.
template <typename F, size_t kArity, typename T>
void UseUniform(Decoder& decoder, Type type) {
  if constexpr (kArity == 1) {
    UseElementwise<F, T, T>(decoder, type, {type});
  } else if constexpr (kArity == 2) {
    UseElementwise<F, T, T, T>(decoder, type, {type, type});
  } else {
    UseElementwise<F, T, T, T, T>(decoder, type, {type, type, type});
  }
}

}  // namespace skein::emulator::ptx

#endif  // SKEIN_TESTS_CUDA_EMULATOR_PTX_LANES_H_
