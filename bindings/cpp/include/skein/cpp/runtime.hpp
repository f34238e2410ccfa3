// The runtime: plugins, devices, log and metrics, and the work on model files.
#ifndef SKEIN_CPP_RUNTIME_HPP_
#define SKEIN_CPP_RUNTIME_HPP_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "skein/cpp/call.hpp"
#include "skein/cpp/namespace.hpp"
#include "skein/cpp/options.hpp"
#include "skein/cpp/owned.hpp"
#include "skein/model.h"
#include "skein/runtime.h"

SKEIN_CPP_BEGIN

struct LogLine {
  std::string text;
  uint32_t severity = SKEIN_LOG_INFO;
};

class Runtime : public Owned<skein_runtime, skein_runtime_release> {
 public:
  using Owned::Owned;
  Runtime() : Runtime(RuntimeOptions()) {}
  // Makes a runtime and loads the plugins that it finds (skein_runtime_create).
  explicit Runtime(const RuntimeOptions& options) { Call(skein_runtime_create, options.get(), out()); }

  // Loads one plugin from a file of any name.
  void LoadPlugin(const std::string& path) const { Call(skein_runtime_load_plugin, get(), Terminated(path)); }

  // The files that were looked at, loaded or refused.
  std::vector<skein_plugin_info> Plugins() const {
    uint32_t count = 0;
    Call(skein_runtime_plugin_count, get(), &count);
    std::vector<skein_plugin_info> plugins(count, Sized<skein_plugin_info>());
    for (uint32_t i = 0; i < count; ++i) Call(skein_runtime_plugin_info, get(), i, &plugins[i]);
    return plugins;
  }

  // The devices of the loaded backends, the best first.
  std::vector<skein_device_info> Devices() const {
    uint32_t count = 0;
    Call(skein_runtime_device_count, get(), &count);
    std::vector<skein_device_info> devices(count, Sized<skein_device_info>());
    for (uint32_t i = 0; i < count; ++i) Call(skein_runtime_device_info, get(), i, &devices[i]);
    return devices;
  }

  // Takes the oldest line of the log, if there is one.
  std::optional<LogLine> PollLog() const {
    LogLine line;
    try {
      line.text = ReadInto<std::string>(4096, [&](char* data, uint64_t capacity, uint64_t* size, skein_error* error) {
        return skein_runtime_poll_log(get(), data, capacity, size, &line.severity, error);
      });
    } catch (const Error& error) {
      if (error.code() == SKEIN_NOT_FOUND) return std::nullopt;
      throw;
    }
    return line;
  }

  // Counters, gauges and histograms in the Prometheus format.
  std::string Metrics() const { return Read<std::string>(skein_runtime_metrics, get()); }

  // Of the work that runs in this runtime, such as a load. May be read while another thread does the work.
  skein_progress Progress() const {
    auto progress = Sized<skein_progress>();
    Call(skein_runtime_progress, get(), &progress);
    return progress;
  }

  // Converts a model file to a package (skein_model_convert).
  void Convert(const std::string& in_path, const std::string& out_path, const ConvertOptions& options = {}) const {
    Call(skein_model_convert, get(), Terminated(in_path), Terminated(out_path), options.get());
  }

  // Describes a model file without loading it.
  std::string Describe(const std::string& path, const DescribeOptions& options = {}) const {
    return Read<std::string>(skein_model_describe, get(), Terminated(path), options.get());
  }
};

SKEIN_CPP_END

#endif  // SKEIN_CPP_RUNTIME_HPP_
