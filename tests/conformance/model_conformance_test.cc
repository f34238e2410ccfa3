// The numbers of a backend, through whole small models of every generation: against float64, and against itself in
// every way of cutting the work.
#include "tests/conformance/model_conformance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/float64_stream.h"
#include "tests/conformance/plugin_paths.h"

namespace skein::conformance {
namespace {

TEST_P(ModelConformance, LogitsHiddenAndStateAgreeWithFloat64) { ExpectAgreementWithFloat64(40); }

TEST_P(ModelConformance, ComputeTypeF32AgreesWithAuto) {
  const std::vector<uint32_t> tokens = Tokens(20);
  Pipeline automatic(device_, model_);
  Pipeline f32(device_, model_, {.cuts = {}, .compute_type = SKEIN_DTYPE_F32});
  EXPECT_LE(MaxDifference(f32.Feed(0, tokens, 20), automatic.Feed(0, tokens, 20)), kSameTolerance);
}

TEST_P(ModelConformance, ChunksGiveWhatTheWholeGives) {
  const std::vector<uint32_t> tokens = Tokens(45);
  Pipeline pipeline(device_, model_);
  const std::vector<float> whole = pipeline.Feed(0, tokens, tokens.size());
  for (const size_t chunk : {1, 7, 16}) {
    EXPECT_LE(MaxDifference(pipeline.Feed(1, tokens, chunk), whole), kSameTolerance) << "chunks of " << chunk;
    EXPECT_LE(MaxDifference(pipeline.Export(1), pipeline.Export(0)), kSameTolerance) << "chunks of " << chunk;
  }
}

TEST_P(ModelConformance, LongStepsGiveWhatChunksGive) {
  const std::vector<uint32_t> tokens = Tokens(211);
  Pipeline pipeline(device_, model_);
  const std::vector<float> whole = pipeline.Feed(0, tokens, tokens.size());
  EXPECT_LE(MaxDifference(pipeline.Feed(1, tokens, 50), whole), kSameTolerance);
}

TEST_P(ModelConformance, RaggedBatchGivesWhatSingleStreamsGive) {
  Pipeline pipeline(device_, model_);
  const std::vector<uint32_t> lengths = {1, 9, 2, 30, 1};
  std::vector<std::vector<float>> alone;
  for (uint32_t i = 0; i < lengths.size(); ++i) alone.push_back(pipeline.Feed(7, Tokens(lengths[i] + 3, i), 64));

  for (const bool is_reversed : {false, true}) {
    std::vector<Entry> start, finish;
    for (uint32_t n = 0; n < lengths.size(); ++n) {
      const uint32_t i = is_reversed ? static_cast<uint32_t>(lengths.size()) - 1 - n : n;
      const std::vector<uint32_t> tokens = Tokens(lengths[i] + 3, i);
      start.push_back(
          {.read_slot = SKEIN_SLOT_INITIAL, .write_slot = i, .tokens = {tokens.begin(), tokens.begin() + 3}});
      finish.push_back({.read_slot = i, .write_slot = i, .tokens = {tokens.begin() + 3, tokens.end()}});
    }
    ASSERT_EQ(pipeline.Step(start), SKEIN_OK) << pipeline.message();
    ASSERT_EQ(pipeline.Step(finish), SKEIN_OK) << pipeline.message();
    for (size_t n = 0; n < lengths.size(); ++n) {
      const size_t i = is_reversed ? lengths.size() - 1 - n : n;
      EXPECT_EQ(start[n].status, SKEIN_OK);
      EXPECT_EQ(finish[n].status, SKEIN_OK);
      std::vector<float> rows = start[n].rows;
      rows.insert(rows.end(), finish[n].rows.begin(), finish[n].rows.end());
      EXPECT_LE(MaxDifference(rows, alone[i]), kSameTolerance) << "stream " << i;
    }
  }
}

TEST_P(ModelConformance, EveryCutGivesWhatOneSegmentGives) {
  const std::vector<uint32_t> tokens = Tokens(18);
  Pipeline whole(device_, model_);
  const std::vector<float> logits = whole.Feed(0, tokens, 7);
  const std::vector<float> state = whole.Export(0);
  std::vector<std::vector<uint32_t>> all_cuts;
  for (uint32_t cut = 0; cut <= shape().num_layers; ++cut)
    all_cuts.push_back({cut});  // 0: the embedding alone; last: the head
  if (shape().num_layers > 1) all_cuts.push_back({1, shape().num_layers});
  for (const std::vector<uint32_t>& cuts : all_cuts) {
    Pipeline parts(device_, model_, {.cuts = cuts});
    EXPECT_LE(MaxDifference(parts.Feed(0, tokens, 7), logits), kSameTolerance) << "cut at " << cuts[0];
    EXPECT_LE(MaxDifference(parts.Export(0), state), kSameTolerance) << "cut at " << cuts[0];
  }
}

TEST_P(ModelConformance, StateMovesToEveryOtherBackendMidSequence) {
  const std::vector<uint32_t> tokens = Tokens(24);
  const std::vector<uint32_t> first(tokens.begin(), tokens.begin() + 11), second(tokens.begin() + 11, tokens.end());
  Pipeline pipeline(device_, model_);
  pipeline.Feed(0, first, 11);
  const std::vector<float> state = pipeline.Export(0);
  const std::vector<float> expected = pipeline.Feed(0, second, 13, 0);
  for (const std::string& path : PluginPaths()) {
    BackendPlugin other(path);
    TestHost host(2);
    Device device(other, host);
    Pipeline there(device, model_);
    there.Import(3, state);
    EXPECT_EQ(there.Export(3), state) << path;
    EXPECT_LE(MaxDifference(there.Feed(3, second, 13, 3), expected), kSameTolerance) << path;
  }
}

TEST_P(ModelConformance, MappedTensorsGiveWhatCopiedOnesGive) {
  const std::vector<uint32_t> tokens = Tokens(9);
  Pipeline copied(device_, model_);
  const std::vector<float> expected = copied.Feed(0, tokens, 9);

  const skein_segment_desc desc =
      DescribeSegment(model_, 0, shape().num_layers, SKEIN_SEGMENT_EMBEDDING | SKEIN_SEGMENT_HEAD);
  SegmentHandle segment(device_, desc);
  std::vector<skein_tensor> tensors = TensorsOf(model_, desc);
  // Mapped files do not align tensors: shift each by one byte.
  std::vector<std::vector<uint8_t>> unaligned;
  for (skein_tensor& tensor : tensors) {
    const auto* bytes = static_cast<const uint8_t*>(tensor.data);
    unaligned.emplace_back(1).insert(unaligned.back().end(), bytes, bytes + tensor.size_bytes);
  }
  for (size_t i = 0; i < tensors.size(); ++i) {
    tensors[i].data = unaligned[i].data() + 1;
    tensors[i].flags = SKEIN_TENSOR_MAPPED;
  }
  ASSERT_TRUE(segment.Load(tensors)) << segment.message();
  std::vector<float> logits(tokens.size() * shape().vocab_size);
  skein_step_entry entry = {};
  entry.read_slot = SKEIN_SLOT_INITIAL;
  entry.num_tokens = static_cast<uint32_t>(tokens.size());
  entry.output = SKEIN_STEP_LOGITS;
  entry.output_rows = logits.data();
  skein_step step = {};
  step.struct_size = sizeof(step);
  step.num_tokens = entry.num_tokens;
  step.num_entries = 1;
  step.entry_size = sizeof(entry);
  step.tokens = tokens.data();
  step.entries = &entry;
  ASSERT_TRUE(segment.Step(step)) << segment.message();
  EXPECT_EQ(logits, expected);
}

INSTANTIATE_TEST_SUITE_P(Backends, ModelConformance,
                         testing::Combine(testing::ValuesIn(PluginPaths()), testing::ValuesIn(AllShapes())),
                         ModelCaseName);

class Bf16Conformance : public ModelConformance {};

TEST_P(Bf16Conformance, ComputeTypeBf16RoundsTheInputsOfProductsOnly) {
  if ((plugin_.DeviceInfo().compute_types >> SKEIN_DTYPE_BF16 & 1) == 0)
    GTEST_SKIP() << "the device does not compute in bf16";
  const std::vector<uint32_t> tokens = Tokens(40);
  Pipeline pipeline(device_, model_, {.cuts = {}, .compute_type = SKEIN_DTYPE_BF16});
  const std::vector<float> together = pipeline.Feed(0, tokens, tokens.size());
  const std::vector<float> apart = pipeline.Feed(1, tokens, 1);
  const auto rounded = Float64Stream::Make(model_, ProductInputs::kBf16);
  const auto exact = Float64Stream::Make(model_);
  double from_rounded = 0, apart_from_rounded = 0, rounded_from_exact = 0;
  size_t count = 0;
  for (const uint32_t token : tokens) {
    rounded->Feed(token);
    exact->Feed(token);
    for (size_t i = 0; i < shape().vocab_size; ++i, ++count) {
      from_rounded += std::pow(together[count] - rounded->logits()[i], 2);
      apart_from_rounded += std::pow(apart[count] - rounded->logits()[i], 2);
      rounded_from_exact += std::pow(exact->logits()[i] - rounded->logits()[i], 2);
    }
  }
  // A value close to the middle of two bf16 may round either way, and the state remembers; so the two differ, but by
  // less than the rounding itself.
  const auto deviation = [count](double squares) { return std::sqrt(squares / static_cast<double>(count)); };
  EXPECT_LT(deviation(from_rounded), 0.75 * deviation(rounded_from_exact));
  EXPECT_LT(deviation(apart_from_rounded), 0.75 * deviation(rounded_from_exact));
  EXPECT_LT(deviation(rounded_from_exact), 0.1);
}

// Models whose matrices are all bf16: others are rounded when they are put.
std::vector<SyntheticShape> Bf16Shapes() {
  std::vector<SyntheticShape> shapes = AllShapes();
  const std::vector<uint32_t> bf16 = {SKEIN_DTYPE_BF16};
  shapes.erase(std::remove_if(shapes.begin(), shapes.end(), [&](const auto& s) { return s.matrix_types != bf16; }),
               shapes.end());
  return shapes;
}

INSTANTIATE_TEST_SUITE_P(Backends, Bf16Conformance,
                         testing::Combine(testing::ValuesIn(PluginPaths()), testing::ValuesIn(Bf16Shapes())),
                         ModelCaseName);

}  // namespace
}  // namespace skein::conformance
