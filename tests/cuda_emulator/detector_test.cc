// What the detector finds in kernels that report their accesses, for every seed, and that it accuses no right kernel.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <vector>

#include "cuda_emulator/control.h"
#include "tests/cuda_emulator/device_vector.h"
#include "tests/cuda_emulator/test_kernels.h"

namespace skein::emulator {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr uint64_t kSeeds = 20;

class DetectorTest : public testing::Test {
 protected:
  void SetUp() override {
    Configure({});
    TakeErrors();
  }

  // Runs something with every seed in both schedules, from fresh devices.
  template <typename Run>
  static void ForSeeds(const Run& run) {
    for (uint64_t seed = 0; seed < kSeeds; ++seed) {
      Options options;
      options.seed = seed;
      options.schedule = seed % 2 == 0 ? Schedule::kRunAhead : Schedule::kInStep;
      Configure(options);
      SCOPED_TRACE(seed);
      run();
    }
  }

  static void ExpectClean() {
    const std::vector<Error> errors = TakeErrors();
    for (const Error& error : errors) ADD_FAILURE() << error.kernel << ": " << error.message;
  }

  static void ExpectFound(ErrorKind kind, const char* kernel) {
    const std::vector<Error> errors = TakeErrors();
    EXPECT_THAT(errors, Not(IsEmpty()));
    EXPECT_THAT(errors, Each(AllOf(Field(&Error::kind, kind), Field(&Error::kernel, HasSubstr(kernel)))));
    if (!errors.empty() && testing::Test::HasFailure()) ADD_FAILURE() << errors[0].message;
  }
};

TEST_F(DetectorTest, MissingBarriersAreRaces) {
  ForSeeds([] {
    const DeviceVector<float> in(std::vector<float>(1024, 1)), out(1024);
    const auto run = [&](Fault fault) {
      Require(LaunchOn(nullptr, dim3(4), dim3(256), ReverseBlocks, in.data(), out.data(), fault));
      Require(cudaDeviceSynchronize());
    };
    run(Fault::kNone);
    ExpectClean();
    run(Fault::kNoBarrier);
    // A thread that comes first reads what nobody wrote as yet.
    const std::vector<Error> errors = TakeErrors();
    EXPECT_THAT(errors, Not(IsEmpty()));
  });
}

TEST_F(DetectorTest, EachBarrierOfASumIsNeeded) {
  ForSeeds([] {
    const DeviceVector<float> in(std::vector<float>(1024, 1)), out(4);
    const auto run = [&](Fault fault) {
      Require(LaunchOn(nullptr, dim3(4), dim3(256), SumBlocks, in.data(), out.data(), fault));
      Require(cudaDeviceSynchronize());
      return TakeErrors();
    };
    EXPECT_THAT(run(Fault::kNone), IsEmpty());
    for (const BarrierSite& site : BarrierSites()) {
      DisableBarrier(site);
      EXPECT_THAT(run(Fault::kNone), Not(IsEmpty())) << site.file << ":" << site.line;
      EnableBarriers();
    }
    EXPECT_THAT(run(Fault::kNoSecondBarrier), Not(IsEmpty()));
    EXPECT_THAT(run(Fault::kNone), IsEmpty());
  });
}

TEST_F(DetectorTest, AWarpNeedsItsBarrier) {
  ForSeeds([] {
    const DeviceVector<int> in(std::vector<int>(512, 1)), out(512);
    const auto run = [&](Fault fault) {
      Require(LaunchOn(nullptr, dim3(2), dim3(256), SwapInWarps, in.data(), out.data(), fault));
      Require(cudaDeviceSynchronize());
      return TakeErrors();
    };
    EXPECT_THAT(run(Fault::kNone), IsEmpty());
    EXPECT_THAT(run(Fault::kNoWarpBarrier), Not(IsEmpty()));
  });
}

TEST_F(DetectorTest, AtomicsDoNotRaceAndPlainAccessesDo) {
  ForSeeds([] {
    const DeviceVector<unsigned> out(std::vector<unsigned>(1, 0));
    Require(LaunchOn(nullptr, dim3(8), dim3(64), CountThreads, out.data(), Fault::kNone));
    EXPECT_EQ(out.Read()[0], 8u * 64);
    ExpectClean();
    Require(LaunchOn(nullptr, dim3(8), dim3(64), CountThreads, out.data(), Fault::kOther));
    Require(cudaDeviceSynchronize());
    ExpectFound(ErrorKind::kRace, "CountThreads");
  });
}

TEST_F(DetectorTest, BlocksThatMeetMayReadWhatOthersWroteBefore) {
  constexpr int kRounds = 5;
  std::array<uint64_t, kRounds> num_found = {};
  ForSeeds([&] {
    const DeviceVector<float> in(std::vector<float>(256, 1)), rounds(256 * (kRounds + 1));
    const DeviceVector<unsigned long long> count(std::vector<unsigned long long>(1, 0));  // NOLINT
    const auto run = [&](Fault fault) {
      Require(LaunchTogether(nullptr, dim3(4), dim3(64), AddNeighbours, in.data(), rounds.data(), count.data(), kRounds,
                             fault));
      Require(cudaDeviceSynchronize());
      return TakeErrors();
    };
    for (int i = 0; i < 2; ++i) {  // the count goes on
      EXPECT_THAT(run(Fault::kNone), IsEmpty());
      EXPECT_EQ(rounds.Read().back(), 32);
    }
    EXPECT_EQ(count.Read()[0], 2u * 4 * kRounds);
    const std::vector<BarrierSite> sites = BarrierSites();
    EXPECT_EQ(sites.size(), 4u);
    for (const BarrierSite& site : sites) {
      DisableBarrier(site);
      EXPECT_THAT(run(Fault::kNone), Not(IsEmpty())) << site.kind;
      EnableBarriers();
    }
    // A block that looks late finds what a later release hands on.
    for (int round = 0; round < kRounds; ++round) {
      LeaveOutRelease(round);
      num_found[round] += !run(Fault::kNone).empty();
    }
    LeaveOutRelease(kRounds);
    EXPECT_THAT(run(Fault::kNone), IsEmpty());
    EXPECT_THAT(run(Fault::kNoBarrier), Not(IsEmpty()));
    EXPECT_THAT(run(Fault::kNoSecondBarrier), Not(IsEmpty()));
    EXPECT_THAT(run(Fault::kNone), IsEmpty());
  });
  EXPECT_THAT(num_found, Each(testing::Gt(kSeeds / 2)));
}

TEST_F(DetectorTest, BlocksThatWaitWithoutAnEndAreFound) {
  ForSeeds([] {
    const DeviceVector<float> in(std::vector<float>(256, 1)), rounds(512);
    const DeviceVector<unsigned long long> count(std::vector<unsigned long long>(1, 0));  // NOLINT
    Require(LaunchTogether(nullptr, dim3(4), dim3(64), AddNeighbours, in.data(), rounds.data(), count.data(), 1,
                           Fault::kOther));
    EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorLaunchFailure);
    ExpectFound(ErrorKind::kDeadlock, "AddNeighbours");
  });
}

