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

// An export or import of a slot that no step uses meanwhile: beside the steps behind it where the backend begins moves,
// and before them where not. The segment outlives it.
class Move {
 public:
  enum class Way { kOut, kIn };

  // `state` outlives it.
  Move(const conformance::Device& device, conformance::SegmentHandle& segment, Way way, uint32_t slot,
       std::vector<float>& state)
      : table_(device.table()) {
    const bool is_right = way == Way::kOut ? Export(segment, slot, state) : Import(segment, slot, state);
    Expect(is_right, "a move of a state", segment.message());
  }
  ~Move() { Wait(); }
  Move(const Move&) = delete;
  Move& operator=(const Move&) = delete;

  void Finish() { ExpectStatus(Wait(), SKEIN_OK, "a move of a state"); }

 private:
  bool Export(conformance::SegmentHandle& segment, uint32_t slot, std::vector<float>& state) {
    const bool begins = SKEIN_HAS(skein_backend_table, &table_, state_export_begin);
    return begins ? segment.BeginExport(slot, state, &fence_) : segment.Export(slot, state);
  }
  bool Import(conformance::SegmentHandle& segment, uint32_t slot, const std::vector<float>& state) {
    const bool begins = SKEIN_HAS(skein_backend_table, &table_, state_import_begin);
    return begins ? segment.BeginImport(slot, state, &fence_) : segment.Import(slot, state);
  }
  int32_t Wait() {
    if (fence_ == nullptr) return SKEIN_OK;
    skein_message message = {};
    const int32_t code = table_.fence_wait(fence_, -1, &message);
    table_.fence_release(std::exchange(fence_, nullptr));
    return code;
  }

  const skein_backend_table& table_;
  void* fence_ = nullptr;
};

// Seconds of a decoding step of `rows` streams, when the state of another slot is moved with every step.
double TimeWithMove(const Run& run, TimedSegment& segment, Move::Way way, uint32_t rows, uint32_t slot,
                    uint32_t num_steps) {
  conformance::SegmentHandle& handle = segment.segment();
  segment.TimeDecode(rows, 0);
  Expect(handle.Copy(0, slot), "a copy of a state", handle.message());
  std::vector<float> expected(handle.StateFloats());
  Expect(handle.Export(slot, expected), "an export", handle.message());
  std::vector<float> state = expected;
  if (way == Move::Way::kIn) Expect(handle.Init(slot), "an initial state", handle.message());
  const Clock::time_point start = Clock::now();
  for (uint32_t i = 0; i < num_steps; ++i) {
    Move move(run.device(), handle, way, slot, state);
    segment.TimeDecode(rows, 0);
    move.Finish();
    if (way == Move::Way::kOut)
      ExpectSameBits(state, expected, expected.size(), "a state that is exported with a step");
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count() / num_steps;
  Expect(handle.Export(slot, state), "an export", handle.message());
  ExpectSameBits(state, expected, expected.size(), "a state that was moved with a step");
  return seconds;
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
  const uint32_t num_moves = run.IsToy() ? 1 : 20;
  Tell(run, prefix + "export",
       TimeWithMove(run, segment, Move::Way::kOut, timing.rows[1], timing.rows.back(), num_moves));
  Tell(run, prefix + "import",
       TimeWithMove(run, segment, Move::Way::kIn, timing.rows[1], timing.rows.back(), num_moves));
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
