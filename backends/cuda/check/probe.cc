#include "cuda/check/probe.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "cuda/check/expect.h"
#include "cuda/check/stages.h"
#include "cuda/check/timed_segment.h"

namespace skein::check {
namespace {

using Clock = std::chrono::steady_clock;

// The model whose steps are timed, and how many rows they have.
struct Timing {
  const char* shape;
  std::vector<uint32_t> rows;
  uint32_t prompt;
  double seconds;  // for each
};

Timing TimingFor(const Run& run) {
  if (run.IsToy()) return {"toy", {1, 5}, 9, 0};
  return {run.IsFull() ? "1.5B" : "0.4B", {1, 4, 32, 128}, 512, run.IsFull() ? 0.15 : 0.1};
}

// Codes of four bits are for few rows.
Timing TimingOfNibbles(const Run& run) {
  Timing timing = TimingFor(run);
  timing.rows = {1, 4};
  return timing;
}

void Tell(Run& run, const std::string& step, double seconds) {
  run.report().Note(std::string(kTimeWord) + " " + step + " " + NumberText(1e6 * seconds));
}

// An export of a slot that no step writes meanwhile: beside the steps behind it where the backend begins exports, and
// before them where not. The segment outlives it.
class Export {
 public:
  Export(const conformance::Device& device, conformance::SegmentHandle& segment, uint32_t slot)
      : table_(device.table()), state_(segment.StateFloats()) {
    const bool begins = SKEIN_HAS(skein_backend_table, &table_, state_export_begin);
    const bool is_right = begins ? segment.BeginExport(slot, state_, &fence_) : segment.Export(slot, state_);
    Expect(is_right, "an export", segment.message());
  }
  ~Export() { Wait(); }
  Export(const Export&) = delete;
  Export& operator=(const Export&) = delete;

  // Waits for its end, and gives the state.
  const std::vector<float>& Finish() {
    ExpectStatus(Wait(), SKEIN_OK, "an export");
    return state_;
  }

 private:
  int32_t Wait() {
    if (fence_ == nullptr) return SKEIN_OK;
    skein_message message = {};
    const int32_t code = table_.fence_wait(fence_, -1, &message);
    table_.fence_release(std::exchange(fence_, nullptr));
    return code;
  }

  const skein_backend_table& table_;
  std::vector<float> state_;
  void* fence_ = nullptr;
};

// Seconds of a decoding step of `rows` streams, when the state of another slot is exported with every step.
double TimeWithExport(const Run& run, TimedSegment& segment, uint32_t rows, uint32_t slot, uint32_t num_steps) {
  conformance::SegmentHandle& handle = segment.segment();
  segment.TimeDecode(rows, 0);
  Expect(handle.Copy(0, slot), "a copy of a state", handle.message());
  std::vector<float> expected(handle.StateFloats());
  Expect(handle.Export(slot, expected), "an export", handle.message());
  const Clock::time_point start = Clock::now();
  for (uint32_t i = 0; i < num_steps; ++i) {
    Export exported(run.device(), handle, slot);
    segment.TimeDecode(rows, 0);
    ExpectSameBits(exported.Finish(), expected, expected.size(), "a state that is exported with a step");
  }
  return std::chrono::duration<double>(Clock::now() - start).count() / num_steps;
}

// The steps of a model of one type, each beside its name behind `prefix`.
void TimeSteps(Run& run, uint32_t type, const Timing& timing, const std::string& prefix) {
  // As many zeros as trained models have, for the products that leave them out.
  const RealModel model(RealShapeOf(timing.shape), type, 0.86);
  TimedSegment segment(run.device(), model,
                       {.compute_type = run.Computes(type) ? type : uint32_t{SKEIN_DTYPE_NONE},
                        .num_slots = timing.rows.back() + 1,
                        .max_tokens = std::max(timing.prompt, timing.rows.back()),
                        .features = run.Info().features});
  for (const uint32_t rows : timing.rows) {
    Tell(run, prefix + "decode/" + std::to_string(rows), segment.TimeDecode(rows, timing.seconds).median);
  }
  Tell(run, prefix + "prompt/" + std::to_string(timing.prompt),
       segment.TimePrompt(timing.prompt, timing.seconds).median);
  Tell(run, prefix + "export", TimeWithExport(run, segment, timing.rows[1], timing.rows.back(), run.IsToy() ? 1 : 20));
}

}  // namespace

void Probe(Run& run) {
  CheckFewNumbers(run);
  CheckFewStreams(run);
  run.Case("times", [&] { TimeSteps(run, SKEIN_DTYPE_F16, TimingFor(run), ""); });
  // For the switches that are about codes, which a toy has too few rows for.
  if (!run.IsToy() && run.Takes(SKEIN_DTYPE_Q8)) {
    run.Case("times of codes", [&] { TimeSteps(run, SKEIN_DTYPE_Q8, TimingFor(run), "q8/"); });
  }
  if (!run.IsToy() && run.Takes(SKEIN_DTYPE_Q4)) {
    run.Case("times of nibbles", [&] { TimeSteps(run, SKEIN_DTYPE_Q4, TimingOfNibbles(run), "q4/"); });
  }
  if (!run.IsToy()) CheckFewContracts(run);
}

}  // namespace skein::check
