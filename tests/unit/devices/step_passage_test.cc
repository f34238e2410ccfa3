// A step's way through segments of a backend that lives in the test and notes what it gets.
#include "devices/step_passage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "plugin/host_services.h"

namespace skein {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsNull;
using testing::NotNull;

constexpr uint32_t kCarries = 2;
constexpr uint64_t kCarryFloats = 6;

// The step that a segment got.
struct SeenStep {
  std::vector<uint32_t> tokens;
  std::vector<skein_step_entry> entries;
  std::vector<const float*> carries_in;
  std::vector<float*> carries_out;
};

// The orders for the backend, and its notes.
struct Script {
  // By the number of the step: the statuses of its entries, and that of the step.
  std::map<size_t, std::vector<int32_t>> entry_statuses;
  std::map<size_t, int32_t> codes;
  std::map<size_t, int32_t> fence_codes;  // of steps that are done late
  std::vector<SeenStep> seen;
};
Script script;
char handle_place;
int32_t fence_code;

SeenStep Copy(const skein_step& step) {
  const auto* entries = static_cast<const skein_step_entry*>(step.entries);
  return {{step.tokens, step.tokens + step.num_tokens},
          {entries, entries + step.num_entries},
          {step.carries_in, step.carries_in + SKEIN_MAX_CARRIES},
          {step.carries_out, step.carries_out + SKEIN_MAX_CARRIES}};
}

int32_t RunStep(void*, const skein_step* step, void** fence, skein_message*) {
  const size_t number = script.seen.size();
  script.seen.push_back(Copy(*step));
  *fence = nullptr;
  auto* entries = static_cast<skein_step_entry*>(step->entries);
  const std::vector<int32_t>& statuses = script.entry_statuses[number];
  for (size_t i = 0; i < statuses.size(); ++i) entries[i].status = statuses[i];
  for (float* carry : script.seen.back().carries_out) {
    if (carry != nullptr) std::memset(carry, 0, kCarryFloats * sizeof(float));
  }
  if (script.fence_codes.contains(number)) {
    fence_code = script.fence_codes[number];
    *fence = &fence_code;
  }
  return script.codes[number];
}

skein_backend_table Table() {
  skein_backend_table table = {};
  table.struct_size = sizeof(table);
  table.device_open = [](const skein_host*, uint32_t, void** device, skein_message*) {
    *device = &handle_place;
    return int32_t{SKEIN_OK};
  };
  table.device_close = [](void*) {};
  table.segment_create = [](void*, const skein_segment_desc*, void** segment, skein_message*) {
    *segment = &handle_place;
    return int32_t{SKEIN_OK};
  };
  table.segment_destroy = [](void*) {};
  table.step = RunStep;
  table.fence_done = [](void*) { return 1u; };
  table.fence_wait = [](void* fence, int64_t, skein_message*) { return *static_cast<int32_t*>(fence); };
  table.fence_release = [](void*) {};
  return table;
}

class StepPassageTest : public testing::Test {
 protected:
  void SetUp() override {
    script = Script();
    device_.struct_size = sizeof(device_);
    device_.deterministic_types = 1u << SKEIN_DTYPE_NONE;
    std::strcpy(device_.name, "noting:0");
    absl::StatusOr<std::shared_ptr<Device>> device = Device::Open(services_.host(), {{"noting", &table_}, 0, device_});
    ASSERT_TRUE(device.ok()) << device.status();
    skein_segment_desc desc = {};
    desc.struct_size = sizeof(desc);
    absl::StatusOr<std::unique_ptr<Segment>> segment = Segment::Create(*device, desc);
    ASSERT_TRUE(segment.ok()) << segment.status();
    segment_ = *std::move(segment);
    for (uint32_t i = 0; i < 3; ++i) entries_.push_back(Entry(i));
  }

  // An entry that wishes for all that there is.
  skein_step_entry Entry(uint32_t index) {
    skein_step_entry entry = {};
    entry.read_slot = 10 + index;
    entry.write_slot = 20 + index;
    entry.first_token = 2 * index;
    entry.num_tokens = 2;
    entry.output = SKEIN_STEP_SAMPLE;
    entry.output_rows = rows_;
    entry.output_tokens = &drawn_;
    entry.mask = &mask_;
    entry.bias = &bias_;
    entry.num_bias = 1;
    entry.sampling = &sampling_;
    return entry;
  }

