#include <algorithm>
#include <cstdio>
#include <optional>

#include "cuda/check/limits.h"
#include "cuda/check/stages.h"
#include "cuda/check/timed_segment.h"
#include "cuda/check/type_name.h"

namespace skein::check {
namespace {

// The measurements of one model. Zeros: as many as published models were found to have, or next to none.
constexpr double kDense = 0.01;
struct Subject {
  const char* shape;
  uint32_t weight_type;
  double zeros;
  std::vector<uint32_t> rows;
  std::vector<uint32_t> prompts;
  uint32_t state_type = SKEIN_DTYPE_F32;
};

// The most telling first, since time may be short.
std::vector<Subject> Subjects(const Run& run) {
  constexpr uint32_t kF16 = SKEIN_DTYPE_F16, kQ8 = SKEIN_DTYPE_Q8, kQ4 = SKEIN_DTYPE_Q4;
  if (run.IsToy()) return {{"toy", kF16, kDense, {1, 5}, {9}}, {"toy", kQ4, 0.86, {1}, {}}};
  if (!run.IsFull()) {
    return {{"1.5B", kF16, kDense, {1, 32, 128}, {512}},
            {"1.5B", kF16, 0.86, {1}, {}},
            {"0.1B", kF16, kDense, {1, 32, 128}, {}},
            {"1.5B", kQ4, 0.86, {1}, {}}};
  }
  const std::vector<uint32_t> all = {1, 4, 8, 32, 64, 128, 256, 512}, few = {1, 4, 8}, many = {32, 128, 256, 512};
  return {{"1.5B", kF16, kDense, all, {512, 2048}},
          {"1.5B", kF16, 0.86, few, {}},
          {"1.5B", kF16, kDense, many, {}, kF16},
          {"0.1B", kF16, kDense, all, {512, 2048}},
          {"0.1B", kF16, kDense, many, {}, kF16},
          {"1.5B", kQ8, 0.86, all, {512}},
          {"1.5B", kQ4, 0.86, all, {512}},
          {"7.2B", kF16, kDense, all, {512, 2048}},
          {"7.2B", kF16, 0.90, few, {}},
          {"7.2B", kF16, kDense, many, {}, kF16},
          {"0.4B", kF16, kDense, all, {512, 2048}},
          {"2.9B", kF16, kDense, all, {512, 2048}},
          {"7.2B", kQ8, 0.90, all, {512}},
          {"7.2B", kQ4, 0.90, all, {512}}};
}

bool HasF16State(const Subject& subject) { return subject.state_type == SKEIN_DTYPE_F16; }

std::string NameOf(const Subject& subject) {
  char zeros[16];
  std::snprintf(zeros, sizeof(zeros), "%.0f %% zeros", 100 * subject.zeros);
  return std::string(subject.shape) + "/" + TypeName(subject.weight_type) + "/" +
         (subject.zeros == kDense ? "dense" : zeros) + (HasF16State(subject) ? ", f16 states" : "");
}

// One measured step, with all that is said of it.
struct Result {
  StepShape step;
  StepTime time;
  std::optional<double> roof;  // tokens a second
  std::optional<double> aim;

  double rate() const { return step.num_tokens / time.median; }
};

std::string OptionalText(const std::optional<double>& value, const char* format) {
  if (!value) return "-";
  char text[32];
  std::snprintf(text, sizeof(text), format, *value);
  return text;
}

class Benchmark {
 public:
  Benchmark(Run& run, const Subject& subject)
      : run_(run),
        subject_(subject),
        info_(run.Info()),
        model_(RealShapeOf(subject.shape), subject.weight_type, subject.zeros),
        cost_(model_.Cost()) {}

  void Measure() {
    const std::optional<uint32_t> num_slots = SlotsThatFit();
    if (!num_slots) {
      run_.report().LeaveOut(NameOf(subject_), "the device has no memory for it");
      return;
    }
    TimedSegment segment(run_.device(), model_, SegmentOptions(*num_slots));
    output_name_ = segment.output_name();
    std::optional<Result> best;
    for (const uint32_t rows : subject_.rows) {
      if (!HasTime(*num_slots >= rows, std::to_string(rows) + " rows")) continue;
      const Result result = Describe(StepKind::kDecode, rows, segment.TimeDecode(rows, SecondsForOne()));
      Tell(result);
      if (!best || result.rate() > best->rate()) best = result;
    }
    if (best && subject_.rows.size() > 1) TellBest(*best);
    for (const uint32_t tokens : subject_.prompts) {
      if (!HasTime(true, "a prompt of " + std::to_string(tokens))) continue;
      Tell(Describe(StepKind::kPrompt, tokens, segment.TimePrompt(tokens, SecondsForOne())));
    }
  }

 private:
  TimedOptions SegmentOptions(uint32_t num_slots) const {
    uint32_t max_tokens = num_slots;
    for (const uint32_t tokens : subject_.prompts) max_tokens = std::max(max_tokens, tokens);
    const bool computes = run_.Computes(subject_.weight_type);
    return {.compute_type = computes ? subject_.weight_type : uint32_t{SKEIN_DTYPE_NONE},
            .state_type = subject_.state_type,
            .num_slots = num_slots,
            .max_tokens = max_tokens,
            .features = info_.features};
  }

