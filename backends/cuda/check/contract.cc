#include <limits>

#include "cuda/check/expect.h"
#include "cuda/check/fences.h"
#include "cuda/check/stages.h"
#include "tests/conformance/model_shapes.h"
#include "tests/conformance/raw_step.h"

namespace skein::check {
namespace {

using conformance::Device;
using conformance::Entry;
using conformance::kSameTolerance;
using conformance::Pipeline;
using conformance::RawStep;
using conformance::SegmentHandle;
using conformance::SyntheticModel;
using conformance::SyntheticShape;

using Tokens = std::vector<uint32_t>;

constexpr uint32_t kInitial = SKEIN_SLOT_INITIAL;

class Contract {
 public:
  Contract(const Device& device, const SyntheticModel& model) : device_(device), model_(model) {}

  void StateCallsKeepEveryBit() const;
  void StepsTouchOnlyTheSlotsTheyWrite() const;
  void ManyEntriesReadOneSlot() const;
  void RaggedBatchesGiveWhatStreamsAloneGive() const;
  void BadTokensFailTheirEntryAlone() const;
  void NonFiniteNumbersFailTheirEntryAlone() const;
  void StepsThatBreakARuleAreRefused() const;
  void MissingTensorsAreNamed() const;

 private:
  Tokens TokensOf(uint32_t count, uint64_t seed = 7) const { return conformance::SyntheticTokens(count, V(), seed); }
  uint32_t V() const { return model_.model().vocab_size; }
  skein_segment_desc Desc() const {
    return DescribeSegment(model_, 0, model_.model().num_layers, SKEIN_SEGMENT_EMBEDDING | SKEIN_SEGMENT_HEAD);
  }

