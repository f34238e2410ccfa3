// The contract of outputs that are made of logits: the greatest of them, tokens that are drawn, mask and bias. Each is
// compared with plain code over the logits that the same device gives. A device that lacks a feature skips its tests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "tests/conformance/backend_contract.h"
#include "tests/conformance/model_shapes.h"
#include "tests/conformance/plugin_paths.h"

namespace skein::conformance {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr uint32_t kNumRows = 5;
// How far the sums of two devices may be apart, as a share of the whole.
constexpr double kRounding = 1e-5;

double LogSumExp(const std::vector<float>& logits) {
  const double max = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - max);
  return max + std::log(sum);
}

// All ids: falling logits; of equals, ascending ids.
std::vector<uint32_t> Ranking(const std::vector<float>& logits, size_t count = SIZE_MAX) {
  std::vector<uint32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0u);
  std::stable_sort(ids.begin(), ids.end(), [&](uint32_t a, uint32_t b) { return logits[a] > logits[b]; });
  ids.resize(std::min(ids.size(), count));
  return ids;
}

// The ids that top_p keeps, and those that min_p keeps.
std::set<uint32_t> InTopP(const std::vector<float>& logits, double top_p) {
  const double log_sum = LogSumExp(logits);
  std::set<uint32_t> kept;
  double sum = 0;
  float last = 0;
  for (const uint32_t id : Ranking(logits)) {
    if (!kept.empty() && sum >= top_p && logits[id] != last) break;
    kept.insert(id);
    last = logits[id];
    sum += std::exp(last - log_sum);
  }
  return kept;
}

std::set<uint32_t> InMinP(const std::vector<float>& logits, double min_p) {
  const double max = *std::max_element(logits.begin(), logits.end());
  std::set<uint32_t> kept;
  for (uint32_t id = 0; id < logits.size(); ++id) {
    if (std::exp(logits[id] - max) >= min_p) kept.insert(id);
  }
  return kept;
}

uint32_t PlainDraw(const std::vector<float>& logits, const skein_sampling& sampling, double uniform) {
  std::vector<uint32_t> ids = Ranking(logits);
  if (sampling.temperature == 0) return ids[0];
  const double max = logits[ids[0]];
  if (sampling.top_k > 0 && sampling.top_k < ids.size()) ids.resize(sampling.top_k);
  const std::set<uint32_t> in_top_p = InTopP(logits, sampling.top_p);
  const std::set<uint32_t> in_min_p = InMinP(logits, sampling.min_p);
  std::erase_if(ids, [&](uint32_t id) {
    return (sampling.top_p < 1 && !in_top_p.contains(id)) || !in_min_p.contains(id) || logits[id] == -kInfinity;
  });
  std::sort(ids.begin(), ids.end());
  double total = 0;
  for (const uint32_t id : ids) total += std::exp((logits[id] - max) / sampling.temperature);
  double sum = 0;
  for (const uint32_t id : ids) {
    sum += std::exp((logits[id] - max) / sampling.temperature);
    if (sum > uniform * total) return id;
  }
  return ids.back();
}

// The tokens that a sound device may draw, where a border lies within rounding.
std::set<uint32_t> PossibleDraws(const std::vector<float>& logits, const skein_sampling& sampling, double uniform) {
  std::set<uint32_t> draws;
  for (const double step : {-kRounding, 0.0, kRounding}) {
    skein_sampling near = sampling;
    if (sampling.top_p < 1) near.top_p = std::max(0.0, sampling.top_p + step);
    draws.insert(PlainDraw(logits, near, uniform));
    near = sampling;
    near.min_p = std::min(1.0, sampling.min_p * (1 + step));
    draws.insert(PlainDraw(logits, near, uniform));
    draws.insert(PlainDraw(logits, sampling, std::clamp(uniform + step, 0.0, 1.0)));
  }
  return draws;
}

// Logits of one row from two steps, whose shapes may differ.
void ExpectSame(float found, float expected) {
  if (std::isinf(expected)) {
    EXPECT_EQ(found, expected);
  } else {
    EXPECT_NEAR(found, expected, kSameTolerance);
  }
}

skein_sampling Sampling(double temperature, uint32_t top_k = 0, double top_p = 1, double min_p = 0) {
  return {.struct_size = sizeof(skein_sampling),
          .top_k = top_k,
          .top_p = top_p,
          .min_p = min_p,
          .temperature = temperature,
          .uniforms = nullptr};
}

