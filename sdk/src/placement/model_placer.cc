#include "placement/model_placer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "devices/precision.h"
#include "model/tensor.h"
#include "placement/placement_advice.h"
#include "placement/segment_limits.h"
#include "runtime/option_keys.h"
#include "skein/runtime.h"

namespace skein {
namespace {

// A device that is full though its memory should do is given three quarters of the last load's bytes, twice, and then
// nothing: every load reads the layers again.
constexpr uint32_t kMostTimesFull = 3;

// Says of a device that is missing which plugins failed. RESOURCE_EXHAUSTED: one of them had no memory.
absl::Status ExplainMissing(const absl::Status& status, const Runtime& runtime,
                            absl::Span<const DeviceProblem> problems) {
  const std::string failures = runtime.MissingDevicesText(problems);
  if (!absl::IsNotFound(status) || failures.empty()) return status;
  const bool ran_out_of_memory = std::any_of(problems.begin(), problems.end(),
                                             [](const DeviceProblem& problem) { return problem.ran_out_of_memory; });
  return absl::Status(ran_out_of_memory ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kNotFound,
                      absl::StrCat(status.message(), "; these plugins or devices failed: ", failures));
}

bool IsAutomatic(const std::string& device) { return device.empty() || device == "auto"; }

// The devices of the segments, each once, in order of layers.
std::vector<size_t> DevicesOf(absl::Span<const SegmentPlacement> segments) {
  std::vector<size_t> devices;
  for (const SegmentPlacement& segment : segments) {
    if (std::find(devices.begin(), devices.end(), segment.device_index) == devices.end()) {
      devices.push_back(segment.device_index);
    }
  }
  return devices;
}

}  // namespace

absl::StatusOr<ModelPlacer> ModelPlacer::Create(Runtime& runtime, const ModelFile& file, const Options& options) {
  const DeviceList available = runtime.ListDevices();
  absl::StatusOr<ModelCosts> costs =
      ModelCosts::Create(runtime, file, available, options[model_options::kDeviceMemory]);
  if (!costs.ok()) return ExplainMissing(costs.status(), runtime, available.problems);
  ModelPlacer placer(runtime, file, options, *std::move(costs));
  SKEIN_RETURN_IF_ERROR(placer.ReadSettings());
  const absl::Status read = placer.ReadDevices(options[model_options::kDevice]);
  if (!read.ok()) return ExplainMissing(read, runtime, available.problems);
  return placer;
}

absl::Status ModelPlacer::ReadSettings() {
  SKEIN_ASSIGN_OR_RETURN(settings_.precision, ParsePrecision(options_[model_options::kType]));
  SKEIN_ASSIGN_OR_RETURN(settings_.state_type, ParseStateType(options_[model_options::kStateType]));
  settings_.is_deterministic = options_[model_options::kDeterministic] != 0;
  SKEIN_ASSIGN_OR_RETURN(settings_.limits, LimitsFor(file_, options_));
  return absl::OkStatus();
}

absl::Status ModelPlacer::ReadDevices(const std::string& text) {
  if (IsDeviceList(text)) {
    choice_ = Choice::kMemory;
    SKEIN_ASSIGN_OR_RETURN(devices_, ParseDeviceList(text, costs_.names()));
    return absl::OkStatus();
  }
  // Nothing named is the best device there.
  SKEIN_ASSIGN_OR_RETURN(fixed_segments_,
                         ParsePlacement(IsAutomatic(text) ? "" : text, costs_.names(), file_.config().num_layers));
  choice_ = IsAutomatic(text) ? Choice::kAutomatic : Choice::kCaller;
  devices_ = DevicesOf(fixed_segments_);
  if (choice_ == Choice::kAutomatic) devices_ = costs_.WithMoreDevices(std::move(devices_), settings_);
  return absl::OkStatus();
}

SegmentSettings ModelPlacer::SettingsOn(absl::Span<const size_t> devices) const {
  SegmentSettings settings = settings_;
  const uint32_t made_for = file_.metadata().compute_dtype;
  if (settings.precision.name != "auto" || made_for == SKEIN_DTYPE_NONE) return settings;
  const bool is_offered = std::all_of(devices.begin(), devices.end(), [&](size_t device) {
    return (costs_.info(device).compute_types >> made_for & 1u) != 0;
  });
  absl::StatusOr<Precision> precision = ParsePrecision(DtypeName(made_for));
  if (is_offered && precision.ok()) settings.precision = *std::move(precision);
  return settings;
}

absl::StatusOr<ModelPlacement> ModelPlacer::Place() {
  if (choice_ != Choice::kCaller) return PlaceByMemory();
  SegmentSettings settings = SettingsOn(devices_);
  const absl::Status room = costs_.CheckRoom(fixed_segments_, settings);
  if (absl::IsResourceExhausted(room)) return WithAdvice(room, "it would fit with ", fixed_segments_, settings);
  SKEIN_RETURN_IF_ERROR(room);
  return Finish(fixed_segments_, std::move(settings));
}

absl::StatusOr<ModelPlacement> ModelPlacer::PlaceByMemory() {
  absl::Status first_room;
  std::vector<SegmentPlacement> segments;
  // Memory decides on the devices, and they decide on the arithmetic. Those that get nothing have no say.
  for (size_t num_devices = 1;; num_devices = devices_.size()) {
    const auto devices = absl::MakeConstSpan(devices_).first(num_devices);
    SegmentSettings settings = SettingsOn(devices);
    SKEIN_ASSIGN_OR_RETURN(segments, costs_.Plan(devices, settings));
    const absl::Status room = costs_.CheckRoom(segments, settings);
    if (room.ok()) {
      SKEIN_ASSIGN_OR_RETURN(ModelPlacement placement, Finish(std::move(segments), std::move(settings)));
      if (num_devices > 1) LogSplit(placement, first_room);
      return placement;
    }
    if (!absl::IsResourceExhausted(room)) return room;
    if (num_devices == devices_.size()) return WithAdvice(room, "it would fit with ", std::move(segments), settings);
    first_room = room;
  }
}

absl::StatusOr<ModelPlacement> ModelPlacer::Finish(std::vector<SegmentPlacement> segments, SegmentSettings settings) {
  ModelPlacement placement;
  for (const SegmentPlacement& segment : segments) {
    SKEIN_ASSIGN_OR_RETURN(std::shared_ptr<Device> device, costs_.Open(segment.device_index));
    placement.devices.push_back(std::move(device));
  }
  placement.text = FormatPlacement(segments, costs_.names());
  placement.segments = std::move(segments);
  placement.settings = std::move(settings);
  return placement;
}

void ModelPlacer::LogSplit(const ModelPlacement& placement, const absl::Status& why) {
  runtime_.log().Add(choice_ == Choice::kAutomatic ? SKEIN_LOG_WARNING : SKEIN_LOG_INFO,
                     absl::StrCat(file_.path(), ": placed by memory on ", placement.text, "; ", why.message()));
}

bool ModelPlacer::GiveLess(const ModelPlacement& placement, size_t full_segment) {
  if (choice_ == Choice::kCaller || devices_.size() < 2) return false;
  const SegmentPlacement& segment = placement.segments[full_segment];
  const size_t device = segment.device_index;
  const absl::StatusOr<MemoryParts> parts = costs_.Of(segment, placement.settings);
  if (++num_times_full_[device] >= kMostTimesFull || !parts.ok()) {
    devices_.erase(std::find(devices_.begin(), devices_.end(), device));
  } else {
    costs_.SetBudget(device, {parts->total() / 4 * 3, "a load of more found it full"});
  }
  runtime_.log().Add(SKEIN_LOG_WARNING, absl::StrCat(file_.path(), ": device ", costs_.names()[device],
                                                     " was full before its memory was used up; trying with less"));
  return true;
}

absl::Status ModelPlacer::ExplainFull(const absl::Status& failure, const ModelPlacement& placement,
                                      size_t full_segment) {
  const SegmentPlacement& segment = placement.segments[full_segment];
  const std::string& name = costs_.names()[segment.device_index];
  const absl::StatusOr<MemoryParts> parts = costs_.Of(segment, placement.settings);
  if (!parts.ok()) return failure;
  const uint64_t memory_bytes = costs_.info(segment.device_index).memory_bytes;
  const absl::Status explained = absl::ResourceExhaustedError(absl::StrCat(
      "device ", name, " is full: it found no room for ", BytesText(parts->total()), " (",
      parts->Text(placement.settings.limits.num_slots), ")",
      memory_bytes == 0 ? "" : absl::StrCat(", though it has ", BytesText(memory_bytes), ", which others may use too"),
      ": ", failure.message()));
  // How much it has is not known. Advice for three quarters is better than none.
  costs_.SetBudget(segment.device_index, {parts->total() / 4 * 3, "a load of more found it full"});
  return WithAdvice(explained, "it may fit with ", placement.segments, placement.settings);
}

absl::Status ModelPlacer::WithAdvice(const absl::Status& status, absl::string_view words,
                                     std::vector<SegmentPlacement> segments, const SegmentSettings& settings) {
  const FullPlacement full = {std::move(segments), devices_, choice_ == Choice::kCaller, settings};
  const std::string advice = AdviceOn(full, costs_, file_, options_);
  if (advice.empty()) return status;
  return absl::Status(status.code(), absl::StrCat(status.message(), "; ", words, advice));
}

}  // namespace skein
