#include "placement/placement_advice.h"

#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "placement/segment_limits.h"

namespace skein {
namespace {

// Whether the layers of `full` would fit with other settings.
bool Fits(const FullPlacement& full, const SegmentSettings& settings, ModelCosts& costs) {
  if (full.is_fixed) return costs.CheckRoom(full.segments, settings).ok();
  const auto segments = costs.Plan(full.devices, settings);
  return segments.ok() && costs.CheckRoom(*segments, settings).ok();
}

// The largest number of streams in a step that fits; "" if not even one does.
std::string FewerStreams(const FullPlacement& full, ModelCosts& costs, const ModelFile& file, const Options& options) {
  SegmentSettings settings = full.settings;
  uint32_t fits = 0;
  uint32_t too_many = settings.limits.max_entries;
  while (fits + 1 < too_many) {
    const uint32_t num_streams = fits + (too_many - fits) / 2;
    const absl::StatusOr<SegmentLimits> limits = LimitsFor(file, options, num_streams);
    if (!limits.ok()) return "";
    settings.limits = *limits;
    (Fits(full, settings, costs) ? fits : too_many) = num_streams;
  }
  return fits == 0 ? "" : absl::StrCat("max_batch_streams ", fits);
}

// The largest type that fits.
std::string OtherType(const FullPlacement& full, ModelCosts& costs) {
  for (const char* type : {"bf16", "f16", "q8", "q4"}) {
    SegmentSettings settings = full.settings;
    absl::StatusOr<Precision> precision = ParsePrecision(type);
    if (!precision.ok()) continue;
    settings.precision = *std::move(precision);
    if (Fits(full, settings, costs)) return absl::StrCat("type ", type);
  }
  return "";
}

std::string OtherSplit(const FullPlacement& full, ModelCosts& costs) {
  const std::vector<size_t> devices = costs.WithMoreDevices(full.devices, full.settings);
  const auto segments = costs.Plan(devices, full.settings);
  if (!segments.ok() || !costs.CheckRoom(*segments, full.settings).ok()) return "";
  return absl::StrCat("device ", FormatPlacement(*segments, costs.names()));
}

}  // namespace

std::string AdviceOn(const FullPlacement& full, ModelCosts& costs, const ModelFile& file, const Options& options) {
  std::vector<std::string> ways = {FewerStreams(full, costs, file, options), OtherType(full, costs),
                                   OtherSplit(full, costs)};
  std::erase(ways, "");
  if (ways.size() < 2) return ways.empty() ? "" : ways[0];
  const std::string last = std::move(ways.back());
  ways.pop_back();
  return absl::StrCat(absl::StrJoin(ways, ", "), " or ", last);
}

}  // namespace skein