TEST_F(DetectorTest, TheLastBlockMayReadWhatFencesHandOn) {
  ForSeeds([] {
    const DeviceVector<float> in(std::vector<float>(256, 1)), sums(4), out(1);
    const DeviceVector<unsigned> count(std::vector<unsigned>(1, 0));
    const auto run = [&](Fault fault) {
      Require(LaunchOn(nullptr, dim3(4), dim3(64), SumThroughLastBlock, in.data(), sums.data(), count.data(),
                       out.data(), fault));
      Require(cudaDeviceSynchronize());
      return TakeErrors();
    };
    EXPECT_THAT(run(Fault::kNone), IsEmpty());
    EXPECT_EQ(out.Read()[0], 256);
    EXPECT_EQ(count.Read()[0], 0u);
    const std::vector<BarrierSite> sites = BarrierSites();
    EXPECT_EQ(sites.size(), 4u);
    for (const BarrierSite& site : sites) {
      DisableBarrier(site);
      EXPECT_THAT(run(Fault::kNone), Not(IsEmpty())) << site.kind << " at " << site.line;
      EnableBarriers();
    }
    EXPECT_THAT(run(Fault::kNoBarrier), Not(IsEmpty())) << "a block that is not the last";
    EXPECT_THAT(run(Fault::kNone), IsEmpty());
  });
}

TEST_F(DetectorTest, BlocksThatWriteOnePlaceRace) {
  ForSeeds([] {
    const DeviceVector<float> in(std::vector<float>(600, 1)), out(600);
    Require(LaunchOn(nullptr, dim3(3), dim3(256), AddOne, in.data(), out.data(), 600, Fault::kNone));
    Require(cudaDeviceSynchronize());
    ExpectClean();
    Require(LaunchOn(nullptr, dim3(3), dim3(256), AddOne, in.data(), out.data(), 600, Fault::kOther));
    Require(cudaDeviceSynchronize());
    ExpectFound(ErrorKind::kRace, "AddOne");
  });
}

