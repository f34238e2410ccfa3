// The devices of a model, as its options say it: by name, by ranges of layers, or by memory. Loads nothing.
#ifndef SKEIN_PLACEMENT_MODEL_PLACER_H_
#define SKEIN_PLACEMENT_MODEL_PLACER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "devices/model_segment.h"
#include "devices/placement.h"
#include "model/model_file.h"
#include "placement/model_costs.h"
#include "plugin/backend.h"
#include "runtime/options.h"
#include "runtime/runtime.h"

namespace skein {

// The devices and the settings of a model.
struct ModelPlacement {
  std::vector<SegmentPlacement> segments;
  std::vector<std::shared_ptr<Device>> devices;  // one to one with `segments`
  SegmentSettings settings;
  std::string text;  // as the option `device`
};

// Order: Place, then load. If that finds a device full: GiveLess, and if it says so, Place again. Threads: one at a
// time.
class ModelPlacer {
 public:
  // Reads the options of kind MODEL. `runtime`, `file` and `options` outlive the placer. NOT_FOUND: no such device, or
  // none at all. INVALID_ARGUMENT: the message names the piece of an option at fault.
  static absl::StatusOr<ModelPlacer> Create(Runtime& runtime, const ModelFile& file, const Options& options);

  // A placement that fits the memory of its devices. RESOURCE_EXHAUSTED: there is none; the message has the device, its
  // memory, the parts of the need, and what would help. UNIMPLEMENTED: a device does not run the model or a type. The
  // log has a placement that memory decided on, as a warning if nobody asked for a split.
  absl::StatusOr<ModelPlacement> Place();

  // To be called after the load of `placement`, the last one, found the device of a segment full. True: the device gets
  // less the next time, and after a few times nothing. False: the placement is the caller's, or there is no other
  // device.
  bool GiveLess(const ModelPlacement& placement, size_t full_segment);

  // The error of a load of `placement` that ended with `failure` because the device of a segment was full.
  absl::Status ExplainFull(const absl::Status& failure, const ModelPlacement& placement, size_t full_segment);

 private:
  // The chooser of the layers' devices.
  enum class Choice {
    kCaller,     // all of it
    kMemory,     // the caller names devices, and memory gives them their layers
    kAutomatic,  // the best device, and, if its memory is too small, others too
  };

  ModelPlacer(Runtime& runtime, const ModelFile& file, const Options& options, ModelCosts costs)
      : runtime_(runtime),
        file_(file),
        options_(options),
        costs_(std::move(costs)),
        num_times_full_(costs_.num_devices()) {}

  absl::Status ReadSettings();
  absl::Status ReadDevices(const std::string& text);
  // The settings, with the arithmetic that the file was made for if the caller leaves it open and all `devices` offer
  // it.
  SegmentSettings SettingsOn(absl::Span<const size_t> devices) const;
  // The layers on the first device if it has room for all, else on all.
  absl::StatusOr<ModelPlacement> PlaceByMemory();
  absl::StatusOr<ModelPlacement> Finish(std::vector<SegmentPlacement> segments, SegmentSettings settings);
  void LogSplit(const ModelPlacement& placement, const absl::Status& why);
  // Adds to an error what would help.
  absl::Status WithAdvice(const absl::Status& status, absl::string_view words, std::vector<SegmentPlacement> segments,
                          const SegmentSettings& settings);

  Runtime& runtime_;
  const ModelFile& file_;
  const Options& options_;
  ModelCosts costs_;
  std::vector<uint32_t> num_times_full_;  // by device: loads that found it full
  SegmentSettings settings_;              // as the options have them
  Choice choice_ = Choice::kCaller;
  std::vector<size_t> devices_;                   // that may take part, the one to fill first in front
  std::vector<SegmentPlacement> fixed_segments_;  // of the caller's choice
};

}  // namespace skein

#endif  // SKEIN_PLACEMENT_MODEL_PLACER_H_
