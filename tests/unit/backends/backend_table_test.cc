// The C table over a backend without memory of the host: two devices, and steps that end when the test says so.
#include "kit/backend_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>

#include "tests/conformance/test_host.h"

namespace skein::kit {
namespace {

// The questions to the fake backend, and its answers. The table has no place for a context.
struct Script {
  std::atomic<bool> is_done = false;
  std::string failure_of_entry;
  bool step_fails = false;
  bool fails_at_once = false;
  bool move_is_done = false;  // of a state
  int num_fences = 0;
  uint32_t opened_device = 99;
} script;

class FakeFence {
 public:
  FakeFence() { ++script.num_fences; }
  ~FakeFence() { --script.num_fences; }

  bool IsDone() const noexcept { return script.is_done; }
  std::optional<std::string> Wait(int64_t /*timeout_us*/) const {
    if (!script.is_done) return std::nullopt;
    if (script.step_fails) throw plugin::Error(SKEIN_DATA_LOSS, "the device fell off the bus");
    return script.failure_of_entry;
  }
};

template <typename StepResult>
class FakeSegment {
 public:
  void Put(const skein_tensor&) {}
  void Seal() {}
  void InitState(uint32_t) {}
  void CopyState(uint32_t, uint32_t) {}
  void ExportState(uint32_t, float*, uint64_t) {}
  void ImportState(uint32_t, const float*, uint64_t) {}
  StepResult Step(const skein_step&) {
    if (script.fails_at_once) throw plugin::Error(SKEIN_INVALID_ARGUMENT, "no such step");
    if constexpr (std::is_same_v<StepResult, std::string>) {
      return script.failure_of_entry;
    } else {
      StepResult result;
      result.fence = std::make_unique<FakeFence>();
      return result;
    }
  }
  std::unique_ptr<FakeFence> BeginExport(uint32_t, float*,
                                         uint64_t) requires(!std::is_same_v<StepResult, std::string>) {
    if (script.fails_at_once) throw plugin::Error(SKEIN_OUT_OF_RANGE, "no such slot");
    return script.move_is_done ? nullptr : std::make_unique<FakeFence>();
  }
  std::unique_ptr<FakeFence> BeginImport(uint32_t, const float*,
                                         uint64_t) requires(!std::is_same_v<StepResult, std::string>) {
    if (script.fails_at_once) throw plugin::Error(SKEIN_OUT_OF_RANGE, "no such slot");
    return script.move_is_done ? nullptr : std::make_unique<FakeFence>();
  }
  Work TotalWork() const { return {.multiplications = 7, .library_multiplications = 3}; }
};

template <typename SegmentType>
struct FakeBackend {
  using Segment = SegmentType;
  static constexpr const char* kId = "fake";
  static constexpr const char* kDescription = "a fake";
  static constexpr const char* kLibrary = "cuBLAS";

  class Device {
   public:
    Device(const skein_host& /*host*/, uint32_t index) { script.opened_device = index; }
    skein_segment_cost Cost(const skein_segment_desc&) const { return {}; }
    std::unique_ptr<Segment> MakeSegment(const skein_segment_desc&) { return std::make_unique<Segment>(); }
  };

