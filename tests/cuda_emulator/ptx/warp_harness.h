// Runs lines of PTX by one warp or more, for tests: words go in, words come out.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_PTX_WARP_HARNESS_H_
#define SKEIN_TESTS_CUDA_EMULATOR_PTX_WARP_HARNESS_H_

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "lexer.h"
#include "machine.h"
#include "module.h"
#include "program.h"

namespace skein::emulator::ptx {

// A word of each lane.
using Words = std::vector<uint32_t>;

inline Words OfFloats(const std::vector<float>& floats) {
  Words words;
  for (const float x : floats) words.push_back(std::bit_cast<uint32_t>(x));
  return words;
}
inline float AsFloat(uint32_t word) { return std::bit_cast<float>(word); }

// The lane's number, and what follows from it.
template <typename Function>
Words ByLane(Function function, uint32_t num_threads = kLanes) {
  Words words;
  for (uint32_t lane = 0; lane < num_threads; ++lane) words.push_back(static_cast<uint32_t>(function(lane)));
  return words;
}

// Memory of the test alone.
class TestMemory final : public Host {
 public:
  explicit TestMemory(size_t num_words) : words_(num_words, 0xFFFFFFFFu) {}
  Range Find(uintptr_t) override { return {reinterpret_cast<uintptr_t>(words_.data()), words_.size() * 4}; }
  Words& words() { return words_; }

 private:
  Words words_;
};

struct Lines {
  std::string body;            // may use %r0 to %r63 and %f, %d, %h, %p, %q (doubles) likewise
  std::vector<Words> in = {};  // %r0, %r1, ... of each thread
  uint32_t num_out = 1;        // %r32, %r33, ... of each thread are the result
  uint32_t num_threads = kLanes;
  std::string declarations = {};  // of shared and local variables
  uint64_t seed = 1;
  Schedule schedule = Schedule::kRunAhead;
  Products products = Products::kApart;
};

inline std::string TextOf(const Lines& lines) {
  const std::string stride = std::to_string(4 * lines.num_threads);
  std::string text = R"(.version 8.0
.target sm_80
.address_size 64
.visible .entry lines(.param .u64 in, .param .u64 out) {
.reg .pred %p<8>; .reg .b16 %h<16>; .reg .b32 %r<64>; .reg .f32 %f<32>; .reg .b64 %d<32>; .reg .f64 %q<8>;
)" + lines.declarations +
                     R"(
mov.u32 %r63, %tid.x; mul.wide.u32 %d30, %r63, 4;
ld.param.u64 %d28, [in]; ld.param.u64 %d29, [out]; add.s64 %d31, %d28, %d30; add.s64 %d30, %d29, %d30;
)";
  for (size_t i = 0; i < lines.in.size(); ++i) {
    text += "ld.global.u32 %r" + std::to_string(i) + ", [%d31+" + std::to_string(i * 4 * lines.num_threads) + "];\n";
  }
  text += lines.body + "\n";
  for (uint32_t i = 0; i < lines.num_out; ++i) {
    text +=
        "st.global.u32 [%d30+" + std::to_string(i * 4 * lines.num_threads) + "], %r" + std::to_string(32 + i) + ";\n";
  }
  return text + "ret;\n}\n";
}

// The result words of each thread, by register. Throws LoadError and Fault.
inline std::vector<Words> RunLines(const Lines& lines) {
  const Module module("lines", TextOf(lines));
  const Program program = Decode(module, module.entries().at(0), lines.products);
  const size_t num_in = lines.in.size() * lines.num_threads;
  TestMemory memory(num_in + lines.num_out * lines.num_threads);
  for (size_t i = 0; i < lines.in.size(); ++i) {
    std::copy(lines.in[i].begin(), lines.in[i].end(),
              memory.words().begin() + static_cast<std::ptrdiff_t>(i * lines.num_threads));
  }
  const uint64_t pointers[2] = {reinterpret_cast<uintptr_t>(memory.words().data()),
                                reinterpret_cast<uintptr_t>(memory.words().data() + num_in)};
  std::vector<std::byte> shared(64 << 10);
  Random random(lines.seed);
  Machine machine(program, {dim3(1), dim3(lines.num_threads)}, std::as_bytes(std::span(pointers)), shared, memory,
                  random, lines.schedule);
  machine.RunBlock({0, 0, 0});
  std::vector<Words> out;
  for (uint32_t i = 0; i < lines.num_out; ++i) {
    const auto begin = memory.words().begin() + static_cast<std::ptrdiff_t>(num_in + i * lines.num_threads);
    out.emplace_back(begin, begin + lines.num_threads);
  }
  return out;
}

// The message of the fault or the error that the lines end with; "" if there is none.
inline std::string FaultOf(const Lines& lines) {
  try {
    RunLines(lines);
  } catch (const Fault& fault) {
    return fault.message;
  } catch (const LoadError& error) {
    return error.what();
  }
  return "";
}

}  // namespace skein::emulator::ptx

#endif  // SKEIN_TESTS_CUDA_EMULATOR_PTX_WARP_HARNESS_H_
