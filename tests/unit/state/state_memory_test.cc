#include "state/state_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <vector>

namespace skein {
namespace {

constexpr uint64_t kFloats = 100'000;
constexpr uint64_t kAll = StateMemory::kMostKept;

std::vector<float*> TakeMany(StateMemory& memory, uint64_t count) {
  std::vector<float*> pieces;
  for (uint64_t i = 0; i < count; ++i) pieces.push_back(memory.Take());
  return pieces;
}

TEST(StateMemoryTest, PieceThatCameBackIsGivenAgain) {
  StateMemory memory(kFloats);
  float* const piece = memory.Take();
  piece[kFloats - 1] = 7;
  memory.GiveBack(piece, kAll);
  EXPECT_EQ(memory.num_kept(), 1u);
  EXPECT_EQ(memory.Take(), piece);
  EXPECT_EQ(piece[kFloats - 1], 7) << "its pages went to the system meanwhile";
  memory.GiveBack(piece, 0);
  EXPECT_EQ(memory.num_kept(), 0u);
}

TEST(StateMemoryTest, NoMoreAreKeptThanMayBe) {
  StateMemory memory(kFloats);
  for (float* piece : TakeMany(memory, 2 * kAll)) memory.GiveBack(piece, 2);
  EXPECT_EQ(memory.num_kept(), 2u);
  for (float* piece : TakeMany(memory, 2 * kAll)) memory.GiveBack(piece, 2 * kAll);
  EXPECT_EQ(memory.num_kept(), kAll);
}

TEST(StateMemoryTest, AsManyAreKeptAsWereAskedFor) {
  for (const uint64_t num_floats : {uint64_t{8}, kFloats}) {
    StateMemory memory(num_floats);
    for (const uint64_t count : {2, 4, 1, 0}) {
      memory.Keep(count);
      EXPECT_EQ(memory.num_kept(), count);
    }
  }
}

TEST(StateMemoryTest, PieceThatWasMadeAheadIsInMemory) {
  StateMemory memory(kFloats);
  memory.Keep(1);
  float* const piece = memory.Take();
  const uint64_t bytes = kFloats * sizeof(float);
  std::vector<unsigned char> is_there(bytes / static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) + 1);
  ASSERT_EQ(mincore(piece, bytes, is_there.data()), 0);
  for (const unsigned char flags : is_there) ASSERT_EQ(flags & 1, 1);
  memory.GiveBack(piece, 0);
}

}  // namespace
}  // namespace skein