  static uint32_t NumDevices() { return 2; }
  static skein_backend_device DescribeDevice(uint32_t index) {
    skein_backend_device device = {};
    device.struct_size = sizeof(device);
    device.generations = 1u << 7;
    device.rank = 10 + index;
    return device;
  }
};

struct LateBackend : FakeBackend<FakeSegment<StepEnd<FakeFence>>> {
  using Fence = FakeFence;
  static bool BeginsExports() { return true; }
  static bool BeginsImports() { return true; }
  struct Device : FakeBackend::Device {
    using FakeBackend::Device::Device;
    uint64_t FreeMemory() const { return 12; }
  };
};
struct PromptBackend : FakeBackend<FakeSegment<std::string>> {};
struct OutwardBackend : LateBackend {
  static bool BeginsImports() { return false; }
};
struct InwardBackend : LateBackend {
  static bool BeginsExports() { return false; }
};

TEST(BackendTableMembersTest, FreeMemoryIsOfferedByThoseWhoKnowIt) {
  EXPECT_EQ(BackendTable<PromptBackend>::Get()->device_free_memory, nullptr);
  EXPECT_NE(BackendTable<LateBackend>::Get()->device_free_memory, nullptr);
}

TEST(BackendTableMembersTest, ExportsAreBegunByThoseWhoCanAndWantTo) {
  EXPECT_EQ(BackendTable<PromptBackend>::Get()->state_export_begin, nullptr);
  EXPECT_EQ(BackendTable<InwardBackend>::Get()->state_export_begin, nullptr);
  EXPECT_NE(BackendTable<OutwardBackend>::Get()->state_export_begin, nullptr);
}

TEST(BackendTableMembersTest, ImportsAreBegunByThoseWhoCanAndWantTo) {
  EXPECT_EQ(BackendTable<PromptBackend>::Get()->state_import_begin, nullptr);
  EXPECT_EQ(BackendTable<OutwardBackend>::Get()->state_import_begin, nullptr);
  EXPECT_NE(BackendTable<InwardBackend>::Get()->state_import_begin, nullptr);
}

class BackendTableTest : public testing::Test {
 protected:
  void SetUp() override {
    script.is_done = false;
    script.failure_of_entry.clear();
    script.step_fails = script.fails_at_once = script.move_is_done = false;
    step_.struct_size = sizeof(step_);
  }
  void TearDown() override { EXPECT_EQ(script.num_fences, 0); }

  // A step of LateBackend.
  int32_t Step(void** fence) { return late_->step(&late_segment_, &step_, fence, &message_); }

  // `begin` moves a state of LateBackend: it gets a fence where the move is not done, and none where it is or fails.
  template <typename Begin>
  void ExpectFenceWhereAMoveIsNotDone(const Begin& begin) {
    void* fence = nullptr;
    ASSERT_EQ(begin(&fence), SKEIN_OK);
    ASSERT_NE(fence, nullptr);
    EXPECT_EQ(late_->fence_wait(fence, 0, &message_), SKEIN_DEADLINE_EXCEEDED);
    script.is_done = true;
    EXPECT_EQ(late_->fence_wait(fence, -1, &message_), SKEIN_OK);
    late_->fence_release(fence);
    script.move_is_done = true;
    EXPECT_EQ(begin(&fence), SKEIN_OK);
    EXPECT_EQ(fence, nullptr);
    script.fails_at_once = true;
    fence = &fence;
    EXPECT_EQ(begin(&fence), SKEIN_OUT_OF_RANGE);
    EXPECT_EQ(fence, nullptr);
  }

