// The features of a device that an entry of a step asks for. libskein asks no device for one that it lacks, and a
// device refuses an entry that does.
#ifndef SKEIN_NUMBERS_STEP_FEATURES_H_
#define SKEIN_NUMBERS_STEP_FEATURES_H_

#include <cstdint>
#include <string>

#include "skein/backend.h"

namespace skein {

// The features, SKEIN_FEATURE_*, that a device must have to run an entry of which `entry_size` bytes are there.
uint32_t FeaturesOf(const skein_step_entry& entry, uint32_t entry_size = sizeof(skein_step_entry));

// The entry's drawn_by; 0 if it does not reach as far.
uint32_t DrawnBy(const skein_step_entry& entry, uint32_t entry_size);

// Their names for a message, such as "top-k, sampling".
std::string FeatureNames(uint32_t features);

}  // namespace skein

#endif  // SKEIN_NUMBERS_STEP_FEATURES_H_
