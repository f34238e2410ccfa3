#include "cuda/launch_log.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace skein::cuda {
namespace {

constexpr float kMicroseconds = 1000;  // of a millisecond

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
  for (auto& [key, launches] : steps_) {
    const auto [rows, sequences, logits] = key;
    std::fprintf(file, "step rows=%u sequences=%u logits=%u\n", rows, sequences, logits);
    for (Launched& launched : launches) {
      std::vector<float>& times = launched.times_us;
      std::sort(times.begin(), times.end());
      std::fprintf(file, "launch grid=%ux%ux%u threads=%u shared=%u least_us=%.2f median_us=%.2f\n", launched.grid.x,
                   launched.grid.y, launched.grid.z, launched.threads, launched.shared_bytes,
                   static_cast<double>(times.front()), static_cast<double>(times[times.size() / 2]));
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

void LaunchLog::Before(cudaStream_t stream) { Record(2 * launched_.size(), stream); }

void LaunchLog::After(cudaStream_t stream, dim3 grid, uint32_t threads, uint32_t shared_bytes) {
  Record(2 * launched_.size() + 1, stream);
  launched_.push_back({grid, threads, shared_bytes, {}});
}

void LaunchLog::End(cudaStream_t stream) {
  if (cudaStreamSynchronize(stream) != cudaSuccess) return;  // the step's fence says so
  std::vector<Launched>& step = steps_[key_];
  if (step.size() != launched_.size()) step = launched_;
  for (size_t i = 0; i < step.size(); ++i) {
    float time = 0;
    if (cudaEventElapsedTime(&time, events_[2 * i].get(), events_[2 * i + 1].get()) != cudaSuccess) time = 0;
    step[i].times_us.push_back(time * kMicroseconds);
  }
}

}  // namespace skein::cuda