// An entry of kNumRows tokens that wants an output of each, with the places of the outputs.
struct WantedRows {
  skein_step_entry* entry = nullptr;
  std::vector<float> rows;
  std::vector<uint32_t> tokens;
  std::vector<double> uniforms = std::vector<double>(kNumRows, 0.5);
  skein_sampling sampling = {};
};

class LogitsContract : public BackendContract {
 protected:
  void SetUp() override {
    BackendContract::SetUp();
    if (IsSkipped()) return;
    model_.Scale(SKEIN_ROLE_HEAD, 0, 8);  // so that the logits differ
  }

  bool Offers(uint32_t features) const { return (plugin_.DeviceInfo().features & features) == features; }

  void Load() {
    segment_.emplace(device_, Desc());
    ASSERT_TRUE(segment_->Load(TensorsOf(model_, Desc()))) << segment_->message();
  }

  // Every entry reads the same tokens, so the rows of all are of the same logits.
  static RawStep StepOf(uint32_t num_entries) {
    RawStep raw(num_entries * kNumRows);
    raw.entries.reserve(num_entries);
    for (uint32_t i = 0; i < raw.tokens.size(); ++i) raw.tokens[i] = 3 + i % kNumRows;
    return raw;
  }

  void Want(RawStep& raw, WantedRows& wanted, uint32_t output, uint32_t top_k = 0) const {
    const uint32_t index = static_cast<uint32_t>(raw.entries.size());
    skein_step_entry& entry = raw.Add(kInitial, index, index * kNumRows, kNumRows);
    const uint32_t width = output == SKEIN_STEP_TOP_K ? top_k + 1 : output == SKEIN_STEP_SAMPLE ? 2 : VocabSize();
    wanted.rows.assign(size_t{kNumRows} * width, -1);
    wanted.tokens.assign(size_t{kNumRows} * std::max(top_k, 1u), 0xFFFFFFFFu);
    wanted.sampling.uniforms = wanted.uniforms.data();
    entry.output = output;
    entry.output_rows = wanted.rows.data();
    if (output != SKEIN_STEP_LOGITS) entry.output_tokens = wanted.tokens.data();
    entry.top_k = top_k;
    if (output == SKEIN_STEP_SAMPLE) entry.sampling = &wanted.sampling;
    wanted.entry = &entry;
  }

  void Run(RawStep& raw) { ASSERT_TRUE(segment_->Step(raw.Get())) << segment_->message(); }

  // The logits of the rows of StepOf, after the bias and the mask.
  std::vector<std::vector<float>> Logits(const std::vector<skein_bias>& biases = {},
                                         const std::vector<uint32_t>& mask = {}) {
    RawStep raw = StepOf(1);
    WantedRows wanted;
    Want(raw, wanted, SKEIN_STEP_LOGITS);
    Run(raw);
    EXPECT_EQ(wanted.entry->status, SKEIN_OK);
    std::vector<std::vector<float>> rows;
    for (uint32_t row = 0; row < kNumRows; ++row) {
      const auto first = wanted.rows.begin() + static_cast<ptrdiff_t>(row) * VocabSize();
      rows.emplace_back(first, first + VocabSize());
      for (const skein_bias& bias : biases) rows.back()[bias.token] += bias.bias;
      for (uint32_t id = 0; !mask.empty() && id < VocabSize(); ++id) {
        if ((mask[id / 32] >> id % 32 & 1) == 0) rows.back()[id] = -kInfinity;
      }
    }
    return rows;
  }

  // The greatest logits of a step of TOP_K as plain code finds them in `logits`.
  void ExpectTopK(const WantedRows& wanted, const std::vector<std::vector<float>>& logits) const {
    ASSERT_EQ(wanted.entry->status, SKEIN_OK);
    const uint32_t top_k = wanted.entry->top_k;
    for (uint32_t row = 0; row < kNumRows; ++row) {
      const std::vector<uint32_t> ranking = Ranking(logits[row]);
      std::set<uint32_t> ids;
      for (uint32_t i = 0; i < top_k; ++i) {
        SCOPED_TRACE(testing::Message() << "row " << row << ", rank " << i);
        const uint32_t id = wanted.tokens[row * top_k + i];
        const float logit = wanted.rows[row * (top_k + 1) + i];
        ASSERT_LT(id, VocabSize());
        EXPECT_TRUE(ids.insert(id).second) << "id " << id << " twice";
        ExpectSame(logit, logits[row][id]);
        ExpectSame(logit, logits[row][ranking[i]]);
      }
      EXPECT_NEAR(wanted.rows[row * (top_k + 1) + top_k], LogSumExp(logits[row]), kSameTolerance) << "row " << row;
    }
  }

