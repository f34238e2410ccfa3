// What lanes, warps and blocks do together: branches, meetings, shuffles, memory, copies.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "warp_harness.h"

namespace skein::emulator::ptx {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

const Words kLaneNumbers = ByLane([](uint32_t lane) { return lane; });

TEST(PtxFlowTest, LanesLoopAsOftenAsEachNeeds) {
  // The sum of the numbers up to the lane's own, for odd lanes backwards.
  const std::string body = R"(
mov.u32 %r32, 0; and.b32 %r1, %r0, 1; setp.eq.u32 %p0, %r1, 0; mov.u32 %r2, 0;
@%p0 bra up;
down: add.u32 %r32, %r32, %r0; sub.u32 %r0, %r0, 1; setp.ne.u32 %p1, %r0, 0; @%p1 bra down;
bra.uni done;
up: setp.gt.u32 %p1, %r2, %r0; @%p1 bra done; add.u32 %r32, %r32, %r2; add.u32 %r2, %r2, 1; bra up;
done:)";
  for (uint64_t seed = 1; seed < 20; ++seed) {
    EXPECT_EQ(RunLines({.body = body, .in = {kLaneNumbers}, .seed = seed})[0],
              ByLane([](uint32_t lane) { return lane * (lane + 1) / 2; }));
  }
}

TEST(PtxFlowTest, LanesThatPartedMeetAtAShuffle) {
  const std::string body = R"(
setp.lt.u32 %p0, %r0, 7; mov.u32 %r1, 1;
@%p0 bra other;
mul.lo.u32 %r1, %r0, 2; bra.uni together;
other: add.u32 %r1, %r0, 100;
together: shfl.sync.bfly.b32 %r32, %r1, 8, 31, -1;)";
  for (uint64_t seed = 1; seed < 20; ++seed) {
    EXPECT_EQ(RunLines({.body = body, .in = {kLaneNumbers}, .seed = seed})[0], ByLane([](uint32_t lane) {
                const uint32_t other = lane ^ 8;
                return other < 7 ? other + 100 : other * 2;
              }));
  }
}

TEST(PtxFlowTest, AShuffleThatALaneOfTheMaskNeverReachesIsSeen) {
  const std::string body = R"(
setp.eq.u32 %p0, %r0, 3;
@%p0 bra end;
shfl.sync.bfly.b32 %r32, %r0, 1, 31, -1;
end: bar.sync 0;)";
  EXPECT_THAT(FaultOf({.body = body, .in = {kLaneNumbers}}), HasSubstr("lanes of one warp wait for each other"));
}

TEST(PtxFlowTest, LanesThatBringDifferentMasksAreSeen) {
  EXPECT_THAT(FaultOf({.body = "shl.b32 %r1, 1, %r0; or.b32 %r1, %r1, 1; shfl.sync.bfly.b32 %r32, %r0, 1, 31, %r1;",
                       .in = {kLaneNumbers}}),
              HasSubstr("different masks"));
}

struct ShuffleCase {
  std::string mode;
  uint32_t by, c;
  // By the manual: the source of each lane; with c the clamp in bits 0 to 4 and the segment's mask in bits 8 to 12.
  int (*source)(int lane);
};
const ShuffleCase kShuffles[] = {
    {"up", 3, 0, [](int lane) { return lane >= 3 ? lane - 3 : -1; }},
    {"up", 3, 0x1800, [](int lane) { return lane % 8 >= 3 ? lane - 3 : -1; }},  // width 8
    {"down", 4, 31, [](int lane) { return lane + 4 < 32 ? lane + 4 : -1; }},
    {"down", 4, 0x181F, [](int lane) { return lane % 8 + 4 < 8 ? lane + 4 : -1; }},
    {"bfly", 16, 31, [](int lane) { return lane ^ 16; }},
    {"bfly", 4, 0x1C1F, [](int lane) { return lane % 8 < 4 ? -1 : lane - 4; }},  // width 4: the lower are out of bounds
    {"idx", 5, 31, [](int) { return 5; }},
    {"idx", 11, 0x181F, [](int lane) { return lane / 8 * 8 + 3; }},
    {"idx", 9, 7, [](int) { return -1; }},  // beyond the clamp
};

