#include <algorithm>
#include <future>
#include <map>

#include "cuda/check/expect.h"
#include "cuda/check/float64_rows.h"
#include "cuda/check/stages.h"
#include "cuda/check/type_name.h"
#include "tests/conformance/model_shapes.h"
#include "tests/conformance/quantised_model.h"

namespace skein::check {
namespace {

using conformance::Entry;
using conformance::Pipeline;
using conformance::SyntheticModel;
using conformance::SyntheticShape;
using conformance::SyntheticTokens;

// The conformance tests allow 3 % in prompts of 40 tokens. A stream's first tokens are more delicate, because its state
// is little more than one outer product, and here more of them are looked at.
constexpr double kErrorInEightBits = 0.05;

struct NumbersCase {
  SyntheticShape shape;
  std::vector<uint32_t> types;  // that the matrices are given in turn
  uint32_t compute_type;

  std::string Name() const { return shape.name + "/" + TypesName(types) + "/" + TypeName(compute_type); }
};

// The slots of a case's streams, and the first of those that hold the beginnings of texts.
constexpr uint32_t kNumSlots = 80;
constexpr uint32_t kFirstBeginning = 72;

// How much of a model each case runs.
struct Amount {
  uint32_t num_prompt_tokens;
  uint32_t num_single_tokens;                  // of them fed one by one
  std::vector<uint32_t> batches;               // streams of one token each, in one step
  static constexpr uint32_t kTexts = 4;        // different ones in the batches
  static constexpr uint32_t kBegun = 8;        // their tokens before the batch
  static constexpr uint32_t kTextTokens = 10;  // and altogether
};

// Products are computed in different ways by number of rows: 1 to 4, up to 64, and more.
Amount AmountFor(const Run& run) {
  if (run.IsToy()) return {.num_prompt_tokens = 6, .num_single_tokens = 2, .batches = {2, 5}};
  return {.num_prompt_tokens = 20, .num_single_tokens = 6, .batches = {2, 3, 4, 5, 8, 17, 64, 70}};
}

// The kinds of cases for one shape, those that say most first.
std::vector<std::pair<std::vector<uint32_t>, uint32_t>> KindsFor(const SyntheticShape& shape) {
  constexpr uint32_t kNone = SKEIN_DTYPE_NONE, kF32 = SKEIN_DTYPE_F32, kF16 = SKEIN_DTYPE_F16, kBf16 = SKEIN_DTYPE_BF16,
                     kQ8 = SKEIN_DTYPE_Q8, kQ4 = SKEIN_DTYPE_Q4;
  return {{shape.matrix_types, kNone},
          {{kF16}, kF16},
          {{kQ8}, kQ8},
          {{kQ4}, kQ4},
          {{kBf16}, kBf16},
          {{kF16}, kNone},
          {{kQ8}, kNone},
          {{kQ4}, kNone},
          {{kF32}, kF32},
          {{kQ8, kBf16, kQ4, kF16, kQ8, kF32}, kNone},
          {{kQ8, kBf16, kQ4, kF16, kQ8, kF32}, kQ8}};
}

// Every shape with the first kind, then every shape with the next one.
std::vector<NumbersCase> AllCases(const Run& run) {
  const std::vector<SyntheticShape> shapes = run.IsToy() ? conformance::SmallShapes() : conformance::AllShapes();
  std::vector<NumbersCase> cases;
  const size_t num_kinds = run.IsToy() ? 5 : KindsFor(shapes[0]).size();
  for (size_t kind = 0; kind < num_kinds; ++kind) {
    for (const SyntheticShape& shape : shapes) {
      if (run.IsToy() && kind > 0 && shape.generation != 7) continue;
      const auto [types, compute_type] = KindsFor(shape)[kind];
      const bool is_taken = std::all_of(types.begin(), types.end(), [&](uint32_t type) { return run.Takes(type); });
      if (is_taken && run.Computes(compute_type)) cases.push_back({shape, types, compute_type});
    }
  }
  return cases;
}

class NumbersCheck {
 public:
  NumbersCheck(Run& run, const NumbersCase& what)
      : amount_(AmountFor(run)),
        what_(what),
        model_(conformance::Quantised(what.shape, what.types)),
        prompt_(SyntheticTokens(amount_.num_prompt_tokens, what.shape.vocab_size, 7)),
        expected_prompt_(BeginFloat64(prompt_)),
        expected_texts_(BeginTextsInFloat64()),
        pipeline_(run.device(), model_,
                  {.cuts = {},
                   .compute_type = what.compute_type,
                   .num_slots = kNumSlots,
                   .max_tokens = 80,
                   .max_entries = kNumSlots}),
        comparison_(what.compute_type, what.shape.vocab_size, kErrorInEightBits),
        has_hidden_((run.Info().features & SKEIN_FEATURE_HIDDEN) != 0) {}

  // The largest difference from exact float64. Throws Mismatch.
  double Check() {
    CheckPrompt();
    BeginTexts();
    for (const uint32_t count : amount_.batches) CheckBatch(count);
    comparison_.Finish();
    return comparison_.worst();
  }

