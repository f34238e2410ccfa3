#include "placement/segment_limits.h"

#include <unistd.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "devices/device_memory.h"
#include "numbers/state_layout.h"
#include "runtime/option_keys.h"

namespace skein {
namespace {

// A step reads one slot and writes another. The third one lets a state come while another one is written.
constexpr uint64_t kFewestSlots = 3;
constexpr uint64_t kMostSlots = uint64_t{1} << 24;
constexpr uint64_t kMostDefaultHostBytes = uint64_t{8} << 30;

uint64_t StateBytes(const ModelFile& file) { return StateFloats(file.config()) * sizeof(float); }

// A step reads one slot of a stream and writes another. That makes two slots for each stream of a step. An eval in
// progress holds a third one, so two more let evals always go on. One more is for a tuned state that streams start
// from.
absl::StatusOr<uint32_t> SlotsFor(const ModelFile& file, const Options& options, uint32_t num_streams) {
  const std::string& text = options[model_options::kStateMemory];
  if (text.empty()) return 2 * num_streams + 2 + (file.initial_state().empty() ? 0 : 1);
  SKEIN_ASSIGN_OR_RETURN(const uint64_t bytes, ParseSize(text, model_options::kStateMemory.name));
  const uint64_t num_slots = bytes / StateBytes(file);
  if (num_slots < kFewestSlots) {
    return absl::InvalidArgumentError(absl::StrCat(model_options::kStateMemory.name, " \"", text, "\": room for ",
                                                   num_slots, " states of ", BytesText(StateBytes(file)),
                                                   "; expected at least ", kFewestSlots, ": ",
                                                   BytesText(kFewestSlots * StateBytes(file))));
  }
  return static_cast<uint32_t>(std::min(num_slots, kMostSlots));
}

uint64_t DefaultHostBytes() {
  const auto pages = static_cast<uint64_t>(std::max(sysconf(_SC_PHYS_PAGES), 0L));
  const auto page_bytes = static_cast<uint64_t>(std::max(sysconf(_SC_PAGESIZE), 0L));
  return std::min(pages * page_bytes / 4, kMostDefaultHostBytes);
}

}  // namespace

absl::StatusOr<SegmentLimits> LimitsFor(const ModelFile& file, const Options& options, uint32_t num_streams) {
  SegmentLimits limits;
  limits.max_entries = num_streams;
  SKEIN_ASSIGN_OR_RETURN(limits.num_slots, SlotsFor(file, options, num_streams));
  // By default a step has room for prompts beside all streams that decode.
  const int64_t default_tokens = std::max(*model_options::kMaxBatchTokens.value, int64_t{num_streams} + 16);
  limits.max_tokens = static_cast<uint32_t>(options.Find(model_options::kMaxBatchTokens).value_or(default_tokens));
  return limits;
}

absl::StatusOr<SegmentLimits> LimitsFor(const ModelFile& file, const Options& options) {
  return LimitsFor(file, options, static_cast<uint32_t>(options[model_options::kMaxBatchStreams]));
}

absl::StatusOr<uint64_t> HostStatesFor(const ModelFile& file, const Options& options) {
  const std::string& text = options[model_options::kStateHostMemory];
  if (text.empty()) return DefaultHostBytes() / StateBytes(file);
  if (text == "0") return 0;
  SKEIN_ASSIGN_OR_RETURN(const uint64_t bytes, ParseSize(text, model_options::kStateHostMemory.name));
  // One place is left for a state that changes places with another one.
  const uint64_t num_states = bytes / StateBytes(file);
  return num_states - std::min<uint64_t>(num_states, 1);
}

}  // namespace skein