TEST(PtxWarpTest, ShufflesReadTheLaneThatTheManualSays) {
  for (const ShuffleCase& c : kShuffles) {
    const std::string body = "add.u32 %r1, %r0, 1000; shfl.sync." + c.mode + ".b32 %r32|%p0, %r1, " +
                             std::to_string(c.by) + ", " + std::to_string(c.c) + ", -1; selp.u32 %r33, 1, 0, %p0;";
    const std::vector<Words> out = RunLines({.body = body, .in = {kLaneNumbers}, .num_out = 2});
    for (int lane = 0; lane < 32; ++lane) {
      const int source = c.source(lane);
      const auto i = static_cast<size_t>(lane);
      EXPECT_EQ(out[1][i], source >= 0 ? 1u : 0u) << c.mode << " " << c.c << " lane " << lane;
      EXPECT_EQ(out[0][i], static_cast<uint32_t>(1000 + (source >= 0 ? source : lane))) << c.mode << " lane " << lane;
    }
  }
}

TEST(PtxWarpTest, VotesCountTheLanesOfTheMask) {
  const std::string body = R"(
setp.lt.u32 %p0, %r0, 5; setp.ge.u32 %p1, %r0, 16; mov.u32 %r32, 0; mov.u32 %r33, 0;
@%p1 bra end;
vote.sync.ballot.b32 %r32, %p0, 0xFFFF;
vote.sync.any.pred %p2, %p0, 0xFFFF; vote.sync.all.pred %p3, %p0, 0xFFFF;
selp.u32 %r33, 1, 0, %p2; @%p3 add.u32 %r33, %r33, 2;
end:)";
  const std::vector<Words> out = RunLines({.body = body, .in = {kLaneNumbers}, .num_out = 2});
  EXPECT_EQ(out[0], ByLane([](uint32_t lane) { return lane < 16 ? 0x1F : 0; }));
  EXPECT_EQ(out[1], ByLane([](uint32_t lane) { return lane < 16 ? 1 : 0; }));
}

const std::string kShared = ".shared .align 16 .b8 memory[1024];";
// %r10: the address of the thread's word.
const std::string kWordAddress = "mov.u32 %r10, memory; mad.lo.u32 %r10, %r63, 4, %r10;\n";

TEST(PtxMemoryTest, ABarrierBringsWhatOtherWarpsWrote) {
  const std::string body = kWordAddress + R"(
st.shared.u32 [%r10], %r63; bar.sync 0;
mov.u32 %r11, 127; sub.u32 %r11, %r11, %r63; mov.u32 %r12, memory; mad.lo.u32 %r12, %r11, 4, %r12;
ld.shared.u32 %r32, [%r12];)";
  for (uint64_t seed = 1; seed < 10; ++seed) {
    const Lines lines = {.body = body, .num_threads = 128, .declarations = kShared, .seed = seed};
    EXPECT_EQ(RunLines(lines)[0], ByLane([](uint32_t i) { return 127 - i; }, 128));
  }
}

TEST(PtxMemoryTest, WithoutTheBarrierTheReadIsOneOfNothing) {
  const std::string body = kWordAddress + R"(
st.shared.u32 [%r10], %r63;
mov.u32 %r11, 127; sub.u32 %r11, %r11, %r63; mov.u32 %r12, memory; mad.lo.u32 %r12, %r11, 4, %r12;
ld.shared.u32 %r32, [%r12];)";
  EXPECT_THAT(FaultOf({.body = body, .num_threads = 128, .declarations = kShared}),
              HasSubstr("shared memory that nobody has written"));
}

TEST(PtxMemoryTest, AccessesThatAGpuRefusesAreSeen) {
  const auto fault = [](const std::string& body) { return FaultOf({.body = body, .declarations = kShared}); };
  EXPECT_THAT(fault("ld.global.v2.u32 {%r32, %r33}, [%d31+4];"), HasSubstr("read of 8 bytes at"));
  EXPECT_THAT(fault("add.u64 %d0, %d31, 1; ld.global.u32 %r32, [%d0];"), HasSubstr("not aligned"));
  EXPECT_THAT(fault("st.shared.v4.u32 [memory+8], {%r32, %r32, %r32, %r32};"), HasSubstr("write of 16 bytes"));
  EXPECT_THAT(fault("st.global.u32 [%d30+4096], %r32;"), HasSubstr("which is in no allocation"));
  EXPECT_THAT(fault("st.shared.u32 [memory+1024], %r32;"), HasSubstr("write of 4 bytes at 1024 of 1024 bytes"));
  EXPECT_THAT(fault("mov.u32 %r10, memory; ld.shared.u32 %r32, [%r10+-4];"), HasSubstr("at -4 of 1024 bytes"));
  EXPECT_THAT(fault("mov.u32 %r10, 0; st.shared.u32 [%r10], %r32;"), HasSubstr("of shared memory"));
  EXPECT_THAT(fault("trap;"), HasSubstr("lines:9: trap, thread 0 of block (0, 0, 0)"));
}

