#include "ptx_kernels.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>
#include <utility>

#include "executor.h"
#include "kernel_thread.h"
#include "symbols.h"
#include "tests/cuda_emulator/ptx/lexer.h"
#include "turns.h"

namespace skein::emulator {
namespace {

// What surrounds a kernel: memory as the emulator knows it, and the detector if that is on.
class Surroundings final : public ptx::Host {
 public:
  Surroundings(Arena& arena, Detector& detector, Sites& sites, int device, uint32_t num_threads)
      : arena_(arena), detector_(detector), sites_(sites), device_(device), threads_(num_threads) {}
  ~Surroundings() override { running_thread = nullptr; }

  void BeginBlock(uint32_t place, uint32_t block, std::span<const std::byte> shared) {
    detector_.BeginBlock(place, block, {reinterpret_cast<const unsigned char*>(shared.data()), shared.size()});
    for (size_t i = 0; i < threads_.size(); ++i) {
      KernelThread& thread = threads_[i];
      thread = {};
      thread.index = static_cast<uint32_t>(i);
      thread.lane = thread.index % kWarpLanes;
      thread.lane_clock = 1;
    }
  }

  ptx::Range Find(uintptr_t address) override {
    if (!arena_.Contains(address)) return {address, detector_.IsOfHost(address) ? size_t{16} : 0};
    const Allocation* found = arena_.Find(address);
    if (found == nullptr || found->device != device_) return {};
    return {found->address, found->num_bytes};
  }
  bool is_watching() const override { return detector_.is_on(); }
  void OnAccess(uint32_t thread, const void* address, size_t num_bytes, Access access) override {
    running_thread = &threads_[thread];
    detector_.OnAccess(reinterpret_cast<uintptr_t>(address), num_bytes, access);
  }
  bool Enter(const char* kind, ptx::SourceLine source) override { return sites_.Enter(kind, SiteOf(source)); }
  void OnFence(uint32_t thread) override { detector_.Fence(threads_[thread]); }
  void OnReleaseFence(uint32_t thread) override { detector_.ReleaseFence(threads_[thread]); }
  void OnWarpBarrier(uint32_t first, uint32_t lanes, ptx::SourceLine source) override {
    WarpGroup group = {lanes, {}, &threads_[first]};
    detector_.WarpBarrier(group);
    for (; lanes != 0; lanes &= lanes - 1) BeginSegment(first + static_cast<uint32_t>(__builtin_ctz(lanes)), source);
  }
  void OnBlockBarrier(ptx::SourceLine source) override {
    for (uint32_t i = 0; i < threads_.size(); ++i) BeginSegment(i, source);
    detector_.BlockBarrier();
  }
  void OnDependencyWait(uint32_t thread) override { threads_[thread].dependency_waited = true; }
  void OnRelease(uint32_t thread) override { detector_.Release(threads_[thread]); }
  uint32_t OnAsyncCopy(uint32_t thread, void* shared, size_t num_bytes) override {
    if (!is_watching()) return 0;
    running_thread = &threads_[thread];
    return detector_.OnAsyncCopy(reinterpret_cast<uintptr_t>(shared), num_bytes);
  }
  void OnSettled(uint32_t thread, void* shared, size_t num_bytes, uint32_t number) override {
    if (!is_watching()) return;
    running_thread = &threads_[thread];
    detector_.SettleAsync(reinterpret_cast<uintptr_t>(shared), num_bytes, number);
  }

 private:
  static Site SiteOf(ptx::SourceLine source) { return {source.file, source.line}; }
  void BeginSegment(uint32_t thread, ptx::SourceLine source) {
    threads_[thread].segment = threads_[thread].atomic_segment = 0;
    threads_[thread].segment_site = SiteOf(source);
  }

  Arena& arena_;
  Detector& detector_;
  Sites& sites_;
  const int device_;
  std::vector<KernelThread> threads_;
};

// The arguments as a kernel finds them. A number of bytes that the kernel does not expect: two compilers disagree.
std::vector<std::byte> PackArguments(const ptx::Program& program, const std::vector<Argument>& arguments) {
  if (arguments.size() != program.parameters.size()) {
    throw ptx::LoadError(program.file, 0,
                         program.name + " has " + std::to_string(program.parameters.size()) +
                             " parameters; it is launched with " + std::to_string(arguments.size()));
  }
  std::vector<std::byte> bytes(program.parameter_bytes);
  for (size_t i = 0; i < arguments.size(); ++i) {
    const ptx::Variable& parameter = program.parameters[i];
    if (parameter.num_bytes != arguments[i].num_bytes || parameter.alignment != arguments[i].alignment) {
      throw ptx::LoadError(
          program.file, 0,
          "parameter " + std::to_string(i) + " of " + program.name + " has " + std::to_string(parameter.num_bytes) +
              " bytes aligned to " + std::to_string(parameter.alignment) + "; the host has " +
              std::to_string(arguments[i].num_bytes) + " aligned to " + std::to_string(arguments[i].alignment));
    }
    std::memcpy(bytes.data() + program.parameter_offsets[i], arguments[i].data, arguments[i].num_bytes);
  }
  return bytes;
}

// The emulator's own names of CUDA's types.
std::string NameForCuda(std::string name) {
  constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"skein::emulator::numbers16::Number16<10>", "__half"},
      {"skein::emulator::numbers16::Number16<7>", "__nv_bfloat16"},
      // A list in a list ends in "> >", one of the others in ">".
      {"__half >", "__half>"},
      {"__nv_bfloat16 >", "__nv_bfloat16>"},
  };
  for (const auto& [ours, cudas] : kNames) {
    for (size_t at = name.find(ours); at != std::string::npos; at = name.find(ours, at)) {
      name.replace(at, ours.size(), cudas);
    }
  }
  return name;
}