  // The draws of a step of SAMPLE. Adds to `num_sure` the number of draws that only one token is right for.
  void ExpectDraws(const WantedRows& wanted, const std::vector<std::vector<float>>& logits, int& num_sure) const {
    ASSERT_EQ(wanted.entry->status, SKEIN_OK);
    for (uint32_t row = 0; row < kNumRows; ++row) {
      const std::set<uint32_t> possible = PossibleDraws(logits[row], wanted.sampling, wanted.uniforms[row]);
      const uint32_t token = wanted.tokens[row];
      ASSERT_THAT(possible, testing::Contains(token)) << "row " << row << ", uniform " << wanted.uniforms[row];
      ExpectSame(wanted.rows[row * 2], logits[row][token]);
      EXPECT_NEAR(wanted.rows[row * 2 + 1], LogSumExp(logits[row]), kSameTolerance);
      num_sure += possible.size() == 1 ? 1 : 0;
    }
  }

  // A mask that bans `banned` and no other token.
  std::vector<uint32_t> MaskWithout(const std::vector<uint32_t>& banned) const {
    std::vector<uint32_t> mask((VocabSize() + 31) / 32, 0xFFFFFFFFu);
    for (const uint32_t id : banned) mask[id / 32] &= ~(1u << id % 32);
    return mask;
  }

  uint32_t VocabSize() const { return shape().vocab_size; }

  // Gives every token one of two logits, in turn, that differ in their sign alone.
  void MakeTies() {
    const size_t width = shape().d_model;
    for (uint32_t id = 0; id < VocabSize(); ++id) {
      model_.Overwrite(SKEIN_ROLE_HEAD, 0, id * width, (id + 1) * width, id % 2 == 0 ? 0.5f : -0.5f);
    }
  }

  std::optional<SegmentHandle> segment_;
};

TEST_P(LogitsContract, TopKGivesTheGreatestLogitsAndTheLogSumExp) {
  if (!Offers(SKEIN_FEATURE_TOP_K)) GTEST_SKIP() << "the device does not offer top-k";
  Load();
  const std::vector<std::vector<float>> logits = Logits();
  for (const uint32_t top_k : {1u, 5u, VocabSize()}) {
    RawStep raw = StepOf(1);
    WantedRows wanted;
    Want(raw, wanted, SKEIN_STEP_TOP_K, top_k);
    Run(raw);
    ExpectTopK(wanted, logits);
  }
}

TEST_P(LogitsContract, TopKOrdersEqualLogitsById) {
  if (!Offers(SKEIN_FEATURE_TOP_K)) GTEST_SKIP() << "the device does not offer top-k";
  MakeTies();
  Load();
  const std::vector<std::vector<float>> logits = Logits();
  ASSERT_EQ(logits[0][0], logits[0][38]);
  for (const uint32_t top_k : {3u, VocabSize() / 2 + 3}) {
    RawStep raw = StepOf(1);
    WantedRows wanted;
    Want(raw, wanted, SKEIN_STEP_TOP_K, top_k);
    Run(raw);
    ExpectTopK(wanted, logits);
    EXPECT_EQ(std::vector<uint32_t>(wanted.tokens.begin(), wanted.tokens.begin() + top_k), Ranking(logits[0], top_k));
  }
}