TEST_F(DetectorTest, AccessesOutsideAllocationsAreFound) {
  ForSeeds([] {
    const DeviceVector<float> in(std::vector<float>(600, 1)), out(600);
    Require(LaunchOn(nullptr, dim3(3), dim3(256), AddOne, in.data(), out.data(), 600, Fault::kBounds));
    Require(cudaDeviceSynchronize());
    ExpectFound(ErrorKind::kOutOfBounds, "AddOne");
  });
}

TEST_F(DetectorTest, FreedMemoryIsNotToBeTouched) {
  ForSeeds([] {
    const DeviceVector<float> out(256);
    float* in = nullptr;
    {
      const DeviceVector<float> freed(std::vector<float>(256, 1));
      in = freed.data();
    }
    Require(LaunchOn(nullptr, dim3(1), dim3(256), AddOne, in, out.data(), 256, Fault::kNone));
    Require(cudaDeviceSynchronize());
    ExpectFound(ErrorKind::kOutOfBounds, "AddOne");
  });
}

TEST_F(DetectorTest, ReadsOfWhatNobodyWroteAreFound) {
  ForSeeds([] {
    const DeviceVector<float> in(256), out(256);
    Require(LaunchOn(nullptr, dim3(1), dim3(256), AddOne, in.data(), out.data(), 256, Fault::kNone));
    Require(cudaDeviceSynchronize());
    ExpectFound(ErrorKind::kUninitialised, "AddOne");
    Require(LaunchOn(nullptr, dim3(1), dim3(64), ReadUnwritten, out.data(), Fault::kNone));
    Require(cudaDeviceSynchronize());
    ExpectClean();
    Require(LaunchOn(nullptr, dim3(1), dim3(64), ReadUnwritten, out.data(), Fault::kOther));
    Require(cudaDeviceSynchronize());
    ExpectFound(ErrorKind::kUninitialised, "ReadUnwritten");
  });
}

TEST_F(DetectorTest, CopiesThatGoOnByThemselvesAreWaitedFor) {
  ForSeeds([] {
    const DeviceVector<float4> in(std::vector<float4>(64, make_float4(1, 2, 3, 4)));
    const DeviceVector<float> out(64);
    const auto run = [&](Fault fault) {
      Require(LaunchOn(nullptr, dim3(1), dim3(64), CopyThroughShared, in.data(), out.data(), fault));
      Require(cudaDeviceSynchronize());
    };
    run(Fault::kNone);
    ExpectClean();
    run(Fault::kNoCopyWait);
    ExpectFound(ErrorKind::kRace, "CopyThroughShared");
    run(Fault::kNoCopyBarrier);
    EXPECT_THAT(TakeErrors(), Not(IsEmpty()));
  });
}

cudaError_t LaunchDependent(const float* in, float* out, int count, Fault fault) {
  cudaLaunchAttribute attribute = {};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(4);
  config.blockDim = dim3(64);
  config.attrs = &attribute;
  config.numAttrs = 1;
  return cudaLaunchKernelEx(&config, AddOneDependent, in, out, count, fault);
}

TEST_F(DetectorTest, ADependentKernelReadsAfterItsWait) {
  ForSeeds([] {
    const DeviceVector<float> a(std::vector<float>(256, 1)), b(256), c(256);
    Require(LaunchDependent(a.data(), b.data(), 256, Fault::kNone));
    Require(LaunchDependent(b.data(), c.data(), 256, Fault::kNone));
    EXPECT_EQ(c.Read()[7], 3);
    ExpectClean();
    Require(LaunchDependent(a.data(), b.data(), 256, Fault::kNone));
    Require(LaunchDependent(b.data(), c.data(), 256, Fault::kOther));
    Require(cudaDeviceSynchronize());
    ExpectFound(ErrorKind::kRace, "AddOneDependent");
  });
}

// A kernel that waits releases only what has ended before it. One that never waited cannot promise even that.
TEST_F(DetectorTest, ADependentKernelMayReadWhatEndedBeforeTheOneBeforeIt) {
  const DeviceVector<float> a(std::vector<float>(256, 1)), b(256), c(256), d(256);
  Require(LaunchDependent(a.data(), b.data(), 256, Fault::kNone));
  Require(LaunchDependent(a.data(), c.data(), 256, Fault::kNone));
  Require(LaunchDependent(b.data(), d.data(), 256, Fault::kOther));
  Require(cudaDeviceSynchronize());
  ExpectClean();
  const std::vector<BarrierSite> sites = BarrierSites();
  ASSERT_EQ(sites.size(), 1u);
  DisableBarrier(sites[0]);
  Require(LaunchDependent(a.data(), b.data(), 256, Fault::kNone));
  Require(LaunchDependent(a.data(), c.data(), 256, Fault::kNone));
  Require(LaunchDependent(b.data(), d.data(), 256, Fault::kOther));
  Require(cudaDeviceSynchronize());
  ExpectFound(ErrorKind::kRace, "AddOneDependent");
}