 private:
  void CheckPrompt() {
    const std::vector<uint32_t>& tokens = prompt_;
    const std::vector<float> logits = pipeline_.Feed(0, tokens, tokens.size());
    const Float64Rows expected = expected_prompt_.get();
    comparison_.Add(logits, expected, 0, "logits of a prompt in one step");
    const std::vector<uint32_t> begin(tokens.begin(), tokens.begin() + amount_.num_single_tokens);
    comparison_.Add(pipeline_.Feed(1, begin, 1), expected, 0, "logits of tokens one by one");
    if (!IsExact(what_.compute_type)) return;
    ExpectNear(pipeline_.Export(0), expected.exact_state, expected.exact_state.size(), conformance::kTolerance,
               "the state behind a prompt");
    if (!has_hidden_) return;
    ExpectNear(pipeline_.Feed(2, tokens, 7, SKEIN_SLOT_INITIAL, SKEIN_STEP_HIDDEN), expected.exact_hidden,
               what_.shape.d_model, conformance::kFirstTokenTolerance, "hidden rows of a prompt in chunks of 7");
  }

  // The streams of a batch repeat a few texts, so that float64 takes less time than the device. Slots behind those of
  // the batch hold the beginnings.
  void CheckBatch(uint32_t count) {
    for (uint32_t token = Amount::kBegun; token < Amount::kTextTokens; ++token) {
      std::vector<Entry> entries;
      for (uint32_t i = 0; i < count; ++i) {
        const uint32_t text = i % Amount::kTexts;
        entries.push_back({.read_slot = token == Amount::kBegun ? kFirstBeginning + text : i,
                           .write_slot = i,
                           .tokens = {Text(text)[token]}});
      }
      ExpectStatus(pipeline_.Step(entries), SKEIN_OK, "a step", pipeline_.message());
      for (uint32_t i = 0; i < count; ++i) {
        ExpectStatus(entries[i].status, SKEIN_OK, "entry " + std::to_string(i), pipeline_.message());
        comparison_.Add(entries[i].rows, texts_[i % Amount::kTexts], token,
                        "logits of stream " + std::to_string(i) + " of " + std::to_string(count));
      }
    }
  }

  std::vector<uint32_t> Text(uint32_t index) const {
    return SyntheticTokens(Amount::kTextTokens, what_.shape.vocab_size, 100 + index);
  }
  void BeginTexts() {
    for (uint32_t i = 0; i < Amount::kTexts; ++i) {
      const std::vector<uint32_t> text = Text(i);
      texts_.push_back(expected_texts_[i].get());
      comparison_.Add(pipeline_.Feed(kFirstBeginning + i, {text.begin(), text.begin() + Amount::kBegun}, 3), texts_[i],
                      0, "logits of the beginning of a text");
    }
  }

  // Float64 takes longer than the device, so that each text has a thread, beside the device.
  std::future<Float64Rows> BeginFloat64(const std::vector<uint32_t>& tokens) const {
    return std::async(std::launch::async,
                      [this, tokens] { return ComputeInFloat64(model_, what_.compute_type, tokens); });
  }
  std::vector<std::future<Float64Rows>> BeginTextsInFloat64() const {
    std::vector<std::future<Float64Rows>> begun;
    for (uint32_t i = 0; i < Amount::kTexts; ++i) begun.push_back(BeginFloat64(Text(i)));
    return begun;
  }

  const Amount amount_;
  const NumbersCase& what_;
  const SyntheticModel model_;
  const std::vector<uint32_t> prompt_;
  std::future<Float64Rows> expected_prompt_;
  std::vector<std::future<Float64Rows>> expected_texts_;
  Pipeline pipeline_;
  LogitsComparison comparison_;
  const bool has_hidden_;
  std::vector<Float64Rows> texts_;
};

void CheckAll(Run& run, const std::vector<NumbersCase>& cases) {
  std::map<uint32_t, double> worst;  // by arithmetic
  for (const NumbersCase& what : cases) {
    run.Case(what.Name(), [&] {
      const double difference = NumbersCheck(run, what).Check();
      worst[what.compute_type] = std::max(worst[what.compute_type], difference);
    });
  }
  for (const auto& [compute_type, difference] : worst) {
    run.report().Note("largest difference of a logit from exact float64 in " + TypeName(compute_type) + ": " +
                      NumberText(difference));
    run.report().Add(
        JsonObject().Text("compute_type", TypeName(compute_type)).Number("largest_difference", difference));
  }
}

}  // namespace

void CheckNumbers(Run& run) { CheckAll(run, AllCases(run)); }

void CheckFewNumbers(Run& run) {
  std::vector<NumbersCase> few;
  for (const NumbersCase& what : AllCases(run)) {
    const bool is_first = std::none_of(few.begin(), few.end(), [&](const NumbersCase& other) {
      return other.shape.generation == what.shape.generation && other.compute_type == what.compute_type;
    });
    const bool is_cheap = !run.IsToy() || (what.shape.generation == 7 && few.size() < 2);
    if (is_first && is_cheap) few.push_back(what);
  }
  CheckAll(run, few);
}

}  // namespace skein::check