TEST_P(LogitsContract, BiasAndMaskChangeEveryOutputOfLogits) {
  if (!Offers(SKEIN_FEATURE_MASK_AND_BIAS)) GTEST_SKIP() << "the device does not offer masks and biases";
  Load();
  const std::vector<skein_bias> biases = {{2, 3.25f}, {7, -kInfinity}, {9, 0.1f}, {9, 1e-3f}, {9, -7.7f}, {39, 2.0f}};
  const std::vector<uint32_t> mask = MaskWithout({0, 31, 32});
  const std::vector<std::vector<float>> changed = Logits(biases, mask);
  const bool has_top_k = Offers(SKEIN_FEATURE_TOP_K);
  RawStep raw = StepOf(has_top_k ? 2 : 1);
  WantedRows all;
  Want(raw, all, SKEIN_STEP_LOGITS);
  WantedRows greatest;
  if (has_top_k) Want(raw, greatest, SKEIN_STEP_TOP_K, 40);
  for (skein_step_entry& entry : raw.entries) {
    entry.bias = biases.data();
    entry.num_bias = static_cast<uint32_t>(biases.size());
    entry.mask = mask.data();
  }
  Run(raw);
  ASSERT_EQ(all.entry->status, SKEIN_OK);
  for (uint32_t i = 0; i < all.rows.size(); ++i) {
    ExpectSame(all.rows[i], changed[i / VocabSize()][i % VocabSize()]);
  }
  if (has_top_k) ExpectTopK(greatest, changed);
}

TEST_P(LogitsContract, SampleDrawsByFiltersTemperatureAndUniform) {
  if (!Offers(SKEIN_FEATURE_SAMPLE)) GTEST_SKIP() << "the device does not draw tokens";
  Load();
  const std::vector<std::vector<float>> logits = Logits();
  const std::vector<skein_sampling> samplings = {Sampling(1),
                                                 Sampling(0.5),
                                                 Sampling(3),
                                                 Sampling(1, 1),
                                                 Sampling(1, 4),
                                                 Sampling(2, 4),
                                                 Sampling(1, 1000),
                                                 Sampling(1, 0, 0.9),
                                                 Sampling(1.5, 0, 0.5),
                                                 Sampling(1, 0, 0),
                                                 Sampling(1, 0, 1, 0.1),
                                                 Sampling(9, 0, 1, 0.5),
                                                 Sampling(1, 0, 1, 1),
                                                 Sampling(1, 5, 0.8, 0.05),
                                                 Sampling(1e-9),
                                                 Sampling(1e6),
                                                 Sampling(0),
                                                 Sampling(0, 3, 0.1, 0.9)};
  int num_sure = 0;
  int num_draws = 0;
  for (const skein_sampling& sampling : samplings) {
    for (int round = 0; round < 12; ++round) {
      RawStep raw = StepOf(1);
      WantedRows wanted;
      wanted.sampling = sampling;
      for (uint32_t row = 0; row < kNumRows; ++row) wanted.uniforms[row] = std::fmod(0.618 * (num_draws++), 1.0);
      if (round == 11) wanted.uniforms = {0, 1 - 0x1p-53, 0x1p-53, 0.5, 1 - 0x1p-20};
      Want(raw, wanted, SKEIN_STEP_SAMPLE);
      Run(raw);
      SCOPED_TRACE(testing::Message() << "temperature " << sampling.temperature << ", top_k " << sampling.top_k
                                      << ", top_p " << sampling.top_p << ", min_p " << sampling.min_p);
      ExpectDraws(wanted, logits, num_sure);
    }
  }
  EXPECT_GT(num_sure, num_draws * 0.95);
}

TEST_P(LogitsContract, SampleKeepsEqualLogitsAsTheFiltersSay) {
  if (!Offers(SKEIN_FEATURE_SAMPLE)) GTEST_SKIP() << "the device does not draw tokens";
  MakeTies();
  Load();
  const std::vector<std::vector<float>> logits = Logits();
  int num_sure = 0;
  for (const skein_sampling& sampling : {Sampling(0), Sampling(1, 3), Sampling(1, 23), Sampling(1, 0, 0.01),
                                         Sampling(1, 3, 0.01), Sampling(1, 0, 1, 1)}) {
    RawStep raw = StepOf(1);
    WantedRows wanted;
    wanted.sampling = sampling;
    wanted.uniforms = {0.01, 0.31, 0.49, 0.72, 0.99};
    Want(raw, wanted, SKEIN_STEP_SAMPLE);
    Run(raw);
    ExpectDraws(wanted, logits, num_sure);
  }
  EXPECT_EQ(num_sure, 6 * static_cast<int>(kNumRows));
}

