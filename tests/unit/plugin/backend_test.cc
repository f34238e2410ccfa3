// Devices and segments over a backend that lives in the test and does as it is told.
#include "plugin/backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "plugin/host_services.h"

namespace skein {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// The orders for the steps of the backend below, and its notes of them.
struct Script {
  int32_t step_code = SKEIN_OK;
  bool gives_fence = true;
  bool gives_handles = true;
  int32_t fence_code = SKEIN_OK;
  int num_deadlines = 0;  // waits that end before the step does
  std::string message;
  skein_backend_device device = {};

  int num_waits = 0;
  int num_releases = 0;
};
Script script;
char fence_place;
char handle_place;

void WriteMessage(skein_message* message) {
  std::memset(message->text, '#', sizeof(message->text));
  // With its NUL if there is room for it.
  std::copy_n(script.message.c_str(), std::min(script.message.size() + 1, sizeof(message->text)), message->text);
}

skein_backend_table Table() {
  skein_backend_table table = {};
  table.struct_size = sizeof(table);
  table.device_count = [](uint32_t* count, skein_message*) { return *count = 1, int32_t{SKEIN_OK}; };
  table.device_info = [](uint32_t, skein_backend_device* info, skein_message*) {
    *info = script.device;
    return int32_t{SKEIN_OK};
  };
  table.device_open = [](const skein_host*, uint32_t, void** device, skein_message*) {
    if (script.gives_handles) *device = &handle_place;
    return int32_t{SKEIN_OK};
  };
  table.device_close = [](void*) {};
  table.query = [](void*, const skein_segment_desc*, skein_segment_cost*, skein_message* message) {
    WriteMessage(message);
    return int32_t{SKEIN_OK};
  };
  table.segment_create = [](void*, const skein_segment_desc*, void** segment, skein_message*) {
    if (script.gives_handles) *segment = &handle_place;
    return int32_t{SKEIN_OK};
  };
  table.segment_destroy = [](void*) {};
  table.step = [](void*, const skein_step*, void** fence, skein_message* message) {
    if (script.gives_fence) *fence = &fence_place;
    WriteMessage(message);
    return script.step_code;
  };
  table.fence_done = [](void*) { return script.num_waits > script.num_deadlines ? 1u : 0u; };
  table.fence_wait = [](void*, int64_t, skein_message* message) {
    if (++script.num_waits <= script.num_deadlines) return int32_t{SKEIN_DEADLINE_EXCEEDED};
    WriteMessage(message);
    return script.fence_code;
  };
  table.fence_release = [](void*) { ++script.num_releases; };
  return table;
}

class BackendTest : public testing::Test {
 protected:
  void SetUp() override {
    script = Script();
    script.device.struct_size = sizeof(script.device);
    script.device.deterministic_types = 1u << SKEIN_DTYPE_NONE;
    std::strcpy(script.device.name, "odd:0");
  }

  std::shared_ptr<Device> OpenDevice() {
    absl::StatusOr<std::shared_ptr<Device>> device =
        Device::Open(services_.host(), {{"odd", &table_}, 0, script.device});
    EXPECT_TRUE(device.ok()) << device.status();
    return *std::move(device);
  }
  std::unique_ptr<Segment> MakeSegment(uint32_t compute_type = SKEIN_DTYPE_NONE) {
    skein_segment_desc desc = {};
    desc.struct_size = sizeof(desc);
    desc.compute_type = compute_type;
    absl::StatusOr<std::unique_ptr<Segment>> segment = Segment::Create(OpenDevice(), desc);
    EXPECT_TRUE(segment.ok()) << segment.status();
    return *std::move(segment);
  }
  static absl::Status Step(Segment& segment) {
    absl::StatusOr<SegmentFence> begun = segment.Begin(skein_step{});
    return begun.ok() ? begun->Wait() : begun.status();
  }
  absl::Status Step() { return Step(*MakeSegment()); }

  skein_backend_table table_ = Table();
  std::vector<std::string> log_;
  HostServices services_{1, [this](uint32_t, absl::string_view line) { log_.emplace_back(line); }};
};

// --- memory ---

TEST_F(BackendTest, WhatIsFreeIsAskedOfThoseWhoTell) {
  EXPECT_EQ(*OpenDevice()->FreeMemory(100), 100u) << "it does not tell";
  table_.device_free_memory = [](void*, uint64_t* bytes, skein_message*) {
    *bytes = 60;
    return int32_t{SKEIN_OK};
  };
  EXPECT_EQ(*OpenDevice()->FreeMemory(100), 60u);
  EXPECT_EQ(*OpenDevice()->FreeMemory(50), 50u) << "no more than it has";
  EXPECT_EQ(*OpenDevice()->FreeMemory(0), 0u) << "not known";
  table_.struct_size = offsetof(skein_backend_table, device_free_memory);
  EXPECT_EQ(*OpenDevice()->FreeMemory(100), 100u) << "an older table";
}

TEST_F(BackendTest, AQuestionForFreeMemoryMayFindNone) {
  table_.device_free_memory = [](void*, uint64_t*, skein_message* message) {
    script.message = "no room for a context";
    WriteMessage(message);
    return int32_t{SKEIN_RESOURCE_EXHAUSTED};
  };
  const absl::Status status = OpenDevice()->FreeMemory(100).status();
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("no room for a context"));
}

// --- fences ---

TEST_F(BackendTest, AStepIsWaitedForAndItsFenceReleasedOnce) {
  EXPECT_TRUE(Step().ok());
  EXPECT_EQ(script.num_waits, 1);
  EXPECT_EQ(script.num_releases, 1);
}

