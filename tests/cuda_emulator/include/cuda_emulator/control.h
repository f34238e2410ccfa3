// How a test sets up the emulated devices, asks for what was found, and breaks a kernel on purpose.
//
// The emulator's state is the process's, as the CUDA runtime's is. Functions may be called by any thread; Configure
// only while no stream, event or allocation of the test is in use.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_CONTROL_H_
#define SKEIN_TESTS_CUDA_EMULATOR_CONTROL_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cuda_emulator/types.h"

namespace skein::emulator {

// How the threads of a block take turns.
enum class Schedule {
  kRunAhead,  // a random warp runs until all its threads wait
  kInStep,    // warps in order, each until all its threads wait
};

struct Options {
  static constexpr int64_t kNever = -1;

  int num_devices = 1;
  cudaError_t no_devices = cudaErrorNoDevice;  // what calls give if there are none; or cudaErrorInsufficientDriver
  size_t memory_bytes = size_t{1} << 30;       // of each device
  int capability = 90;                         // ten times the compute capability
  int num_multiprocessors = 0;                 // 0: those of a card of that capability
  int64_t fail_allocation = kNever;  // the allocation that fails, of the device's memory or the host's, from 0
  int64_t lose_at_launch = kNever;   // the launch from which on device `lost_device` gives cudaErrorIllegalAddress
  int lost_device = 0;
  int delay_us = 0;  // longer waits before each piece of work
  uint64_t seed = 1;
  Schedule schedule = Schedule::kRunAhead;
  bool has_context_stack = true;    // false: the driver refuses to push a context
  bool has_code = true;             // false: kernels were compiled for other devices
  bool track_uninitialised = true;  // reads of bytes that nobody wrote are errors; instrumented kernels alone
  std::string ptx;  // a file that names the PTX of all kernels, a path in each line: that is run; "": the host's code
  int ptx_capability = 0;  // which of them; 0: as `capability`
  bool ptx_fused = false;  // products and sums become one operation where ptxas may do that
};

// Options from text: "devices=2,memory=64MiB,capability=90,schedule=in-step". Keys: devices, no_devices (none or
// old-driver), memory, capability, fail_allocation, lose_at_launch, lost_device, delay_us, seed, schedule,
// track_uninitialised, multiprocessors, ptx, ptx_capability, ptx_fused. False, with the reason in `error`, if it has
// something else.
bool ParseOptions(std::string_view text, Options& options, std::string& error);

// Starts with fresh devices. What the runtime gave out before is void. Before the first call the options are those of
// the environment variable SKEIN_CUDA_EMULATOR, with the seed of SKEIN_CUDA_EMULATOR_SEED. The variable's ptx,
// ptx_capability and ptx_fused hold for options without ptx too: so any test can be run over PTX.
void Configure(const Options& options);
Options CurrentOptions();

enum class ErrorKind {
  kRace,
  kOutOfBounds,
  kUninitialised,
  kDeadlock,  // a barrier that not all threads reach
  kMisuse,    // of an operation of a warp, a copy, or a function of the runtime
};

struct Error {
  ErrorKind kind;
  std::string kernel;
  std::string message;  // one line for each of: what, where, which two threads
};

// The errors that were found since the last call, each place once. A program that has never called this prints the
// first error and aborts.
std::vector<Error> TakeErrors();

// A call of a barrier, by its line. Barriers are __syncthreads and its votes, __syncwarp, __threadfence, ReleaseAdd,
// LoadAcquire, CopyAsyncWait and DependencyWait.
struct BarrierSite {
  std::string kind;
  std::string file;
  int line;
  bool operator==(const BarrierSite&) const = default;
};
// Those that ran since Configure or the last ForgetBarrierSites, in no order.
std::vector<BarrierSite> BarrierSites();
void ForgetBarrierSites();
// From here on the barrier does nothing, until EnableBarriers.
void DisableBarrier(const BarrierSite& site);
void EnableBarriers();

enum class IndexFault {
  kNone,
  kThread,     // one thread of each launch sees a threadIdx.x that is `by` off
  kBlock,      // one block of each launch sees a blockIdx.x that is `by` off
  kExtraBlock  // each launch has one block more in x, and gridDim says nothing of it
};
void ShiftIndex(IndexFault fault, int by);

// From here on the release (ReleaseAdd) number `number`, from 0, of each thread hands nothing on, in every launch.
// kNoRelease: none is left out.
inline constexpr int kNoRelease = -1;
void LeaveOutRelease(int number);

// Counters of work done, for tests of the backend's planning.
struct Counters {
  uint64_t num_contexts = 0;  // devices whose memory a context takes a part of
  uint64_t num_launches = 0;  // kernels, those of graphs included
  uint64_t num_blocks = 0;    // of these kernels
  uint64_t num_graph_launches = 0;
  uint64_t num_copies = 0;
  uint64_t num_pageable_copies = 0;   // of these, with memory of the host's that is not page-locked
  uint64_t copied_to_host_bytes = 0;  // from a device's memory
  uint64_t num_allocations = 0;       // of the device's memory
  uint64_t allocated_bytes = 0;       // now
};
Counters CurrentCounters();

}  // namespace skein::emulator

#endif  // SKEIN_TESTS_CUDA_EMULATOR_CONTROL_H_