  // The step goes through `num_segments` segments, as long as it is well.
  void Pass(StepPassage& passage, size_t num_segments) {
    passage.Start(tokens_, absl::MakeSpan(entries_));
    for (size_t i = 0; i < num_segments && passage.status().ok(); ++i) {
      passage.Enter(*segment_, i, i + 1 == num_segments);
      EXPECT_EQ(passage.segment_index(), i);
      if (passage.status().ok()) passage.Leave();
    }
  }
  static StepPassage Make(uint32_t num_cuts) { return StepPassage({3, kCarries, kCarryFloats, num_cuts}); }
  std::vector<int32_t> Statuses() const {
    std::vector<int32_t> statuses;
    for (const skein_step_entry& entry : entries_) statuses.push_back(entry.status);
    return statuses;
  }
  static void ExpectWishesNothing(const skein_step_entry& entry) {
    EXPECT_EQ(entry.output, uint32_t{SKEIN_STEP_NO_OUTPUT});
    EXPECT_EQ(entry.output_rows, nullptr);
    EXPECT_EQ(entry.output_tokens, nullptr);
    EXPECT_EQ(entry.mask, nullptr);
    EXPECT_EQ(entry.bias, nullptr);
    EXPECT_EQ(entry.num_bias, 0u);
    EXPECT_EQ(entry.sampling, nullptr);
  }