TEST_F(BackendTest, AStepWithoutAFenceIsDone) {
  script.gives_fence = false;
  EXPECT_TRUE(Step().ok());
  EXPECT_EQ(script.num_waits, 0);
  EXPECT_EQ(script.num_releases, 0);
}

TEST_F(BackendTest, AStepThatFailsLateReleasesItsFenceOnce) {
  script.fence_code = SKEIN_INTERNAL;
  script.message = "the device is confused";
  EXPECT_EQ(Step(), absl::InternalError("odd: the device is confused"));
  EXPECT_EQ(script.num_releases, 1);
}

TEST_F(BackendTest, ADeviceThatIsLostIsNamedAndStaysLost) {
  const std::unique_ptr<Segment> segment = MakeSegment();
  script.fence_code = SKEIN_INTERNAL;
  EXPECT_FALSE(Step(*segment).ok());
  EXPECT_FALSE(segment->device().is_lost());
  script.fence_code = SKEIN_UNAVAILABLE;
  script.message = "it is gone";
  EXPECT_EQ(Step(*segment), absl::UnavailableError("device odd:0 is lost: odd: it is gone"));
  script.fence_code = SKEIN_OK;
  EXPECT_TRUE(Step(*segment).ok());
  EXPECT_TRUE(segment->device().is_lost());
}

TEST_F(BackendTest, AFenceBesideAnErrorIsWaitedForAndReleasedOnce) {
  script.step_code = SKEIN_RESOURCE_EXHAUSTED;
  script.fence_code = SKEIN_INTERNAL;
  script.message = "no room";
  EXPECT_EQ(Step(), absl::ResourceExhaustedError("odd: no room"));
  EXPECT_EQ(script.num_waits, 1);
  EXPECT_EQ(script.num_releases, 1);
}

TEST_F(BackendTest, WaitsThatEndTooEarlyAreRepeated) {
  script.num_deadlines = 3;
  EXPECT_TRUE(Step().ok());
  EXPECT_EQ(script.num_waits, 4);
  EXPECT_EQ(script.num_releases, 1);
}

TEST_F(BackendTest, AStepWhoseOwnCodeIsThatOfAWaitEnds) {
  script.fence_code = SKEIN_DEADLINE_EXCEEDED;
  script.message = "the kernel ran too long";
  const absl::Status status = Step();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("returned DEADLINE_EXCEEDED"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("the kernel ran too long"));
  EXPECT_EQ(script.num_releases, 1);
}

TEST_F(BackendTest, AFenceOfATableWithoutItsFunctionsIsAnError) {
  for (const int missing : {0, 1, 2}) {
    table_ = Table();
    if (missing == 0) table_.fence_done = nullptr;
    if (missing == 1) table_.fence_wait = nullptr;
    if (missing == 2) table_.fence_release = nullptr;
    EXPECT_EQ(Step().code(), absl::StatusCode::kInternal);
  }
  table_ = Table();
  table_.struct_size = offsetof(skein_backend_table, fence_done);
  EXPECT_EQ(Step().code(), absl::StatusCode::kInternal);
  script.step_code = SKEIN_DATA_LOSS;
  EXPECT_EQ(Step().code(), absl::StatusCode::kDataLoss);
}

TEST_F(BackendTest, AStepThatIsCancelledByItsDeviceIsAFaultOfTheDevice) {
  script.step_code = SKEIN_CANCELLED;
  script.gives_fence = false;
  EXPECT_THAT(std::string(Step().message()), HasSubstr("odd: returned CANCELLED"));
  EXPECT_EQ(Step().code(), absl::StatusCode::kInternal);
  script.step_code = SKEIN_OK;
  script.gives_fence = true;
  script.fence_code = SKEIN_CANCELLED;
  EXPECT_EQ(Step().code(), absl::StatusCode::kInternal);
}

// --- handles ---

TEST_F(BackendTest, AnObjectThatIsMadeWithoutAHandleIsADefect) {
  const std::shared_ptr<Device> device = OpenDevice();
  script.gives_handles = false;
  const absl::Status segment = Segment::Create(device, skein_segment_desc{}).status();
  EXPECT_EQ(segment, absl::InternalError("odd: segment_create succeeded without a segment"));
  const absl::Status other = Device::Open(services_.host(), {{"odd", &table_}, 0, script.device}).status();
  EXPECT_EQ(other, absl::InternalError("odd: device_open succeeded without a device"));
}

// --- texts ---

TEST_F(BackendTest, MessagesWithoutANulEndWithTheirArray) {
  script.message.assign(3000, 'x');
  script.fence_code = SKEIN_INTERNAL;
  EXPECT_EQ(Step().message(), "odd: " + std::string(1024, 'x'));
  const absl::Status refused = OpenDevice()->Query(skein_segment_desc{}).status();
  EXPECT_EQ(refused, absl::UnimplementedError("device odd:0: " + std::string(1024, 'x')));
}

// --- the description of a device ---

TEST_F(BackendTest, ATypeThatIsNotDeterministicIsSaidInTheLog) {
  MakeSegment(SKEIN_DTYPE_NONE);
  EXPECT_THAT(log_, ElementsAre());
  MakeSegment(SKEIN_DTYPE_BF16);
  EXPECT_THAT(log_, ElementsAre(HasSubstr("device odd:0: in this type the last bits")));
}

}  // namespace
}  // namespace skein
