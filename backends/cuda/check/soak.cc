#include <algorithm>
#include <cmath>
#include <random>

#include "cuda/check/expect.h"
#include "cuda/check/stages.h"
#include "tests/conformance/model_shapes.h"
#include "tests/conformance/quantised_model.h"

namespace skein::check {
namespace {

using conformance::Entry;
using conformance::Pipeline;
using conformance::SyntheticModel;
using conformance::SyntheticShape;

// The memory that other processes and the driver's own bookkeeping may take meanwhile.
constexpr double kMemoryTolerance = 32 << 20;

// Requests that begin, read a prompt, decode a few tokens and end, as slots become free. Slot 0 always has the same
// request, whose logits never change.
class Requests {
 public:
  Requests(const conformance::Device& device, const SyntheticModel& model, uint32_t num_slots)
      : vocab_size_(model.model().vocab_size),
        pipeline_(device, model,
                  {.cuts = {}, .num_slots = num_slots, .max_tokens = 16 * num_slots, .max_entries = num_slots}),
        requests_(num_slots) {}

  uint64_t num_done() const { return num_done_; }

  // One step: a prompt for every slot whose request has ended, a token for every other.
  void Step() {
    std::vector<Entry> entries;
    for (uint32_t slot = 0; slot < requests_.size(); ++slot) {
      Request& request = requests_[slot];
      const bool begins = request.num_left == 0;
      if (begins) request = Begin(slot);
      entries.push_back({.read_slot = begins ? SKEIN_SLOT_INITIAL : slot,
                         .write_slot = slot,
                         .tokens = begins ? Prompt(request) : std::vector<uint32_t>{request.seed % vocab_size_}});
      entries.back().output_start = static_cast<uint32_t>(entries.back().tokens.size()) - 1;
    }
    // In another order each time, so that no slot keeps its place.
    std::vector<Entry> shuffled = entries;
    std::shuffle(shuffled.begin(), shuffled.end(), random_);
    ExpectStatus(pipeline_.Step(shuffled), SKEIN_OK, "a step", pipeline_.message());
    for (const Entry& entry : shuffled) Finish(entry);
  }

 private:
  struct Request {
    uint32_t seed = 0;
    uint32_t num_left = 0;  // tokens to decode
  };

  Request Begin(uint32_t slot) {
    if (slot == 0) return {.seed = 1, .num_left = 3};
    return {.seed = static_cast<uint32_t>(random_()), .num_left = 1 + static_cast<uint32_t>(random_() % 4)};
  }
  std::vector<uint32_t> Prompt(const Request& request) const {
    return conformance::SyntheticTokens(1 + request.seed % 12, vocab_size_, request.seed);
  }

  void Finish(const Entry& entry) {
    ExpectStatus(entry.status, SKEIN_OK, "an entry of request " + std::to_string(num_done_), pipeline_.message());
    for (const float logit : entry.rows) Expect(std::isfinite(logit), "finite logits", "one that is not");
    Request& request = requests_[entry.write_slot];
    if (--request.num_left == 0) ++num_done_;
    if (entry.write_slot != 0 || request.num_left != 0) return;
    if (first_.empty()) first_ = entry.rows;
    ExpectNear(entry.rows, first_, vocab_size_, conformance::kSameTolerance,
               "logits of a request that was made before, after " + std::to_string(num_done_) + " others");
  }

  const uint32_t vocab_size_;
  Pipeline pipeline_;
  std::vector<Request> requests_;  // by slot
  std::vector<float> first_;       // logits at the end of the request of slot 0
  std::mt19937 random_{1};
  uint64_t num_done_ = 0;
};

uint64_t NumRequests(const Run& run) { return run.IsFull() ? 100000 : run.IsToy() ? 12 : 10000; }

void CheckMemory(Run& run, double before, const std::string& what) {
  const double after = static_cast<double>(run.device().FreeMemory());
  run.report().Note("memory of the device " + what + ": " + NumberText(before / 0x1p20) + " MiB free before, " +
                    NumberText(after / 0x1p20) + " after");
  run.report().Add(JsonObject().Text("memory", what).Number("free_before", before).Number("free_after", after));
  if (before == 0) return;  // a device that does not say
  Expect(before - after <= kMemoryTolerance, "at most " + NumberText(kMemoryTolerance / 0x1p20) + " MiB less " + what,
         NumberText((before - after) / 0x1p20) + " MiB less");
}

void RunRequests(Run& run, const SyntheticModel& model) {
  Requests requests(run.device(), model, run.IsToy() ? 4 : 32);
  for (uint32_t i = 0; i < (run.IsToy() ? 2 : 10); ++i) requests.Step();
  const auto before = static_cast<double>(run.device().FreeMemory());
  const uint64_t wanted = NumRequests(run);
  while (requests.num_done() < wanted && run.SecondsLeft() > 0) requests.Step();
  run.report().Note(std::to_string(requests.num_done()) + " requests");
  run.report().Add(JsonObject().Number("requests", static_cast<double>(requests.num_done())));
  if (requests.num_done() < wanted) {
    run.report().LeaveOut("requests", "the time was over after " + std::to_string(requests.num_done()));
  }
  CheckMemory(run, before, "over the requests");
}

// Segments that are made, used once and destroyed.
void MakeSegments(Run& run, const SyntheticModel& model) {
  const uint32_t count = run.IsToy() ? 2 : 50;
  for (uint32_t i = 0; i < count && run.SecondsLeft() > 0; ++i) {
    Pipeline pipeline(run.device(), model);
    pipeline.Feed(0, {1, 2, 3}, 3);
  }
}

}  // namespace

void CheckSoak(Run& run) {
  const SyntheticShape shape = {"Rwkv7Soak", 7, 0, 2, 128, 128, 64, 512, 199, 0, 16, 16, 8, 32};
  const SyntheticModel model = conformance::Quantised(shape, {SKEIN_DTYPE_F16});
  MakeSegments(run, model);
  const auto before = static_cast<double>(run.device().FreeMemory());
  run.Case("requests", [&] { RunRequests(run, model); });
  run.Case("segments", [&] { MakeSegments(run, model); });
  run.Case("memory", [&] { CheckMemory(run, before, "over the whole stage"); });
}

}  // namespace skein::check