  // The most streams of the subject for which the device has memory.
  std::optional<uint32_t> SlotsThatFit() const {
    const uint64_t free_bytes = run_.device().FreeMemory();
    for (auto rows = subject_.rows.rbegin(); rows != subject_.rows.rend(); ++rows) {
      const skein_segment_desc desc = DescribeWhole(model_, SegmentOptions(*rows));
      skein_segment_cost cost = {};
      cost.struct_size = sizeof(cost);
      skein_message message = {};
      const int32_t status = run_.device().table().query(run_.device().handle(), &desc, &cost, &message);
      if (status != SKEIN_OK || cost.supported == 0) throw std::runtime_error(std::string("query: ") + message.text);
      const uint64_t bytes = cost.weights_bytes + *rows * cost.slot_bytes + cost.scratch_bytes;
      if (free_bytes == 0 || bytes <= free_bytes) return *rows;
    }
    return std::nullopt;
  }

  bool HasTime(bool fits, const std::string& what) {
    if (fits && run_.SecondsLeft() > 0) return true;
    run_.report().LeaveOut(NameOf(subject_) + "/" + what,
                           fits ? "the time was over" : "the device has no memory for it");
    return false;
  }
  double SecondsForOne() const { return run_.IsToy() ? 0 : std::clamp(run_.SecondsLeft() / 150, 0.05, 0.4); }

  Result Describe(StepKind kind, uint32_t num_tokens, const StepTime& time) const {
    const Options& options = run_.options();
    Result result = {.step = {kind, num_tokens, StateBytes()}, .time = time, .roof = {}, .aim = {}};
    if (options.bandwidth && options.matrix_rate) {
      const CardLimits limits = {*options.bandwidth, *options.matrix_rate};
      result.roof = num_tokens / LeastSeconds(cost_, model_.zeros(), result.step, limits);
    }
    if (kind == StepKind::kDecode) {
      result.aim = AimFor(info_.description, KeyOf(num_tokens));
    } else if (options.matrix_rate && model_.model().d_model >= 2048) {
      result.aim = 0.5 * *options.matrix_rate / (2 * cost_.multiplications);
    }
    return result;
  }
  // The shift rows are float32 in any case.
  double StateBytes() const {
    const skein_backend_model& model = model_.model();
    const double wkv_floats = static_cast<double>(model.num_layers) * model.d_att * model.head_size;
    return 4 * cost_.state_floats - (HasF16State(subject_) ? 2 * wkv_floats : 0);
  }
  AimKey KeyOf(uint32_t num_rows) const {
    return {.model = model_.name(),
            .weight_type = model_.weight_type(),
            .has_planted_zeros = subject_.zeros != kDense,
            .has_f16_state = HasF16State(subject_),
            .num_rows = num_rows};
  }

  void Tell(const Result& result) {
    const bool is_decode = result.step.kind == StepKind::kDecode;
    TellLine(result, (is_decode ? "decode " : "prompt ") + std::to_string(result.step.num_tokens));
    JsonObject figure;
    figure.Text("model", model_.name())
        .Text("weights", TypeName(model_.weight_type()))
        .Text("compute", TypeName(SegmentOptions(1).compute_type))
        .Text("state", HasF16State(subject_) ? "f16" : "f32")
        .Number("zeros", model_.zeros())
        .Text("step", is_decode ? "decode" : "prompt")
        .Number("tokens", result.step.num_tokens)
        .Text("output", output_name_)
        .Number("tokens_per_second", result.rate())
        .Number("median_us", 1e6 * result.time.median)
        .Number("least_us", 1e6 * result.time.least)
        .Number("most_us", 1e6 * result.time.most)
        .Number("steps", result.time.num_steps);
    if (result.roof) figure.Number("roof_tokens_per_second", *result.roof);
    if (result.aim) figure.Number("aim_tokens_per_second", *result.aim);
    run_.report().Add(figure);
  }
  void TellBest(Result best) {
    best.aim = AimFor(info_.description, KeyOf(0));
    TellLine(best, "best: " + std::to_string(best.step.num_tokens));
  }
  void TellLine(const Result& result, const std::string& step) {
    std::optional<double> share, of_aim;
    if (result.roof) share = 100 * result.rate() / *result.roof;
    if (result.aim) of_aim = 100 * result.rate() / *result.aim;
    char line[200];
    std::snprintf(line, sizeof(line), "%-24s %-12s %-7s %11.0f %10.1f %11s %6s %10s %6s", NameOf(subject_).c_str(),
                  step.c_str(), output_name_, result.rate(), 1e6 * result.time.median,
                  OptionalText(result.roof, "%.0f").c_str(), OptionalText(share, "%.0f %%").c_str(),
                  OptionalText(result.aim, "%.0f").c_str(), OptionalText(of_aim, "%.0f %%").c_str());
    run_.report().Note(line);
  }

  Run& run_;
  const Subject& subject_;
  const skein_backend_device info_;
  const RealModel model_;
  const ModelCost cost_;
  const char* output_name_ = "";
};

}  // namespace

void Measure(Run& run) {
  const Options& options = run.options();
  run.report().Note(
      "limits: " + (options.bandwidth ? OptionalText(*options.bandwidth / 1e9, "%.0f GB/s") : "no bandwidth measured") +
      ", " +
      (options.matrix_rate ? OptionalText(*options.matrix_rate / 1e12, "%.0f TFLOP/s") : "no matrix rate measured"));
  char header[200];
  std::snprintf(header, sizeof(header), "%-24s %-12s %-7s %11s %10s %11s %6s %10s %6s", "model", "step", "output",
                "tokens/s", "us a step", "roof", "of it", "aim", "of it");
  run.report().Note(header);
  for (const Subject& subject : Subjects(run)) {
    run.Case(NameOf(subject), [&] { Benchmark(run, subject).Measure(); });
  }
}

}  // namespace skein::check