TEST_F(DetectorTest, StreamsThatNothingOrdersRace) {
  ForSeeds([] {
    const DeviceVector<float> a(std::vector<float>(256, 1)), b(256), c(256);
    cudaStream_t first, second;
    cudaEvent_t event;
    Require(cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking));
    Require(cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking));
    Require(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    Require(LaunchOn(first, dim3(1), dim3(256), AddOne, a.data(), b.data(), 256, Fault::kNone));
    Require(cudaEventRecord(event, first));
    Require(cudaStreamWaitEvent(second, event));
    Require(LaunchOn(second, dim3(1), dim3(256), AddOne, b.data(), c.data(), 256, Fault::kNone));
    EXPECT_EQ(c.Read()[0], 3);
    ExpectClean();
    Require(LaunchOn(first, dim3(1), dim3(256), AddOne, a.data(), b.data(), 256, Fault::kNone));
    Require(LaunchOn(second, dim3(1), dim3(256), AddOne, b.data(), c.data(), 256, Fault::kNone));
    Require(cudaDeviceSynchronize());
    ExpectFound(ErrorKind::kRace, "AddOne");
    // A copy is work like any other.
    Require(LaunchOn(first, dim3(1), dim3(256), AddOne, a.data(), b.data(), 256, Fault::kNone));
    Require(cudaMemcpyAsync(c.data(), b.data(), 1024, cudaMemcpyDeviceToDevice, second));
    Require(cudaDeviceSynchronize());
    EXPECT_THAT(TakeErrors(), Not(IsEmpty()));
  });
}

TEST_F(DetectorTest, AnAddressOfNoMemoryEndsTheLaunch) {
  // NULL, and where an index below zero leads.
  for (const uintptr_t address : {uintptr_t{0}, uintptr_t{0x7FFF'FFF0'0000'0000}}) {
    Configure({});
    const DeviceVector<int> out(1);
    Require(LaunchOn(nullptr, dim3(1), dim3(32), ReadNowhere, out.data(), address));
    EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
    ExpectFound(ErrorKind::kOutOfBounds, "ReadNowhere");
  }
}

TEST_F(DetectorTest, DynamicSharedMemoryEndsWhereTheLaunchSays) {
  const DeviceVector<int> in(std::vector<int>(96, 5)), out(96);
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(2);
  config.blockDim = dim3(96);
  config.dynamicSmemBytes = 96 * sizeof(int);
  Require(cudaLaunchKernelEx(&config, ReverseDynamic, in.data(), out.data(), Fault::kBounds));
  Require(cudaDeviceSynchronize());
  bool is_found = false;
  for (const Error& error : TakeErrors()) is_found |= error.kind == ErrorKind::kOutOfBounds;
  EXPECT_TRUE(is_found);
}

TEST_F(DetectorTest, VectorsAreReadAtMultiplesOfTheirSize) {
  const DeviceVector<float> in(std::vector<float>(256, 1)), out(63);
  Require(LaunchOn(nullptr, dim3(1), dim3(63), SumFours, in.data(), out.data(), Fault::kNone));
  EXPECT_EQ(out.Read()[5], 4);
  ExpectClean();
  Require(LaunchOn(nullptr, dim3(1), dim3(63), SumFours, in.data(), out.data(), Fault::kOther));
  Require(cudaDeviceSynchronize());
  ExpectFound(ErrorKind::kMisuse, "SumFours");
}

// The place, both threads and the barriers that they have passed are in the message.
TEST_F(DetectorTest, AnErrorSaysWhatAndWhere) {
  const DeviceVector<unsigned> out(std::vector<unsigned>(4, 0));
  Require(LaunchOn(nullptr, dim3(2), dim3(1), CountThreads, out.data() + 2, Fault::kOther));
  Require(cudaDeviceSynchronize());
  const std::vector<Error> errors = TakeErrors();
  ASSERT_FALSE(errors.empty());
  EXPECT_THAT(errors[0].message, HasSubstr("4 bytes at byte 8 of allocation"));
  EXPECT_THAT(errors[0].message, HasSubstr("thread 0 of block 0"));
  EXPECT_THAT(errors[0].message, HasSubstr("thread 0 of block 1"));
}

}  // namespace
}  // namespace skein::emulator