TEST_P(LogitsContract, SampleDrawsFromBiasedAndMaskedLogits) {
  if (!Offers(SKEIN_FEATURE_SAMPLE | SKEIN_FEATURE_MASK_AND_BIAS)) GTEST_SKIP() << "the device does not offer both";
  Load();
  const uint32_t favourite = Ranking(Logits()[0])[0];
  const std::vector<skein_bias> biases = {{1, 5.0f}, {1, 0.5f}, {12, -3.0f}, {30, -kInfinity}};
  const std::vector<uint32_t> mask = MaskWithout({favourite, 33});
  const std::vector<std::vector<float>> logits = Logits(biases, mask);
  int num_sure = 0;
  for (const skein_sampling& sampling : {Sampling(0), Sampling(1), Sampling(4), Sampling(2, 5), Sampling(2, 0, 0.7)}) {
    RawStep raw = StepOf(1);
    WantedRows wanted;
    wanted.sampling = sampling;
    wanted.uniforms = {0.02, 0.27, 0.5, 0.74, 0.97};
    Want(raw, wanted, SKEIN_STEP_SAMPLE);
    wanted.entry->bias = biases.data();
    wanted.entry->num_bias = static_cast<uint32_t>(biases.size());
    wanted.entry->mask = mask.data();
    Run(raw);
    ExpectDraws(wanted, logits, num_sure);
    EXPECT_THAT(wanted.tokens, Each(testing::Not(testing::AnyOf(favourite, 33u, 30u))));
  }
  EXPECT_GE(num_sure, 23);
}

TEST_P(LogitsContract, EntriesOfOneStepHaveTheirOwnOutputs) {
  if (!Offers(SKEIN_FEATURE_SAMPLE | SKEIN_FEATURE_TOP_K)) GTEST_SKIP() << "the device does not offer both";
  Load();
  const std::vector<std::vector<float>> logits = Logits();
  RawStep raw = StepOf(6);
  std::vector<WantedRows> wanted(6);
  std::vector<float> hidden(size_t{kNumRows} * shape().d_model, kInfinity);
  Want(raw, wanted[0], SKEIN_STEP_SAMPLE);
  Want(raw, wanted[1], SKEIN_STEP_LOGITS);
  Want(raw, wanted[2], SKEIN_STEP_TOP_K, 7);
  Want(raw, wanted[3], SKEIN_STEP_LOGITS);
  wanted[3].entry->output = SKEIN_STEP_NO_OUTPUT;
  Want(raw, wanted[4], SKEIN_STEP_SAMPLE);
  Want(raw, wanted[5], SKEIN_STEP_LOGITS);
  if (Offers(SKEIN_FEATURE_HIDDEN)) {
    wanted[5].entry->output = SKEIN_STEP_HIDDEN;
    wanted[5].entry->output_rows = hidden.data();
  }
  wanted[0].sampling = Sampling(0);
  wanted[4].sampling = Sampling(2, 9);
  wanted[0].sampling.uniforms = wanted[0].uniforms.data();
  wanted[4].sampling.uniforms = wanted[4].uniforms.data();
  wanted[4].entry->output_start = 0;
  Run(raw);
  int num_sure = 0;
  ExpectDraws(wanted[0], logits, num_sure);
  ExpectTopK(wanted[2], logits);
  ExpectDraws(wanted[4], logits, num_sure);
  EXPECT_GE(num_sure, 9);
  for (uint32_t i = 0; i < wanted[1].rows.size(); ++i) {
    ExpectSame(wanted[1].rows[i], logits[i / VocabSize()][i % VocabSize()]);
  }
  for (const WantedRows& each : wanted) EXPECT_EQ(each.entry->status, SKEIN_OK);
  if (Offers(SKEIN_FEATURE_HIDDEN)) {
    for (const float value : hidden) ASSERT_TRUE(std::isfinite(value));
  }
}

TEST_P(LogitsContract, OutputStartSkipsDraws) {
  if (!Offers(SKEIN_FEATURE_SAMPLE)) GTEST_SKIP() << "the device does not draw tokens";
  Load();
  const std::vector<std::vector<float>> logits = Logits();
  RawStep raw = StepOf(2);
  WantedRows last, none;
  last.sampling = none.sampling = Sampling(0);
  Want(raw, last, SKEIN_STEP_SAMPLE);
  Want(raw, none, SKEIN_STEP_SAMPLE);
  last.entry->output_start = kNumRows - 1;
  none.entry->output_start = kNumRows;
  Run(raw);
  EXPECT_EQ(last.entry->status, SKEIN_OK);
  EXPECT_EQ(none.entry->status, SKEIN_OK);
  EXPECT_EQ(last.tokens[0], Ranking(logits[kNumRows - 1])[0]);
  EXPECT_EQ(last.tokens[1], 0xFFFFFFFFu);
  EXPECT_EQ(none.tokens[0], 0xFFFFFFFFu);
}

