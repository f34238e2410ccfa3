// Advice for a model that finds no room on its devices, in words that the host can paste into its options.
#ifndef SKEIN_PLACEMENT_PLACEMENT_ADVICE_H_
#define SKEIN_PLACEMENT_PLACEMENT_ADVICE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "devices/model_segment.h"
#include "devices/placement.h"
#include "model/model_file.h"
#include "placement/model_costs.h"
#include "runtime/options.h"

namespace skein {

// A placement that finds no room.
struct FullPlacement {
  std::vector<SegmentPlacement> segments;
  std::vector<size_t> devices;  // that may take part, the one to fill first in front
  bool is_fixed = false;        // the layers stay where they are; else memory decides on them
  SegmentSettings settings;
};

// "max_streams 12, type q8 or device cuda:0=0-11,cpu=12-31": each alone would fit. "" if nothing does.
std::string AdviceOn(const FullPlacement& full, ModelCosts& costs, const ModelFile& file, const Options& options);

}  // namespace skein

#endif  // SKEIN_PLACEMENT_PLACEMENT_ADVICE_H_
