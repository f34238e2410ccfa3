#include "cuda/check/run.h"

namespace skein::check {
namespace {

// The number of devices, or the reason why there is none.
uint32_t CountDevices(const conformance::BackendPlugin& plugin) {
  uint32_t count = 0;
  skein_message message = {};
  const int32_t status = plugin.table().device_count(&count, &message);
  if (status != SKEIN_OK) throw NoDevice(message.text);
  return count;
}

}  // namespace

Run::Run(const Options& options, Report& report)
    : options_(options), report_(report), plugin_(options.plugin), reference_(options.reference) {
  const uint32_t count = CountDevices(plugin_);
  if (count <= options.device) {
    throw NoDevice("device " + std::to_string(options.device) + " was asked for, and the plugin has " +
                   std::to_string(count));
  }
  device_ = std::make_unique<conformance::Device>(plugin_, host_, options.device);
  reference_device_ = std::make_unique<conformance::Device>(reference_, host_);
}

bool Run::Computes(uint32_t compute_type) const {
  return compute_type == SKEIN_DTYPE_NONE || (Info().compute_types >> compute_type & 1) != 0;
}

bool Run::Takes(uint32_t weight_type) const { return (Info().weight_types >> weight_type & 1) != 0; }

bool Run::IsDeterministic(uint32_t compute_type) const { return (Info().deterministic_types >> compute_type & 1) != 0; }

void Run::Case(const std::string& name, const std::function<void()>& body) {
  if (name.find(options_.only) == std::string::npos) return;
  if (SecondsLeft() <= 0) {
    report_.LeaveOut(name, "the time was over");
    return;
  }
  try {
    body();
    report_.PassCase();
  } catch (const std::exception& error) {
    report_.FailCase(name, error.what(), CommandFor(options_, name));
  }
}

double Run::SecondsLeft() const {
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
  return options_.seconds - passed.count();
}

}  // namespace skein::check
