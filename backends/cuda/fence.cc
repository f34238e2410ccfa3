#include "cuda/fence.h"

#include <chrono>
#include <exception>
#include <thread>

#include "cuda/cuda_error.h"
#include "skein/status.h"

namespace skein::cuda {
namespace {

// Between two looks at the device by a wait with a deadline. A step takes some 100 us.
constexpr std::chrono::microseconds kPause(20);

}  // namespace

bool EndOfStep::IsDone() noexcept {
  const cudaError_t error = event_.Query();
  if (error == cudaErrorNotReady) return false;
  Take(error);
  return true;
}

std::optional<std::string> EndOfStep::Wait(int64_t timeout_us) {
  if (timeout_us < 0) {
    Take(event_.Synchronize());
  } else {
    const auto begin = std::chrono::steady_clock::now();
    while (!IsDone()) {
      if (std::chrono::steady_clock::now() - begin >= std::chrono::microseconds(timeout_us)) return std::nullopt;
      std::this_thread::sleep_for(kPause);
    }
  }
  const std::lock_guard<std::mutex> lock(mutex_);
  if (code_ != SKEIN_OK) throw plugin::Error(code_, message_);
  return message_;
}

void EndOfStep::Finish() noexcept { Take(event_.Synchronize()); }

void EndOfStep::Take(cudaError_t error) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (is_taken_) return;
  is_taken_ = true;
  try {
    CheckCuda(device_, error, what_);
    message_ = hand_out_();
  } catch (const plugin::Error& failure) {
    code_ = failure.code();
    message_ = failure.what();
  } catch (const std::exception&) {  // of memory for a message
    code_ = SKEIN_RESOURCE_EXHAUSTED;
  }
  hand_out_ = nullptr;
}

}  // namespace skein::cuda