TEST_P(LogitsContract, MaskThatLeavesNoTokenFailsItsEntryAlone) {
  if (!Offers(SKEIN_FEATURE_SAMPLE | SKEIN_FEATURE_TOP_K | SKEIN_FEATURE_MASK_AND_BIAS)) {
    GTEST_SKIP() << "the device does not offer all of it";
  }
  Load();
  RawStep raw = StepOf(3);
  std::vector<WantedRows> wanted(3);
  for (WantedRows& each : wanted) each.sampling = Sampling(1);
  Want(raw, wanted[0], SKEIN_STEP_SAMPLE);
  Want(raw, wanted[1], SKEIN_STEP_TOP_K, 4);
  Want(raw, wanted[2], SKEIN_STEP_SAMPLE);
  const std::vector<uint32_t> nothing(2, 0);
  wanted[0].entry->mask = wanted[1].entry->mask = nothing.data();
  Run(raw);
  EXPECT_EQ(wanted[0].entry->status, SKEIN_FAILED_PRECONDITION);
  EXPECT_EQ(wanted[1].entry->status, SKEIN_FAILED_PRECONDITION);
  EXPECT_EQ(wanted[2].entry->status, SKEIN_OK);
}

TEST_P(LogitsContract, LogitsThatAreNotFiniteAreDataLossWhateverTheMask) {
  if (!Offers(SKEIN_FEATURE_SAMPLE | SKEIN_FEATURE_TOP_K | SKEIN_FEATURE_MASK_AND_BIAS)) {
    GTEST_SKIP() << "the device does not offer all of it";
  }
  model_.Overwrite(SKEIN_ROLE_HEAD, 0, 4 * size_t{shape().d_model}, 4 * size_t{shape().d_model} + 1, kInfinity);
  Load();
  RawStep raw = StepOf(3);
  std::vector<WantedRows> wanted(3);
  for (WantedRows& each : wanted) each.sampling = Sampling(1);
  Want(raw, wanted[0], SKEIN_STEP_SAMPLE);
  Want(raw, wanted[1], SKEIN_STEP_TOP_K, 4);
  Want(raw, wanted[2], SKEIN_STEP_SAMPLE);
  const std::vector<uint32_t> mask = MaskWithout({4});
  wanted[2].entry->mask = mask.data();
  Run(raw);
  for (const WantedRows& each : wanted) EXPECT_EQ(each.entry->status, SKEIN_DATA_LOSS);
}

TEST_P(LogitsContract, BiasThatTakesALogitToInfinityIsDataLoss) {
  if (!Offers(SKEIN_FEATURE_SAMPLE | SKEIN_FEATURE_MASK_AND_BIAS)) GTEST_SKIP() << "the device does not offer both";
  Load();
  RawStep raw = StepOf(1);
  WantedRows wanted;
  wanted.sampling = Sampling(1);
  Want(raw, wanted, SKEIN_STEP_SAMPLE);
  const std::vector<skein_bias> biases = {{4, 3e38f}, {4, 3e38f}};
  wanted.entry->bias = biases.data();
  wanted.entry->num_bias = 2;
  Run(raw);
  EXPECT_EQ(wanted.entry->status, SKEIN_DATA_LOSS);
}

