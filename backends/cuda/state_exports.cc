#include "cuda/state_exports.h"

#include <algorithm>
#include <string>
#include <utility>

#include "cuda/cuda_error.h"

namespace skein::cuda {
namespace {

constexpr const char* kWhat = "export of a state";

// A state's last way, on a thread of CUDA's.
struct HandOver {
  const float* from;
  float* to;
  uint64_t num_floats;

  static void Run(void* self) {
    const auto& [from, to, num_floats] = *static_cast<const HandOver*>(self);
    std::copy_n(from, num_floats, to);
  }
};

}  // namespace

StateExports::Way::Way(uint32_t device, const StateForm& form)
    : stream(device),
      canonical(device, form.is_canonical() ? 0 : form.num_floats(), "states on their way"),
      staged(device, form.num_floats(), "states on their way") {}

StateExports::StateExports(uint32_t device, const StateForm& form)
    : device_(device), num_floats_(form.num_floats()), ways_{Way(device, form), Way(device, form)} {}

StateExports::~StateExports() {
  for (const Way& way : ways_) cudaStreamSynchronize(way.stream.get());
}

uint64_t StateExports::Bytes(const StateForm& form) {
  return form.is_canonical() ? 0 : kNumWays * form.num_floats() * sizeof(float);
}

std::unique_ptr<Fence> StateExports::Begin(const StateSlots& slots, uint32_t slot, cudaEvent_t writer, float* state) {
  const Way& way = ways_[next_way_];
  next_way_ = (next_way_ + 1) % kNumWays;
  const cudaStream_t stream = way.stream.get();
  auto hand_over = std::make_shared<HandOver>(HandOver{way.staged.data(), state, num_floats_});
  HandOver* const argument = hand_over.get();
  // The end keeps what the function on the host is given.
  auto end = std::make_shared<EndOfStep>(device_, kWhat, [kept = std::move(hand_over)] { return std::string(); });
  auto fence = std::make_unique<Fence>(end);
  try {
    if (writer != nullptr) CheckCuda(device_, cudaStreamWaitEvent(stream, writer, 0), kWhat);
    slots.EnqueueExport(slot, way.canonical.data(), way.staged.data(), stream);
    CheckCuda(device_, cudaLaunchHostFunc(stream, HandOver::Run, argument), kWhat);
    CheckCuda(device_, end->Record(stream), kWhat);
  } catch (...) {
    // Part of it is on its way, and writes to the caller's memory.
    cudaStreamSynchronize(stream);
    throw;
  }
  return fence;
}

}  // namespace skein::cuda
