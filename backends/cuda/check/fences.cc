#include "cuda/check/fences.h"

#include <memory>
#include <thread>

#include "cuda/check/expect.h"
#include "tests/conformance/raw_step.h"

namespace skein::check {
namespace {

using conformance::Device;
using conformance::RawStep;
using conformance::SegmentHandle;

// A step of two tokens with logits, begun and perhaps not done.
class BegunStep {
 public:
  BegunStep(const Device& device, SegmentHandle& segment, uint32_t read_slot, uint32_t write_slot)
      : table_(device.table()), raw_(2), logits_(2 * size_t{segment.desc().model.vocab_size}, -1) {
    skein_step_entry& entry = raw_.Add(read_slot, write_slot, 0, 2);
    entry.output = SKEIN_STEP_LOGITS;
    entry.output_rows = logits_.data();
    const bool has_begun = segment.Begin(raw_.Get(), &fence_);
    if (!has_begun) Release();
    Expect(has_begun, "a step that begins", segment.message());
  }
  ~BegunStep() { Release(); }
  BegunStep(const BegunStep&) = delete;
  BegunStep& operator=(const BegunStep&) = delete;

  int32_t Wait(int64_t timeout_us) const {
    skein_message message = {};
    return fence_ == nullptr ? SKEIN_OK : table_.fence_wait(fence_, timeout_us, &message);
  }
  bool is_done() const { return fence_ == nullptr || table_.fence_done(fence_) != 0; }
  // Of a step that is done.
  const std::vector<float>& logits() const { return logits_; }
  int32_t status() const { return raw_.entries[0].status; }

 private:
  // The step's memory is the device's until the fence is done.
  void Release() {
    if (fence_ == nullptr) return;
    Wait(-1);
    table_.fence_release(fence_);
    fence_ = nullptr;
  }

  const skein_backend_table& table_;
  RawStep raw_;
  std::vector<float> logits_;
  void* fence_ = nullptr;
};

}  // namespace

void CheckFences(const Device& device, const conformance::SyntheticModel& model) {
  const uint32_t vocab_size = model.model().vocab_size;
  conformance::Pipeline pipeline(device, model);
  const std::vector<float> expected = pipeline.Feed(0, std::vector<uint32_t>(12, 1), 2);

  const skein_segment_desc desc =
      DescribeSegment(model, 0, model.model().num_layers, SKEIN_SEGMENT_EMBEDDING | SKEIN_SEGMENT_HEAD);
  SegmentHandle segment(device, desc);
  Expect(segment.Load(TensorsOf(model, desc)), "a segment", segment.message());
  // More steps than a device would stage at once, each behind the one before.
  std::vector<std::unique_ptr<BegunStep>> steps;
  for (uint32_t i = 0; i < 6; ++i) {
    const uint32_t read_slot = i == 0 ? uint32_t{SKEIN_SLOT_INITIAL} : i - 1;
    steps.push_back(std::make_unique<BegunStep>(device, segment, read_slot, i));
  }

  int32_t status = steps[2]->Wait(0);
  while (status == SKEIN_DEADLINE_EXCEEDED) status = steps[2]->Wait(100);
  ExpectStatus(status, SKEIN_OK, "waits with a deadline");
  Expect(steps[0]->is_done() && steps[1]->is_done(), "earlier steps to be done", "one that is not");

  std::vector<int32_t> statuses(3, -1);
  std::vector<std::thread> threads;
  for (int32_t& each : statuses) threads.emplace_back([&steps, &each] { each = steps.back()->Wait(-1); });
  for (std::thread& thread : threads) thread.join();
  for (const int32_t each : statuses) ExpectStatus(each, SKEIN_OK, "a wait on another thread");

  std::vector<float> logits;
  for (const auto& step : steps) {
    ExpectStatus(step->Wait(0), SKEIN_OK, "a second wait");
    ExpectStatus(step->status(), SKEIN_OK, "an entry");
    logits.insert(logits.end(), step->logits().begin(), step->logits().end());
  }
  ExpectSameBits(logits, expected, vocab_size, "logits of steps that were enqueued");
}

}  // namespace skein::check