TEST_P(LogitsContract, BadNumbersFailTheirEntryAlone) {
  if (!Offers(SKEIN_FEATURE_SAMPLE | SKEIN_FEATURE_MASK_AND_BIAS)) GTEST_SKIP() << "the device does not offer both";
  Load();
  const double nan = std::nan("");
  const auto expect_refused = [&](const std::function<void(WantedRows&)>& spoil, const char* why) {
    RawStep raw = StepOf(2);
    WantedRows bad, good;
    bad.sampling = good.sampling = Sampling(1);
    Want(raw, bad, SKEIN_STEP_SAMPLE);
    Want(raw, good, SKEIN_STEP_SAMPLE);
    spoil(bad);
    Run(raw);
    EXPECT_EQ(bad.entry->status, SKEIN_INVALID_ARGUMENT) << why;
    EXPECT_EQ(good.entry->status, SKEIN_OK) << why;
    EXPECT_THAT(segment_->message(), testing::AllOf(HasSubstr("entry 0"), HasSubstr(why)));
  };
  for (const double value : {-0.1, 1.1, nan}) {
    expect_refused([&](WantedRows& bad) { bad.sampling.top_p = value; }, "top_p");
    expect_refused([&](WantedRows& bad) { bad.sampling.min_p = value; }, "min_p");
    expect_refused([&](WantedRows& bad) { bad.uniforms[2] = value; }, "uniform 2");
  }
  expect_refused([&](WantedRows& bad) { bad.uniforms[4] = 1; }, "uniform 4");
  for (const double value : {-1.0, 2e6, nan}) {
    expect_refused([&](WantedRows& bad) { bad.sampling.temperature = value; }, "temperature");
  }
  for (const std::vector<skein_bias>& biases : std::vector<std::vector<skein_bias>>{
           {{1, 0}, {40, 1}}, {{5, 1}, {4, 1}}, {{1, 0}, {2, std::nanf("")}}, {{1, 0}, {2, kInfinity}}}) {
    const auto spoil = [&](WantedRows& bad) {
      bad.entry->bias = biases.data();
      bad.entry->num_bias = 2;
    };
    expect_refused(spoil, "bias 1 ");
  }
}

TEST_P(LogitsContract, StepsThatBreakARuleOfLogitsAreRefusedWhole) {
  if (!Offers(SKEIN_FEATURE_SAMPLE | SKEIN_FEATURE_TOP_K | SKEIN_FEATURE_MASK_AND_BIAS)) {
    GTEST_SKIP() << "the device does not offer all of it";
  }
  Load();
  const std::vector<skein_bias> biases(SKEIN_MAX_BIAS + 1, skein_bias{1, 0});
  const auto expect_refused = [&](uint32_t output, const std::function<void(WantedRows&)>& spoil, const char* why) {
    RawStep raw = StepOf(1);
    WantedRows wanted;
    wanted.sampling = Sampling(1);
    Want(raw, wanted, output, output == SKEIN_STEP_TOP_K ? 3 : 0);
    spoil(wanted);
    EXPECT_FALSE(segment_->Step(raw.Get())) << why;
    EXPECT_EQ(segment_->status(), SKEIN_INVALID_ARGUMENT) << why;
    EXPECT_THAT(segment_->message(), HasSubstr(why));
  };
  for (const uint32_t top_k : {0u, 41u, 1000u}) {
    expect_refused(
        SKEIN_STEP_TOP_K, [&](WantedRows& wanted) { wanted.entry->top_k = top_k; }, "expected 1 to 40");
  }
  for (const uint32_t output : {SKEIN_STEP_TOP_K, SKEIN_STEP_SAMPLE}) {
    expect_refused(
        output, [](WantedRows& wanted) { wanted.entry->output_tokens = nullptr; }, "output_tokens is NULL");
    expect_refused(
        output, [](WantedRows& wanted) { wanted.entry->output_rows = nullptr; }, "output_rows is NULL");
  }
  expect_refused(
      SKEIN_STEP_SAMPLE, [](WantedRows& wanted) { wanted.entry->sampling = nullptr; }, "`sampling`");
  expect_refused(
      SKEIN_STEP_SAMPLE, [](WantedRows& wanted) { wanted.sampling.uniforms = nullptr; }, "uniforms is NULL");
  expect_refused(
      SKEIN_STEP_LOGITS, [](WantedRows& wanted) { wanted.entry->num_bias = 1; }, "bias is NULL");
  const auto too_many = [&](WantedRows& wanted) {
    wanted.entry->bias = biases.data();
    wanted.entry->num_bias = SKEIN_MAX_BIAS + 1;
  };
  expect_refused(SKEIN_STEP_SAMPLE, too_many, "at most 1024 biases of an entry, found 1025");

  RawStep older = StepOf(1);
  WantedRows wanted;
  wanted.sampling = Sampling(1);
  Want(older, wanted, SKEIN_STEP_SAMPLE);
  skein_step step = older.Get();
  step.entry_size = 72;
  EXPECT_FALSE(segment_->Step(step));
  EXPECT_THAT(segment_->message(), HasSubstr("`sampling`"));
}

INSTANTIATE_TEST_SUITE_P(Backends, LogitsContract,
                         testing::Combine(testing::ValuesIn(ContractPluginPaths()),
                                          testing::Values(SmallShapes().front(), SmallShapes().back())),
                         ModelCaseName);

}  // namespace
}  // namespace skein::conformance