TEST(PtxMemoryTest, GenericAddressesReachEachSpace) {
  const std::string body = R"(
mov.u64 %d0, memory; cvta.shared.u64 %d0, %d0; mul.wide.u32 %d1, %r63, 4; add.u64 %d0, %d0, %d1; st.u32 [%d0], %r63;
mov.u64 %d2, own; cvta.local.u64 %d2, %d2; st.u32 [%d2+4], %r63; ld.u32 %r1, [%d2+4]; ld.u32 %r2, [%d0];
cvta.to.shared.u64 %d3, %d0; cvt.u32.u64 %r3, %d3; ld.shared.u32 %r4, [%r3];
add.u32 %r32, %r1, %r2; add.u32 %r32, %r32, %r4;)";
  EXPECT_EQ(RunLines({.body = body, .declarations = kShared + ".local .align 8 .b8 own[8];"})[0],
            ByLane([](uint32_t lane) { return 3 * lane; }));
}

TEST(PtxMemoryTest, AtomicOperationsGiveTheOldValueToEachLane) {
  const std::string body = R"(
setp.eq.u32 %p0, %r63, 0; @%p0 st.shared.u32 [memory], 0; bar.warp.sync -1;
atom.shared.add.u32 %r1, [memory], 2; mov.u32 %r2, 1; shl.b32 %r32, %r2, %r1;
shr.u32 %r3, %r1, 1; shl.b32 %r32, %r2, %r3; bar.warp.sync -1; ld.shared.u32 %r33, [memory];)";
  const std::vector<Words> out = RunLines({.body = body, .num_out = 2, .declarations = kShared});
  EXPECT_EQ(std::set<uint32_t>(out[0].begin(), out[0].end()).size(), 32u);
  EXPECT_THAT(out[1], Each(64u));
  EXPECT_THAT(
      RunLines(
          {.body = "st.shared.u32 [memory], 5; atom.shared.inc.u32 %r1, [memory], 5; ld.shared.u32 %r32, [memory];",
           .num_threads = 1,
           .declarations = kShared})[0],
      Each(0u))
      << "it starts anew behind its limit";
}

TEST(PtxBarrierTest, AReductionIsOverTheWholeBlock) {
  const std::string body = R"(
setp.eq.u32 %p0, %r63, 77; bar.red.or.pred %p1, 0, %p0; bar.red.and.pred %p2, 0, %p0;
selp.u32 %r32, 1, 0, %p1; @%p2 add.u32 %r32, %r32, 2; bar.red.popc.u32 %r33, 0, %p0;)";
  const std::vector<Words> out = RunLines({.body = body, .num_out = 2, .num_threads = 96});
  EXPECT_THAT(out[0], Each(1u));
  EXPECT_THAT(out[1], Each(1u));
}

TEST(PtxBarrierTest, ABarrierThatAWarpNeverReachesIsSeen) {
  // The other warp waits at a second one for ever.
  const std::string body = "setp.lt.u32 %p0, %r63, 32; @%p0 bra end; bar.sync 1, 64; end: bar.sync 0;";
  EXPECT_THAT(FaultOf({.body = body, .num_threads = 64}), HasSubstr("a barrier that not all threads reach"));
}

// Two groups of one copy each, of 16 bytes: words 0 and 4 of what the lane has. `pending`: what is waited for.
std::string Copies(const std::string& wait, const std::string& address, const std::string& num_read = "16") {
  return R"(
mul.lo.u32 %r1, %r63, 32; mov.u32 %r10, memory; add.u32 %r10, %r10, %r1; sub.u64 %d0, %d31, 0;
mul.wide.u32 %d1, %r63, 4; sub.u64 %d0, %d31, %d1; cvt.u64.u32 %d2, %r1; add.u64 %d0, %d0, %d2; add.u64 %d3, %d0, 16;
cp.async.cg.shared.global [%r10], [%d0], 16, )" +
         num_read + R"(; cp.async.commit_group;