  const skein_backend_table table_ = Table();
  HostServices services_{1, [](uint32_t, absl::string_view) {}};
  skein_backend_device device_ = {};
  std::unique_ptr<Segment> segment_;
  float rows_[4] = {};
  uint32_t drawn_ = 0;
  uint32_t mask_ = 0;
  skein_bias bias_ = {};
  skein_sampling sampling_ = {};
  const std::vector<uint32_t> tokens_ = {1, 2, 3, 4, 5, 6};
  std::vector<skein_step_entry> entries_;
};

TEST_F(StepPassageTest, OnlyTheLastSegmentHearsOfWishes) {
  StepPassage passage = Make(2);
  Pass(passage, 3);
  EXPECT_TRUE(passage.status().ok()) << passage.status();
  ASSERT_EQ(script.seen.size(), 3u);
  for (size_t segment = 0; segment < 2; ++segment) {
    for (const skein_step_entry& entry : script.seen[segment].entries) ExpectWishesNothing(entry);
  }
  for (size_t i = 0; i < entries_.size(); ++i) {
    EXPECT_EQ(std::memcmp(&script.seen[2].entries[i], &entries_[i], sizeof(skein_step_entry)), 0);
  }
}

TEST_F(StepPassageTest, EverySegmentHasTheTokensAndTheSlots) {
  StepPassage passage = Make(2);
  Pass(passage, 3);
  ASSERT_EQ(script.seen.size(), 3u);
  for (const SeenStep& seen : script.seen) {
    EXPECT_EQ(seen.tokens, tokens_);
    ASSERT_EQ(seen.entries.size(), 3u);
    for (uint32_t i = 0; i < 3; ++i) {
      EXPECT_EQ(seen.entries[i].read_slot, 10 + i);
      EXPECT_EQ(seen.entries[i].write_slot, 20 + i);
      EXPECT_EQ(seen.entries[i].first_token, 2 * i);
      EXPECT_EQ(seen.entries[i].num_tokens, 2u);
    }
  }
}

TEST_F(StepPassageTest, EntryThatFailedStaysInItsPlaceAndLeavesNoTrace) {
  script.entry_statuses[0] = {SKEIN_OK, SKEIN_DATA_LOSS, SKEIN_OK};
  StepPassage passage = Make(2);
  Pass(passage, 3);
  ASSERT_EQ(script.seen.size(), 3u);
  for (size_t segment = 1; segment < 3; ++segment) {
    const skein_step_entry& failed = script.seen[segment].entries[1];
    EXPECT_EQ(failed.write_slot, SKEIN_SLOT_NONE);
    EXPECT_EQ(failed.first_token, 2u);
    EXPECT_EQ(failed.status, SKEIN_OK) << "as it comes";
    ExpectWishesNothing(failed);
    EXPECT_EQ(script.seen[segment].entries[0].write_slot, 20u);
    EXPECT_EQ(script.seen[segment].entries[2].write_slot, 22u);
  }
  EXPECT_EQ(script.seen[2].entries[0].output, uint32_t{SKEIN_STEP_SAMPLE});
  EXPECT_THAT(Statuses(), ElementsAre(SKEIN_OK, SKEIN_DATA_LOSS, SKEIN_OK));
}

TEST_F(StepPassageTest, FirstFailureOfAnEntryIsKept) {
  script.entry_statuses[0] = {SKEIN_OK, SKEIN_DATA_LOSS, SKEIN_OK};
  script.entry_statuses[1] = {SKEIN_OK, SKEIN_INTERNAL, SKEIN_INVALID_ARGUMENT};
  StepPassage passage = Make(2);
  Pass(passage, 3);
  EXPECT_THAT(Statuses(), ElementsAre(SKEIN_OK, SKEIN_DATA_LOSS, SKEIN_INVALID_ARGUMENT));
}

TEST_F(StepPassageTest, EntryThatComesWithAFailureIsInNobodysWay) {
  entries_[0].status = SKEIN_UNIMPLEMENTED;
  StepPassage passage = Make(0);
  Pass(passage, 1);
  ASSERT_EQ(script.seen.size(), 1u);
  ExpectWishesNothing(script.seen[0].entries[0]);
  EXPECT_EQ(script.seen[0].entries[0].write_slot, SKEIN_SLOT_NONE);
  EXPECT_EQ(script.seen[0].entries[0].status, SKEIN_OK);
  EXPECT_EQ(script.seen[0].entries[1].output, uint32_t{SKEIN_STEP_SAMPLE});
  EXPECT_THAT(Statuses(), ElementsAre(SKEIN_UNIMPLEMENTED, SKEIN_OK, SKEIN_OK));
}

TEST_F(StepPassageTest, CarriesOfACutGoFromTheSegmentBeforeToTheOneBehind) {
  StepPassage passage = Make(3);
  Pass(passage, 4);
  ASSERT_EQ(script.seen.size(), 4u);
  EXPECT_THAT(script.seen[0].carries_in, Each(IsNull()));
  EXPECT_THAT(script.seen[3].carries_out, Each(IsNull()));
  for (size_t cut = 0; cut < 3; ++cut) {
    const std::vector<float*>& out = script.seen[cut].carries_out;
    EXPECT_THAT(out, ElementsAre(NotNull(), NotNull(), IsNull(), IsNull())) << "as many as the generation has";
    EXPECT_THAT(script.seen[cut + 1].carries_in, ElementsAre(out[0], out[1], out[2], out[3]));
    EXPECT_NE(out[0], out[1]);
  }
  for (size_t segment = 1; segment < 3; ++segment) {
    for (uint32_t carry = 0; carry < kCarries; ++carry) {
      EXPECT_NE(script.seen[segment].carries_in[carry], script.seen[segment].carries_out[carry]) << "it still reads it";
    }
  }
}

TEST_F(StepPassageTest, ASegmentAloneHasNoCarries) {
  StepPassage passage = Make(0);
  Pass(passage, 1);
  ASSERT_EQ(script.seen.size(), 1u);
  EXPECT_THAT(script.seen[0].carries_in, Each(IsNull()));
  EXPECT_THAT(script.seen[0].carries_out, Each(IsNull()));
}

TEST_F(StepPassageTest, StepThatFailsGoesNoFurtherAndItsEntriesAreNotBelieved) {
  for (const bool is_late : {false, true}) {
    script = Script();
    script.entry_statuses[1] = {SKEIN_DATA_LOSS, SKEIN_DATA_LOSS, SKEIN_DATA_LOSS};
    (is_late ? script.fence_codes : script.codes)[1] = SKEIN_INTERNAL;
    StepPassage passage = Make(2);
    Pass(passage, 3);
    EXPECT_EQ(passage.status().code(), absl::StatusCode::kInternal);
    EXPECT_EQ(script.seen.size(), 2u);
    EXPECT_THAT(Statuses(), Each(SKEIN_OK)) << is_late;
  }
}

TEST_F(StepPassageTest, IsUsedAgainAfterAFailure) {
  script.codes[0] = SKEIN_INTERNAL;
  StepPassage passage = Make(1);
  Pass(passage, 2);
  EXPECT_FALSE(passage.status().ok());
  entries_.pop_back();
  Pass(passage, 2);
  EXPECT_TRUE(passage.status().ok()) << passage.status();
  ASSERT_EQ(script.seen.size(), 3u);
  EXPECT_EQ(script.seen[1].entries.size(), 2u);
  passage.Fail(absl::UnavailableError("lost"));
  EXPECT_TRUE(absl::IsUnavailable(passage.status()));
}

}  // namespace
}  // namespace skein