  const Device& device_;
  const SyntheticModel& model_;
};

void Contract::StateCallsKeepEveryBit() const {
  Pipeline pipeline(device_, model_);
  pipeline.Feed(0, TokensOf(12), 12);
  const std::vector<float> state = pipeline.Export(0);
  pipeline.Copy(0, 4);
  ExpectSameBits(pipeline.Export(4), state, state.size(), "a copy of a state");
  pipeline.Import(6, state);
  ExpectSameBits(pipeline.Export(6), state, state.size(), "an imported state");
  pipeline.Init(0);
  const std::vector<float> fed = pipeline.Feed(0, TokensOf(6), 6, 0);
  ExpectSameBits(fed, pipeline.Feed(1, TokensOf(6), 6, kInitial), V(), "logits from a slot that state_init made");
}

void Contract::StepsTouchOnlyTheSlotsTheyWrite() const {
  Pipeline pipeline(device_, model_);
  for (uint32_t slot = 0; slot < 3; ++slot) pipeline.Feed(slot, TokensOf(5, slot), 5);
  const std::vector<float> first = pipeline.Export(0), last = pipeline.Export(2);
  // Read from one slot, written to another; then read and written in place; then discarded.
  pipeline.Feed(1, TokensOf(9, 50), 9, 0);
  pipeline.Feed(1, TokensOf(4, 51), 2, 1);
  const std::vector<float> discarded = pipeline.Feed(SKEIN_SLOT_NONE, TokensOf(8, 52), 8, 0);
  ExpectSameBits(pipeline.Export(0), first, first.size(), "a state that was only read");
  ExpectSameBits(pipeline.Export(2), last, last.size(), "a state that no step named");
  ExpectSameBits(pipeline.Feed(3, TokensOf(8, 52), 8, 0), discarded, V(), "logits of a stream whose state is kept");
}

void Contract::ManyEntriesReadOneSlot() const {
  Pipeline pipeline(device_, model_);
  pipeline.Feed(0, TokensOf(10), 10);
  const std::vector<float> shared = pipeline.Export(0);
  std::vector<Entry> entries = {{.read_slot = 0, .write_slot = 1, .tokens = TokensOf(4, 1)},
                                {.read_slot = 0, .write_slot = SKEIN_SLOT_NONE, .tokens = TokensOf(6, 2)},
                                {.read_slot = 0, .write_slot = 2, .tokens = TokensOf(1, 3)}};
  ExpectStatus(pipeline.Step(entries), SKEIN_OK, "a step of three readers", pipeline.message());
  ExpectSameBits(pipeline.Export(0), shared, shared.size(), "the state that three entries read");
  for (const Entry& entry : entries) {
    ExpectNear(entry.rows, pipeline.Feed(5, entry.tokens, 100, 0), V(), kSameTolerance, "logits of a reader");
  }
}

void Contract::RaggedBatchesGiveWhatStreamsAloneGive() const {
  Pipeline pipeline(device_, model_);
  const Tokens lengths = {1, 9, 2, 30, 1};
  std::vector<std::vector<float>> alone;
  for (uint32_t i = 0; i < lengths.size(); ++i) alone.push_back(pipeline.Feed(7, TokensOf(lengths[i] + 3, i), 64));
  for (const uint32_t turn : {0u, 2u, 4u}) {
    std::vector<Entry> start, finish;
    for (uint32_t n = 0; n < lengths.size(); ++n) {
      const uint32_t i = (n * 2 + turn) % static_cast<uint32_t>(lengths.size());
      const Tokens tokens = TokensOf(lengths[i] + 3, i);
      start.push_back({.read_slot = kInitial, .write_slot = i, .tokens = {tokens.begin(), tokens.begin() + 3}});
      finish.push_back({.read_slot = i, .write_slot = i, .tokens = {tokens.begin() + 3, tokens.end()}});
    }
    ExpectStatus(pipeline.Step(start), SKEIN_OK, "a ragged step", pipeline.message());
    ExpectStatus(pipeline.Step(finish), SKEIN_OK, "a ragged step", pipeline.message());
    for (size_t n = 0; n < lengths.size(); ++n) {
      std::vector<float> rows = start[n].rows;
      rows.insert(rows.end(), finish[n].rows.begin(), finish[n].rows.end());
      ExpectNear(rows, alone[start[n].write_slot], V(), kSameTolerance,
                 "logits of stream " + std::to_string(start[n].write_slot) + " in a ragged batch");
    }
  }
}

void Contract::BadTokensFailTheirEntryAlone() const {
  Pipeline pipeline(device_, model_);
  const std::vector<float> alone = pipeline.Feed(0, TokensOf(5), 5);
  Tokens bad = TokensOf(4);
  bad[2] = V();
  std::vector<Entry> entries = {{.read_slot = kInitial, .write_slot = 1, .tokens = bad},
                                {.read_slot = kInitial, .write_slot = 2, .tokens = TokensOf(5)},
                                {.read_slot = kInitial, .write_slot = 3, .tokens = {0xFFFFFFFFu}}};
  ExpectStatus(pipeline.Step(entries), SKEIN_OK, "a step with bad tokens", pipeline.message());
  ExpectStatus(entries[0].status, SKEIN_INVALID_ARGUMENT, "an entry with token " + std::to_string(V()));
  ExpectStatus(entries[1].status, SKEIN_OK, "an entry beside one with a bad token");
  ExpectStatus(entries[2].status, SKEIN_INVALID_ARGUMENT, "an entry with token 0xFFFFFFFF");
  ExpectContains(pipeline.message(), "entry 0", "a step with bad tokens");
  ExpectNear(entries[1].rows, alone, V(), kSameTolerance, "logits beside bad tokens");
}

void Contract::NonFiniteNumbersFailTheirEntryAlone() const {
  SyntheticModel damaged = model_;
  const size_t C = model_.model().d_model;
  damaged.Overwrite(SKEIN_ROLE_EMBEDDING, 0, 3 * C, 3 * C + 1, std::numeric_limits<float>::quiet_NaN());
  const Tokens good = {1, 2, 4, 5, 6};
  Pipeline pipeline(device_, damaged);
  const std::vector<float> alone = pipeline.Feed(0, good, 5);
  std::vector<Entry> entries = {
      {.read_slot = kInitial, .write_slot = 1, .tokens = {1, 3, 2}},
      {.read_slot = kInitial, .write_slot = 2, .tokens = good},
      {.read_slot = kInitial, .write_slot = 3, .tokens = {2, 3}, .output = SKEIN_STEP_NO_OUTPUT}};
  ExpectStatus(pipeline.Step(entries), SKEIN_OK, "a step with a damaged token", pipeline.message());
  ExpectStatus(entries[0].status, SKEIN_DATA_LOSS, "an entry with a damaged token");
  ExpectStatus(entries[1].status, SKEIN_OK, "an entry beside a damaged one");
  ExpectStatus(entries[2].status, SKEIN_DATA_LOSS, "an entry with a damaged token and no output");
  ExpectNear(entries[1].rows, alone, V(), kSameTolerance, "logits beside a damaged token");
}

void Contract::StepsThatBreakARuleAreRefused() const {
  skein_segment_desc desc = Desc();
  desc.max_tokens = 8;
  SegmentHandle segment(device_, desc);
  Expect(segment.Load(TensorsOf(model_, desc)), "a segment", segment.message());
  const auto expect_refused = [&segment](RawStep& raw, int32_t status, const char* part) {
    segment.Step(raw.Get());
    ExpectStatus(segment.status(), status, std::string("a step that is to be refused for ") + part, segment.message());
    ExpectContains(segment.message(), part, "a refused step");
  };
  RawStep too_long(9);
  too_long.Add(kInitial, 0, 0, 9);
  expect_refused(too_long, SKEIN_INVALID_ARGUMENT, "at most 8 tokens, found 9");
  RawStep written_twice(2);
  written_twice.Add(kInitial, 4, 0, 1);
  written_twice.Add(kInitial, 4, 1, 1);
  expect_refused(written_twice, SKEIN_INVALID_ARGUMENT, "slot 4");
  RawStep no_such_slot(1);
  no_such_slot.Add(8, 0, 0, 1);
  expect_refused(no_such_slot, SKEIN_OUT_OF_RANGE, "slot 8");
  RawStep good(1);
  good.Add(kInitial, 0, 0, 1);
  Expect(segment.Step(good.Get()), "a good step behind refused ones", segment.message());
}

void Contract::MissingTensorsAreNamed() const {
  SegmentHandle segment(device_, Desc());
  const std::vector<skein_tensor> tensors = TensorsOf(model_, Desc());
  for (size_t i = 0; i + 1 < tensors.size(); ++i) Expect(segment.Put(tensors[i]), "a tensor", segment.message());
  segment.Seal();
  ExpectStatus(segment.status(), SKEIN_FAILED_PRECONDITION, "sealing without the last tensor", segment.message());
  Expect(!segment.message().empty(), "the name of the missing tensor", "no message");
}

constexpr struct {
  const char* name;
  void (Contract::*check)() const;
} kCases[] = {
    {"state calls keep every bit", &Contract::StateCallsKeepEveryBit},
    {"steps touch only the slots they write", &Contract::StepsTouchOnlyTheSlotsTheyWrite},
    {"many entries read one slot", &Contract::ManyEntriesReadOneSlot},
    {"ragged batches", &Contract::RaggedBatchesGiveWhatStreamsAloneGive},
    {"bad tokens", &Contract::BadTokensFailTheirEntryAlone},
    {"numbers that are not finite", &Contract::NonFiniteNumbersFailTheirEntryAlone},
    {"steps that break a rule", &Contract::StepsThatBreakARuleAreRefused},
    {"missing tensors", &Contract::MissingTensorsAreNamed},
};

void CheckShape(Run& run, const SyntheticShape& shape) {
  const SyntheticModel model(shape);
  const Contract contract(run.device(), model);
  for (const auto& [name, check] : kCases) {
    run.Case(shape.name + "/" + name, [&contract, check = check] { (contract.*check)(); });
  }
  run.Case(shape.name + "/fences", [&] { CheckFences(run.device(), model); });
}

}  // namespace

void CheckContract(Run& run) {
  if (run.IsToy()) return CheckFewContracts(run);
  for (const SyntheticShape& shape : conformance::SmallShapes()) CheckShape(run, shape);
}

void CheckFewContracts(Run& run) { CheckShape(run, conformance::SmallShapes().back()); }

}  // namespace skein::check
