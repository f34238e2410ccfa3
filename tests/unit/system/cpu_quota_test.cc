#include "system/cpu_quota.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>

namespace skein {
namespace {

namespace fs = std::filesystem;

constexpr char kV2[] = "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr char kV1[] =
    "25 20 0:23 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "26 20 0:24 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:11 - cgroup cgroup rw,cpu,cpuacct\n";

// A system's files of control groups, below a folder of its own.
class CpuQuotaTest : public testing::Test {
 protected:
  CpuQuotaTest() {
    std::string name = testing::TempDir() + "skein-cgroup-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder " + name);
    root_ = name;
  }
  ~CpuQuotaTest() override {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }

  void Write(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << text;
  }
  // The process is in `groups`, as /proc/self/cgroup has them, and sees `mounts`.
  void SetProcess(const std::string& groups, const std::string& mounts) const {
    Write("/proc/self/cgroup", groups);
    Write("/proc/self/mountinfo", "20 1 8:1 / / rw - ext4 /dev/root rw\n" + mounts);
  }
  void SetV1(const std::string& folder, const std::string& quota, const std::string& period) const {
    Write(folder + "/cpu.cfs_quota_us", quota);
    Write(folder + "/cpu.cfs_period_us", period);
  }

  std::optional<double> Quota() const { return CpuQuota(root_); }

