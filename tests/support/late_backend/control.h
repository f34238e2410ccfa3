// The commands of a test to the late backend (plugin.cc). A plugin exports one symbol, so the commands use the way of
// newer plugins: the table is longer than skein_backend_table, and its further members are these functions.
#ifndef SKEIN_TESTS_SUPPORT_LATE_BACKEND_CONTROL_H_
#define SKEIN_TESTS_SUPPORT_LATE_BACKEND_CONTROL_H_

#include <cstdint>

#include "skein/backend.h"

namespace skein::late {

constexpr uint32_t kNumDevices = 2;  // "late:0" and "late:1"
constexpr uint32_t kAny = 0xFFFFFFFFu;

enum class Mishap : uint32_t {
  kNone,
  kStepFails,      // step returns the code, and the device does nothing
  kFenceFails,     // step succeeds, and fence_wait returns the code
  kErrorAndFence,  // step returns the code and a fence, behind which the device computes as usual
  kEntryFails,     // entries with the token have the code as their status

  kExportFails,       // state_export and state_export_begin return the code
  kExportFenceFails,  // state_export_begin succeeds, and fence_wait returns the code
  kImportFails,       // the same of imports
  kImportFenceFails,  // the slot has garbage then
};

// The faults of steps, exports and imports that begin from now on.
struct Order {
  Mishap mishap = Mishap::kNone;
  int32_t code = SKEIN_INTERNAL;
  uint32_t token = kAny;    // in steps that feed this token; of states any
  uint32_t device = kAny;   // on this device
  bool has_no_end = false;  // the message fills its array and has no NUL
};

// The answers of a device about itself from now on.
struct Offer {
  uint32_t features = SKEIN_FEATURE_HIDDEN | SKEIN_FEATURE_TOP_K | SKEIN_FEATURE_MASK_AND_BIAS | SKEIN_FEATURE_SAMPLE |
                      SKEIN_FEATURE_FEED_DRAWN | SKEIN_FEATURE_DETERMINISTIC;
  uint32_t deterministic_types = 0xFFFFFFFFu;
  uint32_t rank = 0;
  uint32_t auto_types = 0;   // counted among the compute types too
  uint32_t state_types = 0;  // the states are float32 whatever it says
  uint64_t memory_bytes[kNumDevices] = {};
  // The least time of a step, for each layer of its segment, and more for each of its rows.
  uint32_t layer_us = 0;
  uint32_t layer_row_us = 0;
  // The least time of an export, and of an import.
  uint32_t export_us = 0;
  uint32_t import_us = 0;
  // Whether the table has state_export_begin and state_import_begin. To be changed while no model is loaded.
  bool begins_exports = true;
  bool begins_imports = true;
  // The free part of it.
  uint64_t free_bytes[kNumDevices] = {UINT64_MAX, UINT64_MAX};
  // The memory that a device really has for one segment: a larger one is refused when it is sealed.
  uint64_t room_bytes[kNumDevices] = {UINT64_MAX, UINT64_MAX};
};

// The events since the plugin was loaded.
struct Counts {
  uint64_t num_step_calls = 0;
  uint64_t num_steps = 0;      // that a device has begun
  uint64_t num_held = 0;       // of them, those that wait at this moment because their device is held
  uint64_t num_draws = 0;      // entries whose token the device was to draw
  uint64_t num_fed_drawn = 0;  // entries whose token the step before was to draw
  uint64_t num_asked_for_memory = 0;
  uint64_t num_exports_at_once = 0;  // calls of state_export
  uint64_t num_exports_begun = 0;    // calls of state_export_begin that succeeded
  uint64_t num_exports_held = 0;     // of them, those that wait at this moment because exports are held
  uint64_t num_imports_at_once = 0;  // the same of imports
  uint64_t num_imports_begun = 0;
  uint64_t num_imports_held = 0;
  // Breaches of the rule for the slot of an export or import that is not done: written, discarded or its segment gone.
  uint64_t num_changed_too_early = 0;
  uint64_t num_fences = 0;
  uint64_t num_released = 0;
  uint64_t num_released_early = 0;  // of them, before their step or export was done
  uint64_t num_released_twice = 0;
  uint64_t num_segments = 0;       // that were made
  uint64_t num_live_segments = 0;  // of them, those that were not destroyed
  uint32_t compute_type = 0;       // of the last segment that was made, as the host asked
  uint32_t state_type = 0;
};

// Threads: any.
struct Table {
  skein_backend_table backend;
  void (*obey)(const Order* order);
  void (*offer)(const Offer* offer);
  // Holds a device: its steps begin, but do not go on until the device is let go.
  void (*hold)(uint32_t device, uint32_t held);
  // The same of the exports that state_export_begin begins, and of the imports of state_import_begin.
  void (*hold_exports)(uint32_t device, uint32_t held);
  void (*hold_imports)(uint32_t device, uint32_t held);
  // Everything that is open of a device is lost: it gives UNAVAILABLE for ever, and steps that are under way end with
  // it. What is opened afterwards works.
  void (*lose)(uint32_t device);
  Counts (*counts)();
};

}  // namespace skein::late

#endif  // SKEIN_TESTS_SUPPORT_LATE_BACKEND_CONTROL_H_
