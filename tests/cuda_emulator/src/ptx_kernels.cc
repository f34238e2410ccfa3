#include "ptx_kernels.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>

#include "ptx/lexer.h"
#include "symbols.h"

namespace skein::emulator {
namespace {

// Memory as the emulator knows it.
class DeviceMemory final : public ptx::Host {
 public:
  DeviceMemory(Arena& arena, Detector& detector, int device) : arena_(arena), detector_(detector), device_(device) {}

  ptx::Range Find(uintptr_t address) override {
    if (!arena_.Contains(address)) return {address, detector_.IsOfHost(address) ? size_t{16} : 0};
    const Allocation* found = arena_.Find(address);
    if (found == nullptr || found->device != device_) return {};
    return {found->address, found->num_bytes};
  }

 private:
  Arena& arena_;
  Detector& detector_;
  const int device_;
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
  static std::map<std::pair<std::string, int>, std::shared_ptr<ptx::Library>> libraries;
  const std::lock_guard lock(mutex);
  const int capability = options.ptx_capability != 0 ? options.ptx_capability : options.capability;
  std::shared_ptr<ptx::Library>& library = libraries[{options.ptx, capability}];
  if (library != nullptr) return library;
  try {
    library = std::make_shared<ptx::Library>(options.ptx, capability);
    return library;
  } catch (const ptx::LoadError& error) {
    std::fprintf(stderr, "cuda emulator: %s\n", error.what());
    std::abort();
  }
}

}  // namespace

PtxKernels::PtxKernels(Arena& arena, Detector& detector, const Options& options)
    : arena_(arena), detector_(detector), schedule_(options.schedule), library_(OpenOrDie(options)) {}

cudaError_t PtxKernels::Run(const Launch& launch, const std::vector<uint32_t>& order, std::span<std::byte> shared,
                            Random& random) {
  try {
    const ptx::Program& program = library_->Find(NameForCuda(NameOfFunction(launch.kernel->Function())));
    const std::vector<std::byte> parameters = PackArguments(program, launch.kernel->Arguments());
    const ptx::Shape shape = {launch.grid, launch.block, static_cast<uint32_t>(launch.dynamic_shared_bytes)};
    DeviceMemory memory(arena_, detector_, launch.device);
    ptx::Machine machine(program, shape, parameters, shared, memory, random, schedule_);
    for (const uint32_t block : order) {
      machine.RunBlock(
          {block % launch.grid.x, block / launch.grid.x % launch.grid.y, block / launch.grid.x / launch.grid.y});
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

}  // namespace skein::emulator
