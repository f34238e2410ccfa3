#include "cuda/launch_log.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace skein::cuda {
namespace {

constexpr float kMicroseconds = 1000;  // of a millisecond

// A queue has room for about a thousand launches and events. The host would wait for room, and the gate for the host.
constexpr size_t kMostHeldLaunches = 128;
// A step that breaks off opens no gate.
constexpr std::chrono::seconds kLongestHold(2);

float MedianOf(std::vector<float>& times) {
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

}  // namespace

std::string LaunchLogFile() {
  const char* const file = secure_getenv("SKEIN_CUDA_LAUNCHES");
  return file == nullptr ? "" : file;
}

LaunchLog::~LaunchLog() {
  if (steps_.empty()) return;
  std::FILE* const file = std::fopen(file_.c_str(), "a");
  if (file == nullptr) return;  // nobody can be told
  const skein_backend_model& model = desc_.model;
  std::fprintf(file, "segment generation=%u layers=%u d_model=%u d_ffn=%u vocab=%u head_size=%u ranks=%u,%u,%u,%u ",
               model.generation, desc_.num_layers, model.d_model, model.d_ffn, model.vocab_size, model.head_size,
               model.rank_decay, model.rank_iclr, model.rank_value, model.rank_gate);
  const char* const switches = secure_getenv("SKEIN_CUDA");
  std::fprintf(file, "weights=%u compute=%u state=%u switches=%s\n", desc_.weight_type, desc_.compute_type,
               desc_.state_type, switches == nullptr ? "" : switches);
  for (auto& [key, steps] : steps_) {
    const auto [rows, sequences, logits] = key;
    std::fprintf(file, "step rows=%u sequences=%u logits=%u empty_us=%.2f\n", rows, sequences, logits,
                 static_cast<double>(MedianOf(steps.empty_us)));
    for (Launched& launched : steps.launches) {
      const double median = static_cast<double>(MedianOf(launched.times_us));
      std::fprintf(file, "launch grid=%ux%ux%u threads=%u shared=%u least_us=%.2f median_us=%.2f\n", launched.grid.x,
                   launched.grid.y, launched.grid.z, launched.threads, launched.shared_bytes,
                   static_cast<double>(launched.times_us.front()), median);
    }
  }
  std::fclose(file);
}

void LaunchLog::Begin(const StepCounts& counts) {
  key_ = {counts.num_rows, counts.num_sequences, counts.num_logit_rows()};
  launched_.clear();
}

void LaunchLog::Record(size_t index, cudaStream_t stream) {
  while (events_.size() <= index) events_.push_back(MakeTimedEvent());
  if (events_[index] != nullptr) cudaEventRecord(events_[index].get(), stream);
}

float LaunchLog::TimeOf(size_t index) const {
  float time = 0;
  const cudaError_t error = cudaEventElapsedTime(&time, events_[index].get(), events_[index + 1].get());
  return error == cudaSuccess ? time * kMicroseconds : 0;
}

void LaunchLog::Gate::Close(cudaStream_t stream) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_open_ = false;
  }
  if (cudaLaunchHostFunc(stream, Wait, this) != cudaSuccess) cudaGetLastError();
}

void LaunchLog::Gate::Open() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    is_open_ = true;
  }
  opened_.notify_all();
}

void LaunchLog::Gate::Wait(void* self) {
  Gate& gate = *static_cast<Gate*>(self);
  std::unique_lock<std::mutex> lock(gate.mutex_);
  gate.opened_.wait_for(lock, kLongestHold, [&gate] { return gate.is_open_; });
}

void LaunchLog::Before(cudaStream_t stream) {
  if (launched_.empty()) {
    gate_.Close(stream);
    Record(0, stream);
    Record(1, stream);
  }
  Record(2 * launched_.size() + 2, stream);
}

void LaunchLog::After(cudaStream_t stream, dim3 grid, uint32_t threads, uint32_t shared_bytes) {
  Record(2 * launched_.size() + 3, stream);
  launched_.push_back({grid, threads, shared_bytes, {}});
  if (launched_.size() == kMostHeldLaunches) gate_.Open();
}

void LaunchLog::End(cudaStream_t stream) {
  gate_.Open();
  if (cudaStreamSynchronize(stream) != cudaSuccess || launched_.empty()) return;  // the step's fence says so
  Steps& steps = steps_[key_];
  if (steps.launches.size() != launched_.size()) steps = {launched_, {}};
  steps.empty_us.push_back(TimeOf(0));
  for (size_t i = 0; i < launched_.size(); ++i) steps.launches[i].times_us.push_back(TimeOf(2 * i + 2));
}

}  // namespace skein::cuda
