#include "cuda/state_moves.h"

#include <algorithm>
#include <string>
#include <utility>

#include "cuda/cuda_error.h"

namespace skein::cuda {
namespace {

constexpr const char* kExport = "export of a state";
constexpr const char* kImport = "import of a state";

// A state's way between page-locked memory and the caller's, on a thread of CUDA's.
struct HostCopy {
  const float* from;
  float* to;
  uint64_t num_floats;

  static void Run(void* self) {
    const auto& [from, to, num_floats] = *static_cast<const HostCopy*>(self);
    std::copy_n(from, num_floats, to);
  }
};

// All that a move needs of memory, before any of it is enqueued.
struct Move {
  Move(uint32_t device, const char* what, const HostCopy& host_copy)
      : copy(std::make_shared<HostCopy>(host_copy)),
        // The end keeps what the function on the host is given.
        end(std::make_shared<EndOfStep>(device, what, [kept = copy] { return std::string(); })),
        fence(std::make_unique<Fence>(end)) {}

  const std::shared_ptr<HostCopy> copy;
  const std::shared_ptr<EndOfStep> end;
  std::unique_ptr<Fence> fence;
};

// Runs `enqueue`. If it throws, a part of the move is on its way, and uses the caller's memory.
template <typename Enqueue>
void EnqueueAll(cudaStream_t stream, Enqueue&& enqueue) {
  try {
    enqueue();
  } catch (...) {
    cudaStreamSynchronize(stream);
    throw;
  }
}

}  // namespace

StateMoves::Way::Way(uint32_t device, const StateForm& form)
    : stream(device),
      canonical(device, form.is_canonical() ? 0 : form.num_floats(), "states on their way"),
      staged(device, form.num_floats(), "states on their way") {}

StateMoves::StateMoves(uint32_t device, const StateForm& form, uint32_t num_slots)
    : device_(device), num_floats_(form.num_floats()), out_(device, form), in_(device, form), imports_(num_slots) {}

StateMoves::~StateMoves() {
  for (const Direction* direction : {&out_, &in_}) {
    for (const Way& way : direction->ways) cudaStreamSynchronize(way.stream.get());
  }
}

uint64_t StateMoves::Bytes(const StateForm& form) {
  return form.is_canonical() ? 0 : 2 * kNumWays * form.num_floats() * sizeof(float);
}

std::unique_ptr<Fence> StateMoves::BeginExport(const StateSlots& slots, uint32_t slot, cudaEvent_t writer,
                                               float* state) {
  const Way& way = out_.Next();
  const cudaStream_t stream = way.stream.get();
  Move move(device_, kExport, {way.staged.data(), state, num_floats_});
  EnqueueAll(stream, [&] {
    if (imports_[slot] != nullptr) writer = imports_[slot]->event();
    if (writer != nullptr) CheckCuda(device_, cudaStreamWaitEvent(stream, writer, 0), kExport);
    slots.EnqueueExport(slot, way.canonical.data(), way.staged.data(), stream);
    CheckCuda(device_, cudaLaunchHostFunc(stream, HostCopy::Run, move.copy.get()), kExport);
    CheckCuda(device_, move.end->Record(stream), kExport);
  });
  return std::move(move.fence);
}

std::unique_ptr<Fence> StateMoves::BeginImport(StateSlots& slots, uint32_t slot, cudaEvent_t user, const float* state) {
  const Way& way = in_.Next();
  const cudaStream_t stream = way.stream.get();
  Move move(device_, kImport, {state, way.staged.data(), num_floats_});
  EnqueueAll(stream, [&] {
    CheckCuda(device_, cudaLaunchHostFunc(stream, HostCopy::Run, move.copy.get()), kImport);
    if (user != nullptr) CheckCuda(device_, cudaStreamWaitEvent(stream, user, 0), kImport);
    slots.EnqueueImport(slot, way.canonical.data(), way.staged.data(), stream);
    CheckCuda(device_, move.end->Record(stream), kImport);
  });
  imports_[slot] = move.end;
  return std::move(move.fence);
}

void StateMoves::AwaitImport(uint32_t slot, cudaStream_t steps) {
  if (slot >= imports_.size() || imports_[slot] == nullptr) return;
  CheckCuda(device_, cudaStreamWaitEvent(steps, imports_[slot]->event(), 0), kImport);
  imports_[slot] = nullptr;
}

}  // namespace skein::cuda
