#include "cuda_emulator/control.h"

#include <charconv>
#include <optional>

#include "runtime.h"

namespace skein::emulator {
namespace {

std::optional<int64_t> ParseNumber(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// A number with an optional unit: KiB, MiB or GiB.
std::optional<int64_t> ParseBytes(std::string_view text) {
  int shift = 0;
  for (const auto& [unit, bits] : {std::pair("KiB", 10), std::pair("MiB", 20), std::pair("GiB", 30)}) {
    if (!text.ends_with(unit)) continue;
    shift = bits;
    text.remove_suffix(3);
    break;
  }
  const std::optional<int64_t> number = ParseNumber(text);
  if (!number || *number < 0 || *number > INT64_MAX >> shift) return std::nullopt;
  return *number << shift;
}

// Whether `value` was one for `key`.
bool SetOption(std::string_view key, std::string_view value, Options& options) {
  if (key == "schedule") {
    options.schedule = value == "in-step" ? Schedule::kInStep : Schedule::kRunAhead;
    return value == "in-step" || value == "run-ahead";
  }
  if (key == "no_devices") {
    options.no_devices = value == "old-driver" ? cudaErrorInsufficientDriver : cudaErrorNoDevice;
    return value == "old-driver" || value == "none";
  }
  if (key == "ptx") {
    options.ptx = value;
    return !value.empty();
  }
  const std::optional<int64_t> number = key == "memory" ? ParseBytes(value) : ParseNumber(value);
  if (!number || *number < 0) return false;
  if (key == "memory") {
    options.memory_bytes = static_cast<size_t>(*number);
  } else if (key == "devices" && *number <= 16) {
    options.num_devices = static_cast<int>(*number);
  } else if (key == "capability" && *number >= 50 && *number < 1000) {
    options.capability = static_cast<int>(*number);
  } else if (key == "ptx_capability" && *number >= 50 && *number < 1000) {
    options.ptx_capability = static_cast<int>(*number);
  } else if (key == "multiprocessors" && *number <= 1000) {
    options.num_multiprocessors = static_cast<int>(*number);
  } else if (key == "ptx_fused" && *number <= 1) {
    options.ptx_fused = *number != 0;
  } else if (key == "fail_allocation") {
    options.fail_allocation = *number;
  } else if (key == "lose_at_launch") {
    options.lose_at_launch = *number;
  } else if (key == "lost_device" && *number <= 16) {
    options.lost_device = static_cast<int>(*number);
  } else if (key == "delay_us" && *number <= 10000000) {
    options.delay_us = static_cast<int>(*number);
  } else if (key == "seed") {
    options.seed = static_cast<uint64_t>(*number);
  } else if (key == "track_uninitialised" && *number <= 1) {
    options.track_uninitialised = *number != 0;
  } else {
    return false;
  }
  return true;
}

}  // namespace

bool ParseOptions(std::string_view text, Options& options, std::string& error) {
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view item = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos || !SetOption(item.substr(0, equals), item.substr(equals + 1), options)) {
      error = "\"" + std::string(item) + "\"; expected an option of control.h and its value, as memory=64MiB";
      return false;
    }
  }
  return true;
}

Options CurrentOptions() { return TheRuntime()->options(); }

std::vector<BarrierSite> BarrierSites() {
  const auto runtime = TheRuntime();
  const std::lock_guard lock(runtime->execution_mutex);
  return runtime->executor.sites().List();
}

void ForgetBarrierSites() {
  const auto runtime = TheRuntime();
  const std::lock_guard lock(runtime->execution_mutex);
  runtime->executor.sites().Forget();
}

void DisableBarrier(const BarrierSite& site) {
  const auto runtime = TheRuntime();
  const std::lock_guard lock(runtime->execution_mutex);
  runtime->executor.sites().Disable(site);
}

void EnableBarriers() {
  const auto runtime = TheRuntime();
  const std::lock_guard lock(runtime->execution_mutex);
  runtime->executor.sites().EnableAll();
}

void ShiftIndex(IndexFault fault, int by) {
  const auto runtime = TheRuntime();
  const std::lock_guard lock(runtime->execution_mutex);
  runtime->executor.ShiftIndex(fault, by);
}

void LeaveOutRelease(int number) {
  const auto runtime = TheRuntime();
  const std::lock_guard lock(runtime->execution_mutex);
  runtime->detector.LeaveOutRelease(number);
}

Counters CurrentCounters() {
  const auto runtime = TheRuntime();
  const std::lock_guard lock(runtime->execution_mutex);
  Counters counters = runtime->counters;
  counters.num_contexts = runtime->NumContexts();
  for (int device = 0; device < runtime->options().num_devices; ++device) {
    counters.allocated_bytes += runtime->arena.used_bytes(device);
  }
  return counters;
}

}  // namespace skein::emulator