  const skein_backend_table* const late_ = BackendTable<LateBackend>::Get();
  const skein_backend_table* const prompt_ = BackendTable<PromptBackend>::Get();
  LateBackend::Segment late_segment_;
  PromptBackend::Segment prompt_segment_;
  skein_step step_ = {};
  skein_message message_ = {};
};

TEST_F(BackendTableTest, DescribesAndOpensEachOfSeveralDevices) {
  const conformance::TestHost host;
  uint32_t count = 0;
  ASSERT_EQ(late_->device_count(&count, &message_), SKEIN_OK);
  ASSERT_EQ(count, 2u);
  for (uint32_t index = 0; index < count; ++index) {
    skein_backend_device info = {};
    info.struct_size = sizeof(info);
    ASSERT_EQ(late_->device_info(index, &info, &message_), SKEIN_OK);
    EXPECT_EQ(info.rank, 10 + index);
    void* device = nullptr;
    ASSERT_EQ(late_->device_open(host.table(), index, &device, &message_), SKEIN_OK);
    EXPECT_EQ(script.opened_device, index);
    late_->device_close(device);
  }
}

TEST_F(BackendTableTest, RefusesADeviceThatThereIsNot) {
  const conformance::TestHost host;
  void* device = &device;
  EXPECT_EQ(late_->device_open(host.table(), 2, &device, &message_), SKEIN_OUT_OF_RANGE);
  EXPECT_EQ(device, nullptr);
  EXPECT_STREQ(message_.text, "device 2: expected an index below 2, the number of devices");
}

TEST_F(BackendTableTest, OffersFencesOnlyWhereTheBackendHasThem) {
  EXPECT_NE(late_->fence_done, nullptr);
  EXPECT_NE(late_->fence_wait, nullptr);
  EXPECT_NE(late_->fence_release, nullptr);
  EXPECT_EQ(prompt_->fence_done, nullptr);
  EXPECT_EQ(prompt_->fence_wait, nullptr);
  EXPECT_EQ(prompt_->fence_release, nullptr);
}

TEST_F(BackendTableTest, AStepThatIsDoneSaysWhichEntryFailed) {
  script.failure_of_entry = "step: entry 1: its token is bad";
  void* fence = &fence;
  EXPECT_EQ(prompt_->step(&prompt_segment_, &step_, &fence, &message_), SKEIN_OK);
  EXPECT_EQ(fence, nullptr);
  EXPECT_STREQ(message_.text, "step: entry 1: its token is bad");
}

TEST_F(BackendTableTest, ALateStepSaysWhichEntryFailedWhenItsFenceIsDone) {
  script.failure_of_entry = "step: entry 1: its result is not finite";
  void* fence = nullptr;
  ASSERT_EQ(Step(&fence), SKEIN_OK);
  ASSERT_NE(fence, nullptr);
  EXPECT_EQ(late_->fence_done(fence), 0u);
  EXPECT_EQ(late_->fence_wait(fence, 0, &message_), SKEIN_DEADLINE_EXCEEDED);
  script.is_done = true;
  EXPECT_EQ(late_->fence_done(fence), 1u);
  EXPECT_EQ(late_->fence_wait(fence, -1, &message_), SKEIN_OK);
  EXPECT_STREQ(message_.text, "step: entry 1: its result is not finite");
  late_->fence_release(fence);
}

TEST_F(BackendTableTest, ALateStepThatFailsAsAWholeSaysSoAtItsFence) {
  script.step_fails = script.is_done = true;
  void* fence = nullptr;
  ASSERT_EQ(Step(&fence), SKEIN_OK);
  EXPECT_EQ(late_->fence_wait(fence, -1, &message_), SKEIN_DATA_LOSS);
  EXPECT_STREQ(message_.text, "the device fell off the bus");
  late_->fence_release(fence);
}

TEST_F(BackendTableTest, AStepThatIsRefusedLeavesNoFence) {
  script.fails_at_once = true;
  void* fence = &fence;
  EXPECT_EQ(Step(&fence), SKEIN_INVALID_ARGUMENT);
  EXPECT_EQ(fence, nullptr);
}

TEST_F(BackendTableTest, AnExportHasAFenceWhereItIsNotDone) {
  float state = 0;
  ExpectFenceWhereAMoveIsNotDone(
      [&](void** fence) { return late_->state_export_begin(&late_segment_, 0, &state, 1, fence, &message_); });
}

TEST_F(BackendTableTest, AnImportHasAFenceWhereItIsNotDone) {
  const float state = 0;
  ExpectFenceWhereAMoveIsNotDone(
      [&](void** fence) { return late_->state_import_begin(&late_segment_, 0, &state, 1, fence, &message_); });
}

TEST_F(BackendTableTest, SaysWhoseLibraryMultiplied) {
  skein_segment_work work = {};
  work.struct_size = sizeof(work);
  ASSERT_EQ(late_->segment_work(&late_segment_, &work, &message_), SKEIN_OK);
  EXPECT_EQ(work.multiplications, 7u);
  EXPECT_EQ(work.library_multiplications, 3u);
  EXPECT_STREQ(work.library, "cuBLAS");
}

}  // namespace
}  // namespace skein::kit