cp.async.cg.shared.global [%r10+16], [%d3], 16; cp.async.commit_group;
)" + wait +
         "\nld.shared.u32 %r32, [" + address + "];";
}
Lines CopyLines(const std::string& body, uint64_t seed) {
  Lines lines = {.body = body, .declarations = kShared, .seed = seed};
  for (uint32_t i = 0; i < 8; ++i) lines.in.push_back(ByLane([i](uint32_t lane) { return 32 * i + lane + 7; }));
  return lines;
}

TEST(PtxCopyTest, WhatIsWaitedForIsThereAndNothingElse) {
  const std::string first = "%r10+0", second = "%r10+16";
  for (uint64_t seed = 1; seed < 10; ++seed) {
    EXPECT_EQ(RunLines(CopyLines(Copies("cp.async.wait_group 1;", first), seed))[0],
              ByLane([](uint32_t lane) { return 8 * lane + 7; }));
    EXPECT_EQ(RunLines(CopyLines(Copies("cp.async.wait_group 0;", second), seed))[0],
              ByLane([](uint32_t lane) { return 8 * lane + 4 + 7; }));
    EXPECT_EQ(RunLines(CopyLines(Copies("cp.async.wait_all;", second), seed))[0],
              ByLane([](uint32_t lane) { return 8 * lane + 4 + 7; }));
    EXPECT_THAT(FaultOf(CopyLines(Copies("cp.async.wait_group 1;", second), seed)), HasSubstr("a copy still goes on"));
    EXPECT_THAT(FaultOf(CopyLines(Copies("cp.async.wait_group 2;", first), seed)), HasSubstr("a copy still goes on"));
    EXPECT_THAT(FaultOf(CopyLines(Copies("", first), seed)), HasSubstr("a copy still goes on"));
  }
}

TEST(PtxCopyTest, WhatIsNotReadIsZeros) {
  EXPECT_THAT(RunLines(CopyLines(Copies("cp.async.wait_all;", "%r10", "0"), 1))[0], Each(0u));
  EXPECT_THAT(RunLines(CopyLines(Copies("cp.async.wait_all;", "%r10+4", "4"), 1))[0], Each(0u));
  EXPECT_EQ(RunLines(CopyLines(Copies("cp.async.wait_all;", "%r10", "4"), 1))[0],
            ByLane([](uint32_t lane) { return 8 * lane + 7; }));
}

// The first warp looks for what the second one is to do.
Lines LinesThatWaitFor(uint32_t count) {
  return {.body = R"(
setp.ge.u32 %p0, %r63, 32;
mov.u64 %d0, 1;
@%p0 atom.release.gpu.global.add.u64 %d1, [%d28], %d0;
@%p0 bra DONE;
LOOK:
ld.acquire.gpu.global.u64 %d1, [%d28];
setp.lt.u64 %p1, %d1, )" +
                  std::to_string(count) +
                  R"(;
@%p1 bra LOOK;
DONE:
cvt.u32.u64 %r32, %d1;)",
          .in = {Words(64, 0)},
          .num_threads = 64};
}

TEST(PtxMemoryTest, AThreadThatLooksLetsOthersRun) {
  for (const Schedule schedule : {Schedule::kRunAhead, Schedule::kInStep}) {
    Lines lines = LinesThatWaitFor(32);
    lines.schedule = schedule;
    EXPECT_EQ(FaultOf(lines), "");
    Words found = RunLines(lines)[0];
    std::sort(found.begin() + 32, found.end());
    EXPECT_EQ(Words(found.begin(), found.begin() + 32), Words(32, 32));
    EXPECT_EQ(Words(found.begin() + 32, found.end()), ByLane([](uint32_t lane) { return lane; }));
  }
}

TEST(PtxMemoryTest, AWaitWithoutAnEndIsFound) {
  EXPECT_THAT(FaultOf(LinesThatWaitFor(33)), HasSubstr("wait for each other without an end"));
}

}  // namespace
}  // namespace skein::emulator::ptx