  std::string root_;
};

TEST_F(CpuQuotaTest, ASystemWithoutControlGroupsHasNone) { EXPECT_EQ(Quota(), std::nullopt); }

TEST_F(CpuQuotaTest, Version2HasQuotaAndPeriodInOneFile) {
  SetProcess("0::/work\n", kV2);
  Write("/sys/fs/cgroup/work/cpu.max", "150000 100000\n");
  EXPECT_EQ(Quota(), 1.5);
}

TEST_F(CpuQuotaTest, MaxIsNoQuota) {
  SetProcess("0::/work\n", kV2);
  Write("/sys/fs/cgroup/work/cpu.max", "max 100000\n");
  EXPECT_EQ(Quota(), std::nullopt);
}

TEST_F(CpuQuotaTest, TheLeastOfNestedGroupsCounts) {
  SetProcess("0::/a/b/c\n", kV2);
  Write("/sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
  Write("/sys/fs/cgroup/a/b/cpu.max", "300000 100000\n");
  Write("/sys/fs/cgroup/a/cpu.max", "100000 50000\n");
  EXPECT_EQ(Quota(), 2.0);
}

TEST_F(CpuQuotaTest, AContainersOwnGroupIsTheMountedOne) {
  SetProcess("0::/\n", kV2);
  Write("/sys/fs/cgroup/cpu.max", "250000 100000\n");
  EXPECT_EQ(Quota(), 2.5);
}

TEST_F(CpuQuotaTest, AGroupOutsideTheMountIsReadAtTheMount) {
  SetProcess("0::/../../other\n", kV2);
  Write("/sys/fs/cgroup/cpu.max", "400000 100000\n");
  EXPECT_EQ(Quota(), 4.0);
}

TEST_F(CpuQuotaTest, Version1HasQuotaAndPeriodInTwoFiles) {
  SetProcess("4:memory:/m\n3:cpu,cpuacct:/box\n1:name=systemd:/box\n", kV1);
  SetV1("/sys/fs/cgroup/cpu,cpuacct/box", "50000\n", "100000\n");
  EXPECT_EQ(Quota(), 0.5);
}

TEST_F(CpuQuotaTest, MinusOneIsNoQuotaInVersion1) {
  SetProcess("3:cpu,cpuacct:/box\n", kV1);
  SetV1("/sys/fs/cgroup/cpu,cpuacct/box", "-1\n", "100000\n");
  EXPECT_EQ(Quota(), std::nullopt);
}

TEST_F(CpuQuotaTest, Version1CountsGroupsAboveToo) {
  SetProcess("3:cpu,cpuacct:/pod/box\n", kV1);
  SetV1("/sys/fs/cgroup/cpu,cpuacct/pod", "200000\n", "100000\n");
  SetV1("/sys/fs/cgroup/cpu,cpuacct/pod/box", "300000\n", "100000\n");
  EXPECT_EQ(Quota(), 2.0);
}

TEST_F(CpuQuotaTest, AMountedGroupIsTakenOffThePath) {
  SetProcess("3:cpu:/docker/1234/inner\n", "26 20 0:24 /docker/1234 /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n");
  SetV1("/sys/fs/cgroup/cpu/inner", "700000\n", "100000\n");
  EXPECT_EQ(Quota(), 7.0);
}

TEST_F(CpuQuotaTest, AGroupThatOnlyBeginsLikeTheMountedOneIsAnother) {
  SetProcess("3:cpu:/docker/12345\n", "26 20 0:24 /docker/1234 /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n");
  SetV1("/sys/fs/cgroup/cpu", "300000\n", "100000\n");
  SetV1("/sys/fs/cgroup/cpu5", "100000\n", "100000\n");
  EXPECT_EQ(Quota(), 3.0);
}

TEST_F(CpuQuotaTest, BothVersionsMayBeMounted) {
  SetProcess("3:cpu,cpuacct:/box\n0::/box\n",
             std::string(kV1) + "32 20 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  SetV1("/sys/fs/cgroup/cpu,cpuacct/box", "300000\n", "100000\n");
  EXPECT_EQ(Quota(), 3.0);
  Write("/sys/fs/cgroup/unified/box/cpu.max", "100000 100000\n");
  EXPECT_EQ(Quota(), 1.0);
}

TEST_F(CpuQuotaTest, AMountPointMayHaveSpaces) {
  SetProcess("0::/work\n", "31 23 0:28 / /my\\040groups rw - cgroup2 cgroup2 rw\n");
  Write("/my groups/work/cpu.max", "120000 60000\n");
  EXPECT_EQ(Quota(), 2.0);
}

TEST_F(CpuQuotaTest, FilesThatSaySomethingElseAreNoQuota) {
  for (const char* text : {"", "max", "100000", "0 100000", "100000 0", "many 100000", "-5 100000", "1e999 1"}) {
    SetProcess("0::/work\n", kV2);
    Write("/sys/fs/cgroup/work/cpu.max", text);
    EXPECT_EQ(Quota(), std::nullopt) << text;
  }
  for (const char* mounts : {"cgroup2", "1 2 3 - cgroup2", "31 23 0:28 / /sys/fs/cgroup - cgroup2", " - \n"}) {
    SetProcess("0::/work\n0\n::\n", mounts);
    EXPECT_EQ(Quota(), std::nullopt) << mounts;
  }
}

TEST_F(CpuQuotaTest, FractionsAreRoundedUpToProcessors) {
  SetProcess("0::/work\n", kV2);
  Write("/sys/fs/cgroup/work/cpu.max", "10000 100000\n");
  EXPECT_EQ(NumUsableProcessors(root_), 1u);
  cpu_set_t affinity;
  ASSERT_EQ(sched_getaffinity(0, sizeof(affinity), &affinity), 0);
  if (CPU_COUNT(&affinity) < 2) GTEST_SKIP() << "needs two processors";
  Write("/sys/fs/cgroup/work/cpu.max", "110000 100000\n");
  EXPECT_EQ(NumUsableProcessors(root_), 2u);
}

TEST_F(CpuQuotaTest, TheAffinityIsTheMost) {
  cpu_set_t affinity;
  ASSERT_EQ(sched_getaffinity(0, sizeof(affinity), &affinity), 0);
  const auto num_processors = static_cast<uint32_t>(CPU_COUNT(&affinity));
  EXPECT_EQ(NumUsableProcessors(root_), num_processors);
  SetProcess("0::/work\n", kV2);
  Write("/sys/fs/cgroup/work/cpu.max", "900000000 1000\n");
  EXPECT_EQ(NumUsableProcessors(root_), num_processors);
}

}  // namespace
}  // namespace skein
