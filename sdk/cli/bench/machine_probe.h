// Measures the limits of the machine: reads from memory, and arithmetic in registers. Other work on the machine changes
// both from second to second. So measure between the runs that are compared with the limits.
#ifndef SKEIN_CLI_BENCH_MACHINE_PROBE_H_
#define SKEIN_CLI_BENCH_MACHINE_PROBE_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace skein::cli {

// A kind of arithmetic in which matrices are multiplied.
enum class Arithmetic {
  kF32,   // multiply-add of float32
  kBf16,  // dot products of bfloat16
  kInt8,  // dot products of bytes
};

// "f32 multiply-add".
std::string_view ArithmeticName(Arithmetic arithmetic);

// Threads: one at a time; each measurement starts its own.
class MachineProbe {
 public:
  // Holds 256 MiB. Throws Error if there is no room.
  explicit MachineProbe(uint32_t num_threads);

  // Bytes per second that the threads read together from memory: the best of three passes each, about 60 ms. The memory
  // is in huge pages where the system has them, like the backends' weights.
  struct Bandwidth {
    double plain;  // the processor alone fetches ahead; so do most measurements of bandwidth
    double best;   // the better of that and of lines asked for: a twentieth to a sixth more on some processors
  };
  Bandwidth ReadBandwidth();

  // Operations per second of all threads together, with operands in registers: the best of three runs of a few
  // milliseconds. A multiplication and an addition are two operations. The instruction is the fastest of this processor
  // for the purpose, perhaps one of a tile unit (AMX). Nothing if no such instruction is known here.
  std::optional<double> ArithmeticRate(Arithmetic arithmetic) const;

 private:
  struct Free {
    void operator()(uint64_t* memory) const { std::free(memory); }
  };

  // `ahead`: words by which lines are asked for; 0: not at all.
  double ReadBandwidth(size_t ahead);

  const uint32_t num_threads_;
  const std::unique_ptr<uint64_t, Free> memory_;
};

}  // namespace skein::cli

#endif  // SKEIN_CLI_BENCH_MACHINE_PROBE_H_
