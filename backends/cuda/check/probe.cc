#include "cuda/check/probe.h"

#include <algorithm>
#include <chrono>
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

// Seconds of a decoding step of `rows` streams, when one state is exported with every step.
double TimeWithExport(TimedSegment& segment, uint32_t rows, uint32_t num_steps) {
  std::vector<float> state(segment.segment().StateFloats());
  const Clock::time_point start = Clock::now();
  for (uint32_t i = 0; i < num_steps; ++i) {
    segment.TimeDecode(rows, 0);
    Expect(segment.segment().Export(0, state), "an export", segment.segment().message());
  }
  return std::chrono::duration<double>(Clock::now() - start).count() / num_steps;
}

// The steps of a model of one type, each beside its name behind `prefix`.
void TimeSteps(Run& run, uint32_t type, const Timing& timing, const std::string& prefix) {
  // As many zeros as trained models have, for the products that leave them out.
  const RealModel model(RealShapeOf(timing.shape), type, 0.86);
  TimedSegment segment(run.device(), model,
                       {.compute_type = run.Computes(type) ? type : uint32_t{SKEIN_DTYPE_NONE},
                        .num_slots = timing.rows.back(),
                        .max_tokens = std::max(timing.prompt, timing.rows.back()),
                        .features = run.Info().features});
  for (const uint32_t rows : timing.rows) {
    Tell(run, prefix + "decode/" + std::to_string(rows), segment.TimeDecode(rows, timing.seconds).median);
  }
  Tell(run, prefix + "prompt/" + std::to_string(timing.prompt),
       segment.TimePrompt(timing.prompt, timing.seconds).median);
  Tell(run, prefix + "export", TimeWithExport(segment, timing.rows[1], run.IsToy() ? 1 : 20));
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
