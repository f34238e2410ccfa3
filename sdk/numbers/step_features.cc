#include "numbers/step_features.h"

#include <cstddef>

namespace skein {
namespace {

struct FeatureName {
  uint32_t feature;
  const char* name;
};

constexpr FeatureName kNames[] = {{SKEIN_FEATURE_HIDDEN, "hidden rows"},
                                  {SKEIN_FEATURE_TOP_K, "top-k"},
                                  {SKEIN_FEATURE_MASK_AND_BIAS, "masks and biases"},
                                  {SKEIN_FEATURE_ADAPTERS, "adapters"},
                                  {SKEIN_FEATURE_SAMPLE, "sampling"},
                                  {SKEIN_FEATURE_FEED_DRAWN, "tokens drawn by the step before"},
                                  {SKEIN_FEATURE_DETERMINISTIC, "deterministic segments"}};

}  // namespace

uint32_t DrawnBy(const skein_step_entry& entry, uint32_t entry_size) {
  constexpr uint32_t kNeeded = offsetof(skein_step_entry, drawn_by) + sizeof(skein_step_entry::drawn_by);
  return entry_size < kNeeded ? 0 : entry.drawn_by;
}

uint32_t FeaturesOf(const skein_step_entry& entry, uint32_t entry_size) {
  uint32_t features = 0;
  if (entry.output == SKEIN_STEP_HIDDEN) features |= SKEIN_FEATURE_HIDDEN;
  if (entry.output == SKEIN_STEP_TOP_K) features |= SKEIN_FEATURE_TOP_K;
  if (entry.output == SKEIN_STEP_SAMPLE) features |= SKEIN_FEATURE_SAMPLE;
  if (entry.mask != nullptr || entry.num_bias > 0) features |= SKEIN_FEATURE_MASK_AND_BIAS;
  if (entry.adapter != 0) features |= SKEIN_FEATURE_ADAPTERS;
  if (DrawnBy(entry, entry_size) != 0) features |= SKEIN_FEATURE_FEED_DRAWN;
  return features;
}

std::string FeatureNames(uint32_t features) {
  std::string names;
  for (const FeatureName& name : kNames) {
    if ((features & name.feature) == 0) continue;
    if (!names.empty()) names += ", ";
    names += name.name;
  }
  return names;
}

}  // namespace skein
