// A run of one stage: the plugins and devices that it works with, its cases, and its time.
#ifndef SKEIN_BACKENDS_CUDA_CHECK_RUN_H_
#define SKEIN_BACKENDS_CUDA_CHECK_RUN_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include "cuda/check/options.h"
#include "cuda/check/report.h"
#include "tests/conformance/backend_conformance.h"

namespace skein::check {

// The plugin has no device. what() is the reason.
struct NoDevice : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Run {
 public:
  // Loads the plugins and opens a device of each. Throws NoDevice, or std::runtime_error with the plugin's message.
  Run(const Options& options, Report& report);

  const Options& options() const { return options_; }
  Report& report() { return report_; }
  const conformance::BackendPlugin& plugin() const { return plugin_; }
  const conformance::Device& device() const { return *device_; }
  const conformance::Device& reference() const { return *reference_device_; }
  // As the device describes itself now.
  skein_backend_device Info() const { return plugin_.DeviceInfo(options_.device); }
  bool Computes(uint32_t compute_type) const;  // NONE: always
  bool Takes(uint32_t weight_type) const;
  bool IsDeterministic(uint32_t compute_type) const;

  // Runs one case, unless it is not asked for or the time is over. What `body` throws is the case's failure.
  void Case(const std::string& name, const std::function<void()>& body);

  double SecondsLeft() const;
  bool IsToy() const { return options_.size == Size::kToy; }
  bool IsFull() const { return options_.size == Size::kFull; }

 private:
  const Options& options_;
  Report& report_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  const conformance::BackendPlugin plugin_;
  const conformance::BackendPlugin reference_;
  const conformance::TestHost host_{4};
  std::unique_ptr<conformance::Device> device_;
  std::unique_ptr<conformance::Device> reference_device_;
};

}  // namespace skein::check

#endif  // SKEIN_BACKENDS_CUDA_CHECK_RUN_H_
