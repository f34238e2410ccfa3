#include "cuda/check/timed_segment.h"

#include <algorithm>
#include <chrono>

#include "cuda/check/expect.h"

namespace skein::check {
namespace {

using Clock = std::chrono::steady_clock;

// As many as a sampler of a host looks at.
constexpr uint32_t kTopK = 40;
constexpr uint32_t kMostSteps = 400;
constexpr uint32_t kFewestSteps = 3;
// Before the first time: until what is loaded at first use is there, and a card that has done nothing has its clock.
constexpr uint32_t kWarmUpSteps = 3;
constexpr double kWarmUpSeconds = 0.05;

double SecondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

}  // namespace

skein_segment_desc DescribeWhole(const RealModel& model, const TimedOptions& options) {
  skein_segment_desc desc = {};
  desc.struct_size = sizeof(desc);
  desc.flags = SKEIN_SEGMENT_EMBEDDING | SKEIN_SEGMENT_HEAD;
  desc.num_layers = model.model().num_layers;
  desc.num_slots = options.num_slots;
  desc.max_tokens = options.max_tokens;
  desc.max_entries = options.num_slots;
  desc.compute_type = options.compute_type;
  desc.state_type = options.state_type;
  desc.weight_type = model.weight_type();
  desc.model = model.model();
  return desc;
}

TimedSegment::TimedSegment(const conformance::Device& device, const RealModel& model, const TimedOptions& options)
    : segment_(device, DescribeWhole(model, options)),
      output_((options.features & SKEIN_FEATURE_TOP_K) != 0 ? SKEIN_STEP_TOP_K : SKEIN_STEP_LOGITS) {
  if (segment_.status() != SKEIN_OK || !segment_.Load(model.Tensors())) throw std::runtime_error(segment_.message());
}

skein_step_entry& TimedSegment::AddEntry(uint32_t slot, uint32_t num_tokens) {
  skein_step_entry entry = {};
  entry.read_slot = slot;
  entry.write_slot = slot;
  entry.first_token = static_cast<uint32_t>(tokens_.size());
  entry.num_tokens = num_tokens;
  entry.output = output_;
  entry.output_start = num_tokens - 1;
  entry.top_k = output_ == SKEIN_STEP_TOP_K ? kTopK : 0;
  for (uint32_t i = 0; i < num_tokens; ++i) {
    // Different rows of the embedding.
    tokens_.push_back(static_cast<uint32_t>((tokens_.size() + 1) * 7919 % segment_.desc().model.vocab_size));
  }
  entries_.push_back(entry);
  return entries_.back();
}

StepTime TimedSegment::TimeDecode(uint32_t num_rows, double seconds) {
  tokens_.clear();
  entries_.clear();
  for (uint32_t slot = 0; slot < num_rows; ++slot) AddEntry(slot, 1).read_slot = SKEIN_SLOT_INITIAL;
  RunOnce();
  for (uint32_t slot = 0; slot < num_rows; ++slot) entries_[slot].read_slot = slot;
  return Time(seconds);
}

StepTime TimedSegment::TimePrompt(uint32_t num_tokens, double seconds) {
  tokens_.clear();
  entries_.clear();
  AddEntry(0, num_tokens).read_slot = SKEIN_SLOT_INITIAL;
  return Time(seconds);
}

void TimedSegment::RunOnce() {
  const uint32_t width = output_ == SKEIN_STEP_TOP_K ? kTopK + 1 : segment_.desc().model.vocab_size;
  rows_.resize(entries_.size() * width);
  ids_.resize(entries_.size() * kTopK);
  for (size_t i = 0; i < entries_.size(); ++i) {
    entries_[i].status = SKEIN_OK;
    entries_[i].output_rows = rows_.data() + i * width;
    entries_[i].output_tokens = output_ == SKEIN_STEP_TOP_K ? ids_.data() + i * kTopK : nullptr;
  }
  skein_step step = {};
  step.struct_size = sizeof(step);
  step.num_tokens = static_cast<uint32_t>(tokens_.size());
  step.num_entries = static_cast<uint32_t>(entries_.size());
  step.entry_size = sizeof(skein_step_entry);
  step.tokens = tokens_.data();
  step.entries = entries_.data();
  if (!segment_.Step(step)) throw std::runtime_error("a step: " + segment_.message());
  for (const skein_step_entry& entry : entries_) {
    ExpectStatus(entry.status, SKEIN_OK, "an entry of a step that is measured", segment_.message());
  }
}

StepTime TimedSegment::Time(double seconds) {
  const bool is_measured = seconds > 0;
  const Clock::time_point warm_up = Clock::now();
  for (uint32_t i = 0; is_measured && (i < kWarmUpSteps || SecondsSince(warm_up) < kWarmUpSeconds); ++i) RunOnce();
  const uint32_t fewest = is_measured ? kFewestSteps : 1;
  std::vector<double> times;
  const Clock::time_point start = Clock::now();
  while (times.size() < fewest || (times.size() < kMostSteps && SecondsSince(start) < seconds)) {
    const Clock::time_point begin = Clock::now();
    RunOnce();
    times.push_back(SecondsSince(begin));
  }
  std::sort(times.begin(), times.end());
  return {.median = times[times.size() / 2],
          .least = times.front(),
          .most = times.back(),
          .num_steps = static_cast<uint32_t>(times.size())};
}

}  // namespace skein::check
