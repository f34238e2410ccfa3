// The contract of segments: their descriptions, their cost, and the memory they take from the host.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "tests/conformance/backend_contract.h"

namespace skein::conformance {
namespace {

using testing::HasSubstr;

TEST_P(BackendContract, QueryCountsWhatASegmentTakes) {
  const skein_segment_cost cost = Query(Desc());
  EXPECT_EQ(cost.supported, 1u);
  uint64_t values = 0;
  for (const SyntheticTensor& tensor : model_.tensors()) values += tensor.values.size();
  EXPECT_GE(cost.weights_bytes, values * 2);
  EXPECT_GE(cost.slot_bytes, 4 * StateFloats(model_.model(), shape().num_layers));
  EXPECT_GT(cost.scratch_bytes, 0u);
  skein_segment_desc half = DescribeSegment(model_, 0, 1, SKEIN_SEGMENT_EMBEDDING);
  EXPECT_EQ(Query(half).slot_bytes * 2, cost.slot_bytes);
  EXPECT_LT(Query(half).weights_bytes, cost.weights_bytes);
}

TEST_P(BackendContract, DescriptionsThatMakeNoSenseAreNotSupported) {
  struct Mistake {
    uint32_t first_generation, last_generation;  // in which it is one
    void (*make)(skein_segment_desc&);
    const char* why;
  };
  const Mistake mistakes[] = {
      {4, 7, [](skein_segment_desc& desc) { desc.model.generation = 3; }, "generation 3"},
      {4, 7, [](skein_segment_desc& desc) { desc.model.generation = 40; }, "generation 40"},
      {4, 7, [](skein_segment_desc& desc) { desc.model.variant = 3; }, "variant 3"},
      {4, 7, [](skein_segment_desc& desc) { desc.model.d_model = 0xFFFFFFFFu; }, "d_model"},
      {4, 7, [](skein_segment_desc& desc) { desc.model.d_att = 0; }, "d_att"},
      {7, 7, [](skein_segment_desc& desc) { desc.model.d_att = 96; }, "d_att"},
      {5, 7, [](skein_segment_desc& desc) { desc.model.head_size = 0; }, "head_size"},
      {4, 4, [](skein_segment_desc& desc) { desc.model.head_size = 32; }, "head_size"},
      {4, 7, [](skein_segment_desc& desc) { desc.model.num_heads = 4; }, "num_heads"},
      {4, 7, [](skein_segment_desc& desc) { desc.model.vocab_size = 0; }, "vocab_size"},
      {4, 7, [](skein_segment_desc& desc) { desc.num_layers = 3; }, "num_layers"},
      {4, 7, [](skein_segment_desc& desc) { desc.first_layer = 1, desc.num_layers = 1; }, "first_layer"},
      {4, 7, [](skein_segment_desc& desc) { desc.num_layers = 1; }, "head"},
      {6, 6, [](skein_segment_desc& desc) { desc.model.rank_mix = 0; }, "rank_mix"},
      {6, 7, [](skein_segment_desc& desc) { desc.model.rank_decay = 0; }, "rank_decay"},
      {7, 7, [](skein_segment_desc& desc) { desc.model.rank_iclr = 0; }, "rank_iclr"},
      {7, 7, [](skein_segment_desc& desc) { desc.model.rank_value = 0; }, "rank_value"},
      {7, 7, [](skein_segment_desc& desc) { desc.model.rank_gate = 0; }, "rank_gate"},
      {4, 7, [](skein_segment_desc& desc) { desc.flags = 64; }, "flags"},
      {4, 7, [](skein_segment_desc& desc) { desc.flags = SKEIN_SEGMENT_DETERMINISTIC, desc.num_layers = 0; },
       "num_layers"},
      {4, 7, [](skein_segment_desc& desc) { desc.max_tokens = 0; }, "max_tokens"},
      {4, 7, [](skein_segment_desc& desc) { desc.compute_type = SKEIN_DTYPE_U8; }, "compute type 5"},
      {4, 7, [](skein_segment_desc& desc) { desc.state_type = SKEIN_DTYPE_U8; }, "state type 5"},
  };
  for (const Mistake& mistake : mistakes) {
    if (shape().generation < mistake.first_generation || shape().generation > mistake.last_generation) continue;
    skein_segment_desc desc = Desc();
    mistake.make(desc);
    std::string reason;
    EXPECT_EQ(Query(desc, &reason).supported, 0u) << mistake.why;
    EXPECT_THAT(reason, HasSubstr(mistake.why));
    SegmentHandle segment(device_, desc);
    EXPECT_NE(segment.status(), SKEIN_OK) << mistake.why;
  }
}
TEST_P(BackendContract, EveryFailedAllocationIsReportedAndLeaksNothing) {
  TestHost host(2);
  bool is_done = false;
  uint64_t number = 0;
  for (; !is_done; ++number) {
    ASSERT_LT(number, 10000u);
    host.FailAllocationsFrom(number);
    {
      Device device(plugin_, host);
      SegmentHandle segment(device, Desc());
      bool is_good = segment.status() == SKEIN_OK && segment.Load(TensorsOf(model_, Desc()));
      RawStep raw(20);
      raw.Add(kInitial, 0, 0, 20);
      is_good = is_good && segment.Step(raw.Get());
      is_done = is_good;
      EXPECT_EQ(segment.status(), is_good ? SKEIN_OK : SKEIN_RESOURCE_EXHAUSTED) << segment.message();
    }
    EXPECT_EQ(host.num_live_blocks(), 0) << "after failing allocation " << number;
  }
  // A device that knows how much memory it has takes memory of its own.
  if (plugin_.DeviceInfo().memory_bytes == 0) {
    EXPECT_GT(number, 1u) << "the backend takes its memory from elsewhere";
  }
}

TEST_P(BackendContract, AbsurdNumberOfSlotsIsRefused) {
  skein_segment_desc desc = Desc();
  desc.num_slots = SKEIN_SLOT_NONE - 1;
  desc.max_tokens = 1;
  TestHost host(1);
  Device device(plugin_, host);
  SegmentHandle segment(device, desc);
  if (segment.status() == SKEIN_OK) segment.Load(TensorsOf(model_, desc));
  EXPECT_EQ(segment.status(), SKEIN_RESOURCE_EXHAUSTED) << segment.message();
}

TEST_P(BackendContract, DevicesAndSegmentsAreIndependent) {
  TestHost host(1);
  Device device(plugin_, host);
  Pipeline a(device_, model_), b(device, model_);
  const std::vector<float> first = a.Feed(0, Tokens(6), 6);
  b.Feed(0, Tokens(9, 99), 9);
  EXPECT_EQ(a.Feed(1, Tokens(6), 6), first);
}

}  // namespace
}  // namespace skein::conformance
