#include "host/state_slots.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "tests/support/serial_host.h"

namespace skein::kit {
namespace {

constexpr uint64_t kMostBytes = uint64_t{4} << 20;

// The one block of memory that the host gives, in pages of its own.
uint8_t* Memory() {
  static uint8_t* const memory =
      static_cast<uint8_t*>(mmap(nullptr, kMostBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  return memory;
}

skein_host HostOfPages() {
  skein_host host = testing::SerialHost();
  host.alloc = [](void*, uint64_t bytes, uint64_t) -> void* { return bytes > kMostBytes ? nullptr : Memory(); };
  host.free = [](void*, void*) {};
  madvise(Memory(), kMostBytes, MADV_DONTNEED);
  return host;
}

uint64_t NumPagesInMemory() {
  const auto page_bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> is_there(kMostBytes / page_bytes);
  EXPECT_EQ(mincore(Memory(), kMostBytes, is_there.data()), 0);
  return static_cast<uint64_t>(std::count_if(is_there.begin(), is_there.end(), [](auto flags) { return flags & 1; }));
}

// `d_model` decides how large a state is, and so how slots and pages lie.
skein_segment_desc DescribeSegment(uint32_t d_model) {
  skein_segment_desc desc = {};
  desc.num_layers = 1;
  desc.num_slots = 24;
  desc.model.generation = 4;
  desc.model.num_layers = 1;
  desc.model.d_model = d_model;
  desc.model.d_att = d_model;
  return desc;
}

class StateSlotsTest : public ::testing::TestWithParam<uint32_t> {
 protected:
  void Fill(uint32_t slot, float value) { std::fill_n(slots_.Write(slot), num_floats_, value); }
  bool Holds(uint32_t slot, float value) {
    const float* const state = slots_.Read(slot);
    return std::count(state, state + num_floats_, value) == static_cast<int64_t>(num_floats_);
  }

  const skein_segment_desc desc_ = DescribeSegment(GetParam());
  const skein_host host_ = HostOfPages();
  StateSlots slots_{host_, desc_, WkvOrder::kValueKey};
  const uint64_t num_floats_ = StateSlots::StateFloats(desc_);
};

TEST_P(StateSlotsTest, DiscardedSlotsLeaveNoPages) {
  const uint64_t before = NumPagesInMemory();
  for (uint32_t slot = 0; slot < desc_.num_slots; ++slot) Fill(slot, 1);
  EXPECT_GT(NumPagesInMemory(), before);
  for (uint32_t slot = 0; slot < desc_.num_slots; ++slot) slots_.Discard((slot * 7) % desc_.num_slots);
  EXPECT_EQ(NumPagesInMemory(), before);
}

TEST_P(StateSlotsTest, DiscardedSlotLeavesTheOthersAsTheyAre) {
  std::mt19937 random(1);
  std::vector<float> values(desc_.num_slots);  // 0: the slot was discarded
  for (int round = 0; round < 400; ++round) {
    const uint32_t slot = random() % desc_.num_slots;
    if (random() % 2 == 0) {
      Fill(slot, values[slot] = static_cast<float>(1 + round));
    } else {
      slots_.Discard(slot);
      values[slot] = 0;
    }
    for (uint32_t i = 0; i < desc_.num_slots; ++i) {
      ASSERT_TRUE(values[i] == 0 || Holds(i, values[i])) << "slot " << i << " in round " << round;
    }
    ASSERT_EQ(slots_.Read(SKEIN_SLOT_INITIAL)[0], 0);
  }
}

// Floats of five rows: states of 640, 4,100, 20,480 and 101,400 bytes.
INSTANTIATE_TEST_SUITE_P(Sizes, StateSlotsTest, ::testing::Values(32, 205, 1024, 5070));

}  // namespace
}  // namespace skein::kit
