#include "devices/placement.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

namespace skein {
namespace {

absl::StatusOr<size_t> FindDevice(absl::string_view name, absl::Span<const std::string> device_names) {
  const auto found = std::find_if(device_names.begin(), device_names.end(),
                                  [&](const std::string& device) { return name == absl::string_view(device); });
  if (found != device_names.end()) return static_cast<size_t>(found - device_names.begin());
  return absl::NotFoundError(absl::StrCat("no device \"", name, "\"; there are: ", absl::StrJoin(device_names, ", ")));
}

// Digits only: absl::SimpleAtoi would also take signs and spaces.
bool ParseLayer(absl::string_view text, uint32_t* layer) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
         absl::SimpleAtoi(text, layer);
}

// "cpu=0-11" or "cpu=5".
absl::StatusOr<SegmentPlacement> ParsePiece(absl::string_view piece, absl::Span<const std::string> device_names) {
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(piece, absl::MaxSplits('=', 1));
  const std::pair<absl::string_view, absl::string_view> ends = absl::StrSplit(parts.second, absl::MaxSplits('-', 1));
  const bool single = parts.second.find('-') == absl::string_view::npos;
  uint32_t first;
  uint32_t last;
  if (!ParseLayer(ends.first, &first) || !ParseLayer(single ? ends.first : ends.second, &last) || last < first) {
    return absl::InvalidArgumentError(
        absl::StrCat("device \"", piece, "\": expected NAME=FIRST-LAST with layer numbers, such as cpu=0-11"));
  }
  SegmentPlacement segment;
  SKEIN_ASSIGN_OR_RETURN(segment.device_index, FindDevice(parts.first, device_names));
  segment.first_layer = first;
  // The number of layers must fit. No model has so many, which the caller reports.
  segment.num_layers = last - first == UINT32_MAX ? UINT32_MAX : last - first + 1;
  return segment;
}

}  // namespace

absl::StatusOr<std::vector<SegmentPlacement>> ParsePlacement(absl::string_view text,
                                                             absl::Span<const std::string> device_names,
                                                             uint32_t num_layers) {
  if (device_names.empty()) return absl::NotFoundError("no device: no backend plugin is loaded, or none has a device");
  std::vector<SegmentPlacement> segments;
  if (text.find('=') == absl::string_view::npos && text.find(',') == absl::string_view::npos) {
    SegmentPlacement whole;
    if (!text.empty()) {
      SKEIN_ASSIGN_OR_RETURN(whole.device_index, FindDevice(text, device_names));
    }
    whole.num_layers = num_layers;
    segments.push_back(whole);
  } else {
    uint64_t next_layer = 0;
    for (const absl::string_view piece : absl::StrSplit(text, ',')) {
      SKEIN_ASSIGN_OR_RETURN(const SegmentPlacement segment, ParsePiece(piece, device_names));
      if (segment.first_layer != next_layer) {
        return absl::InvalidArgumentError(absl::StrCat("device \"", piece, "\": expected layer ", next_layer,
                                                       " to come next, found ", segment.first_layer));
      }
      next_layer += segment.num_layers;
      if (next_layer > num_layers) {
        return absl::InvalidArgumentError(
            absl::StrCat("device \"", piece, "\": the last layer of the model is ", num_layers - 1));
      }
      segments.push_back(segment);
    }
    if (next_layer != num_layers) {
      return absl::InvalidArgumentError(absl::StrCat("device \"", text, "\": expected all layers 0-", num_layers - 1,
                                                     ", found none for ", next_layer, "-", num_layers - 1));
    }
  }
  segments.front().embedding = true;
  segments.back().head = true;
  return segments;
}

bool IsDeviceList(absl::string_view text) {
  return text.find(',') != absl::string_view::npos && text.find('=') == absl::string_view::npos;
}

absl::StatusOr<std::vector<size_t>> ParseDeviceList(absl::string_view text,
                                                    absl::Span<const std::string> device_names) {
  std::vector<size_t> devices;
  for (const absl::string_view name : absl::StrSplit(text, ',')) {
    SKEIN_ASSIGN_OR_RETURN(const size_t device, FindDevice(name, device_names));
    if (std::find(devices.begin(), devices.end(), device) != devices.end()) {
      return absl::InvalidArgumentError(absl::StrCat("device \"", text, "\": expected each device once, found ", name,
                                                     " twice; a split such as ", name, "=0-5,", name,
                                                     "=6-11 may have it twice"));
    }
    devices.push_back(device);
  }
  return devices;
}

std::string FormatPlacement(absl::Span<const SegmentPlacement> segments, absl::Span<const std::string> device_names) {
  if (segments.size() == 1) return device_names[segments[0].device_index];
  return absl::StrJoin(segments, ",", [&](std::string* out, const SegmentPlacement& segment) {
    absl::StrAppend(out, device_names[segment.device_index], "=", segment.first_layer, "-",
                    segment.first_layer + segment.num_layers - 1);
  });
}

}  // namespace skein
