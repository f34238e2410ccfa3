// Entries of a step in the sizes of hosts that were compiled with an older or a newer header.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/model_conformance.h"
#include "tests/conformance/plugin_paths.h"

namespace skein::conformance {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kFirstEntryBytes = 72;
constexpr uint8_t kUntouched = 0xAB;
constexpr uint32_t kNumEntries = 3;

class EntrySizesConformance : public ModelConformance {
 protected:
  // A step of entries of `entry_size` bytes, one token each, and what it left in them.
  struct Stepped {
    bool ok = false;
    int32_t status = 0;
    std::string message;
    std::vector<uint8_t> entries;
    std::vector<float> logits;
  };

  Stepped Step(uint32_t entry_size) {
    const skein_segment_desc desc =
        DescribeSegment(model_, 0, shape().num_layers, SKEIN_SEGMENT_EMBEDDING | SKEIN_SEGMENT_HEAD);
    SegmentHandle segment(device_, desc);
    EXPECT_TRUE(segment.Load(TensorsOf(model_, desc))) << segment.message();
    Stepped stepped;
    stepped.logits.resize(kNumEntries * size_t{shape().vocab_size});
    // One entry more than the step has, and the last with all of its struct.
    stepped.entries.assign((kNumEntries + 1) * size_t{entry_size} + sizeof(skein_step_entry), kUntouched);
    for (uint32_t i = 0; i < kNumEntries; ++i) {
      const skein_step_entry entry = EntryOf(i, &stepped.logits[i * size_t{shape().vocab_size}]);
      std::memcpy(&stepped.entries[i * size_t{entry_size}], &entry, std::min<size_t>(entry_size, sizeof(entry)));
    }
    const std::vector<uint32_t> tokens = Tokens(kNumEntries);
    skein_step step = {};
    step.struct_size = sizeof(step);
    step.num_tokens = kNumEntries;
    step.num_entries = kNumEntries;
    step.entry_size = entry_size;
    step.tokens = tokens.data();
    step.entries = stepped.entries.data();
    stepped.ok = segment.Step(step);
    stepped.status = segment.status();
    stepped.message = segment.message();
    return stepped;
  }

  static skein_step_entry EntryOf(uint32_t index, float* logits) {
    skein_step_entry entry = {};
    entry.read_slot = SKEIN_SLOT_INITIAL;
    entry.write_slot = index;
    entry.first_token = index;
    entry.num_tokens = 1;
    entry.output = SKEIN_STEP_LOGITS;
    entry.output_rows = logits;
    entry.status = -1;
    return entry;
  }
};

TEST_P(EntrySizesConformance, EntriesOfOlderAndNewerHostsGiveTheSame) {
  const Stepped own = Step(sizeof(skein_step_entry));
  ASSERT_TRUE(own.ok) << own.message;
  for (const uint32_t entry_size : {kFirstEntryBytes, kFirstEntryBytes + 8, kFirstEntryBytes + 128}) {
    SCOPED_TRACE(entry_size);
    const Stepped stepped = Step(entry_size);
    ASSERT_TRUE(stepped.ok) << stepped.message;
    EXPECT_EQ(stepped.logits, own.logits);
  }
}

TEST_P(EntrySizesConformance, NothingBehindTheHostsFieldsIsWritten) {
  for (const uint32_t entry_size : {kFirstEntryBytes, kFirstEntryBytes + 8, kFirstEntryBytes + 128}) {
    SCOPED_TRACE(entry_size);
    const Stepped stepped = Step(entry_size);
    ASSERT_TRUE(stepped.ok) << stepped.message;
    for (size_t at = 0; at < stepped.entries.size(); ++at) {
      const size_t index = at / entry_size;
      if (index < kNumEntries && at % entry_size < sizeof(skein_step_entry)) continue;
      ASSERT_EQ(stepped.entries[at], kUntouched) << "byte " << at;
    }
    for (uint32_t i = 0; i < kNumEntries; ++i) {
      int32_t status = -1;
      std::memcpy(&status, &stepped.entries[i * size_t{entry_size} + offsetof(skein_step_entry, status)],
                  sizeof(status));
      EXPECT_EQ(status, SKEIN_OK) << "entry " << i;
    }
  }
}

TEST_P(EntrySizesConformance, EntriesWithoutTheFirstFieldsAreRefused) {
  for (const uint32_t entry_size : {0u, 8u, kFirstEntryBytes - 8, kFirstEntryBytes + 4}) {
    SCOPED_TRACE(entry_size);
    const Stepped stepped = Step(entry_size);
    EXPECT_FALSE(stepped.ok);
    EXPECT_EQ(stepped.status, SKEIN_INVALID_ARGUMENT);
    EXPECT_THAT(stepped.message, HasSubstr("expected entries of at least 72 bytes"));
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, EntrySizesConformance,
                         testing::Combine(testing::ValuesIn(PluginPaths()),
                                          testing::Values(ShapesOf(4)[0], ShapesOf(7)[0])),
                         ModelCaseName);

}  // namespace
}  // namespace skein::conformance