// Runtimes come and go by the hundred in a program of tests: a library stays.
std::shared_ptr<ptx::Library> OpenOrDie(const Options& options) {
  static std::mutex mutex;
  static std::map<std::tuple<std::string, int, bool>, std::shared_ptr<ptx::Library>> libraries;
  const std::lock_guard lock(mutex);
  const int capability = options.ptx_capability != 0 ? options.ptx_capability : options.capability;
  std::shared_ptr<ptx::Library>& library = libraries[{options.ptx, capability, options.ptx_fused}];
  if (library != nullptr) return library;
  try {
    library = std::make_shared<ptx::Library>(options.ptx, capability,
                                             options.ptx_fused ? ptx::Products::kFused : ptx::Products::kApart);
    return library;
  } catch (const ptx::LoadError& error) {
    std::fprintf(stderr, "cuda emulator: %s\n", error.what());
    std::abort();
  }
}

}  // namespace

// Where a block runs.
struct PtxKernels::Place {
  uint32_t number = 0;
  std::span<std::byte> shared = {};
  std::optional<Surroundings> surroundings = {};
  std::optional<ptx::Machine> machine = {};
};

PtxKernels::PtxKernels(Arena& arena, Detector& detector, const Options& options)
    : arena_(arena), detector_(detector), schedule_(options.schedule), library_(OpenOrDie(options)) {}

cudaError_t PtxKernels::Run(const Launch& launch, const std::vector<Block>& blocks, const Faults& faults,
                            const SharedOf& shared_of, Random& random, Sites& sites) {
  try {
    const ptx::Program& program = library_->Find(NameForCuda(NameOfFunction(launch.kernel->Function())));
    const std::vector<std::byte> parameters = PackArguments(program, launch.kernel->Arguments());
    const ptx::Shape shape = {launch.grid, launch.block, static_cast<uint32_t>(launch.dynamic_shared_bytes),
                              faults.thread, faults.shift};
    const size_t shared_bytes = program.shared_bytes + launch.dynamic_shared_bytes;
    const auto num_places = static_cast<uint32_t>(launch.cooperative ? blocks.size() : 1);
    std::vector<std::unique_ptr<Place>> places;
    for (uint32_t i = 0; i < num_places; ++i) {
      places.push_back(std::make_unique<Place>());
      Place& place = *places.back();
      place.number = i;
      place.shared = shared_of(i).first(shared_bytes);
      const uint32_t num_threads = launch.block.x * launch.block.y * launch.block.z;
      place.surroundings.emplace(arena_, detector_, sites, launch.device, num_threads);
      place.machine.emplace(program, shape, parameters, place.shared, *place.surroundings, random, schedule_);
    }
    if (launch.cooperative) {
      RunTogether(places, blocks, random);
    } else {
      for (const Block& block : blocks) {
        places[0]->surroundings->BeginBlock(0, block.number, places[0]->shared);
        places[0]->machine->RunBlock(block.index);
      }
    }
    return cudaSuccess;
  } catch (const ptx::LoadError& error) {
    detector_.Report(ErrorKind::kMisuse, error.what(), error.what());
    return cudaErrorInvalidDeviceFunction;
  } catch (const ptx::Fault& fault) {
    detector_.Report(fault.kind, fault.message, fault.message);
    return fault.error;
  }
}

void PtxKernels::RunTogether(const std::vector<std::unique_ptr<Place>>& places, const std::vector<Block>& blocks,
                             Random& random) {
  std::vector<Place*> live;
  for (size_t i = 0; i < blocks.size(); ++i) {
    live.push_back(places[i].get());
    live.back()->surroundings->BeginBlock(live.back()->number, blocks[i].number, live.back()->shared);
    live.back()->machine->Start(blocks[i].index);
  }
  using Turn = ptx::Machine::Turn;
  Turns turns(random, schedule_);
  while (!live.empty()) {
    const size_t next = turns.Next(live.size());
    detector_.EnterBlock(live[next]->number);
    Turn turn;
    do {
      turn = live[next]->machine->RunTurn();
      if (!turns.End(turn == Turn::kPaused, live.size())) {
        throw ptx::Fault{.kind = ErrorKind::kDeadlock, .message = kEndlessWait};
      }
    } while (turn == Turn::kRan && !turns.Leaves());
    if (turn == Turn::kEnded) live.erase(live.begin() + static_cast<std::ptrdiff_t>(next));
  }
}

}  // namespace skein::emulator
