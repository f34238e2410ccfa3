// The runtime's functions: memory, streams, events, graphs, and the faults that a test can ask for.
#include <cuda.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "cuda_emulator/control.h"
#include "tests/cuda_emulator/device_vector.h"
#include "tests/cuda_emulator/test_kernels.h"

namespace skein::emulator {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::StrEq;

class TestStream {
 public:
  TestStream() { Require(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  ~TestStream() { cudaStreamDestroy(stream_); }
  TestStream(const TestStream&) = delete;
  TestStream& operator=(const TestStream&) = delete;
  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

class EmulatedRuntimeTest : public testing::Test {
 protected:
  void SetUp() override {
    Configure({});
    TakeErrors();
  }
  static void ConfigureFrom(const char* text) {
    Options options;
    std::string error;
    ASSERT_TRUE(ParseOptions(text, options, error)) << error;
    Configure(options);
  }
};

TEST_F(EmulatedRuntimeTest, FreshMemoryIsNaN) {
  const DeviceVector<float> values(100);
  for (const float value : values.Read()) EXPECT_NE(value, value);
  void* pinned = nullptr;
  ASSERT_EQ(cudaHostAlloc(&pinned, 4, cudaHostAllocDefault), cudaSuccess);
  EXPECT_NE(*static_cast<float*>(pinned), *static_cast<float*>(pinned));
  EXPECT_EQ(cudaFreeHost(pinned), cudaSuccess);
}

TEST_F(EmulatedRuntimeTest, MemoryIsCountedAndEnds) {
  ConfigureFrom("memory=1MiB");
  size_t free_bytes = 0, total_bytes = 0;
  ASSERT_EQ(cudaMemGetInfo(&free_bytes, &total_bytes), cudaSuccess);
  EXPECT_EQ(total_bytes, size_t{1} << 20);
  EXPECT_EQ(free_bytes, total_bytes);
  void* first = nullptr;
  void* second = nullptr;
  ASSERT_EQ(cudaMalloc(&first, 600 << 10), cudaSuccess);
  EXPECT_EQ(cudaMalloc(&second, 600 << 10), cudaErrorMemoryAllocation);
  EXPECT_EQ(second, nullptr);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "asked for twice";
  ASSERT_EQ(cudaFree(first), cudaSuccess);
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(cudaMalloc(&second, 600 << 10), cudaSuccess) << i;
    ASSERT_EQ(cudaFree(second), cudaSuccess);
  }
  EXPECT_EQ(cudaFree(second), cudaErrorInvalidValue) << "freed twice";
  EXPECT_EQ(CurrentCounters().allocated_bytes, 0u);
}

TEST_F(EmulatedRuntimeTest, CopiesOutsideAnAllocationAreRefused) {
  const DeviceVector<char> memory(100);
  char host[200] = {};
  EXPECT_EQ(cudaMemcpy(memory.data(), host, 101, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(memory.data() + 50, host, 51, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(host, memory.data(), 100, cudaMemcpyHostToDevice), cudaErrorInvalidValue) << "wrong way";
  EXPECT_EQ(cudaMemset(memory.data() + 1, 0, 100), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(memory.data(), host, 100, cudaMemcpyHostToDevice), cudaSuccess);
}

TEST_F(EmulatedRuntimeTest, CopiesOfRowsKeepTheirPitch) {
  const DeviceVector<char> memory(32);
  Require(cudaMemset(memory.data(), '.', 32));
  const std::string rows = "abcxdefxghix";
  ASSERT_EQ(cudaMemcpy2D(memory.data(), 8, rows.data(), 4, 3, 3, cudaMemcpyHostToDevice), cudaSuccess);
  const std::vector<char> found = memory.Read();
  EXPECT_EQ(std::string(found.begin(), found.end()), "abc.....def.....ghi.............");
}

// The host goes on before the device has begun: what it sees too early is what was there.
TEST_F(EmulatedRuntimeTest, WorkIsDoneLaterAndInOrder) {
  ConfigureFrom("delay_us=2000");
  const TestStream stream;
  const DeviceVector<float> values(std::vector<float>(256, 1));
  float* pinned = nullptr;
  ASSERT_EQ(cudaMallocHost(&pinned, 256 * sizeof(float)), cudaSuccess);
  cudaEvent_t event;
  Require(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  Require(LaunchOn(stream.get(), dim3(1), dim3(256), AddOne, values.data(), values.data(), 256, Fault::kNone));
  Require(cudaMemcpyAsync(pinned, values.data(), 256 * sizeof(float), cudaMemcpyDeviceToHost, stream.get()));
  Require(cudaEventRecord(event, stream.get()));
  EXPECT_NE(pinned[0], 2);
  EXPECT_EQ(cudaEventQuery(event), cudaErrorNotReady);
  EXPECT_EQ(cudaStreamQuery(stream.get()), cudaErrorNotReady);
  EXPECT_EQ(cudaGetLastError(), cudaErrorNotReady) << "an answer stays too";
  EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "asked for twice";
  ASSERT_EQ(cudaEventSynchronize(event), cudaSuccess);
  EXPECT_EQ(pinned[0], 2);
  EXPECT_EQ(cudaEventQuery(event), cudaSuccess);
  EXPECT_EQ(cudaFreeHost(pinned), cudaSuccess);
  EXPECT_EQ(cudaEventDestroy(event), cudaSuccess);
  EXPECT_EQ(cudaEventDestroy(event), cudaErrorInvalidResourceHandle);
}

TEST_F(EmulatedRuntimeTest, PinnedMemoryIsReadWhenTheCopyRunsAndOtherMemoryWhenItIsEnqueued) {
  ConfigureFrom("delay_us=2000");
  const TestStream stream;
  const DeviceVector<int> a(1), b(1);
  int* pinned = nullptr;
  ASSERT_EQ(cudaMallocHost(&pinned, sizeof(int)), cudaSuccess);
  int plain = *pinned = 1;
  Require(cudaMemcpyAsync(a.data(), pinned, sizeof(int), cudaMemcpyHostToDevice, stream.get()));
  Require(cudaMemcpyAsync(b.data(), &plain, sizeof(int), cudaMemcpyHostToDevice, stream.get()));
  *pinned = plain = 2;
  EXPECT_EQ(a.Read()[0], 2) << "the host wrote too early";
  EXPECT_EQ(b.Read()[0], 1);
  EXPECT_EQ(CurrentCounters().num_pageable_copies, 3u) << "and two to read";
  cudaFreeHost(pinned);
}

TEST_F(EmulatedRuntimeTest, AStreamWaitsForAnEventOfAnother) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Options options;
    options.seed = seed;
    Configure(options);
    const TestStream first, second;
    const DeviceVector<float> values(std::vector<float>(256, 1)), out(256);
    cudaEvent_t event;
    Require(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    for (int i = 0; i < 5; ++i) {
      Require(LaunchOn(first.get(), dim3(1), dim3(256), AddOne, values.data(), values.data(), 256, Fault::kNone));
    }
    Require(cudaEventRecord(event, first.get()));
    Require(cudaStreamWaitEvent(second.get(), event));
    Require(LaunchOn(second.get(), dim3(1), dim3(256), AddOne, values.data(), out.data(), 256, Fault::kNone));
    EXPECT_THAT(out.Read(), Each(7));
  }
}

TEST_F(EmulatedRuntimeTest, HostFunctionsRunInOrder) {
  const TestStream stream;
  std::vector<int> calls;
  const auto call = [](void* data) {
    auto& list = *static_cast<std::vector<int>*>(data);
    list.push_back(static_cast<int>(list.size()));
  };
  for (int i = 0; i < 5; ++i) Require(cudaLaunchHostFunc(stream.get(), call, &calls));
  Require(cudaStreamSynchronize(stream.get()));
  EXPECT_EQ(calls, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_F(EmulatedRuntimeTest, EventsMeasureTime) {
  cudaEvent_t start, end;
  Require(cudaEventCreate(&start));
  Require(cudaEventCreate(&end));
  const TestStream stream;
  Require(cudaEventRecord(start, stream.get()));
  Require(cudaLaunchHostFunc(
      stream.get(), [](void*) { std::this_thread::sleep_for(std::chrono::milliseconds(3)); }, nullptr));
  Require(cudaEventRecord(end, stream.get()));
  Require(cudaEventSynchronize(end));
  float milliseconds = 0;
  ASSERT_EQ(cudaEventElapsedTime(&milliseconds, start, end), cudaSuccess);
  EXPECT_GE(milliseconds, 3);
}

TEST_F(EmulatedRuntimeTest, AGraphRunsWhenItIsLaunchedWithTheArgumentsOfItsCapture) {
  const TestStream stream;
  const DeviceVector<float> values(std::vector<float>(256, 1));
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  Require(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeThreadLocal));
  int count = 256;
  for (int i = 0; i < 3; ++i) {
    Require(LaunchOn(stream.get(), dim3(1), dim3(256), AddOne, values.data(), values.data(), count, Fault::kNone));
    count = 1;
  }
  Require(cudaStreamEndCapture(stream.get(), &graph));
  Require(cudaGraphInstantiate(&exec, graph));
  Require(cudaGraphDestroy(graph));
  EXPECT_EQ(values.Read()[0], 1) << "capture runs nothing";
  Require(cudaGraphLaunch(exec, stream.get()));
  Require(cudaGraphLaunch(exec, stream.get()));
  const std::vector<float> found = values.Read();
  EXPECT_EQ(found[0], 7);
  EXPECT_EQ(found[1], 3);
  EXPECT_EQ(CurrentCounters().num_launches, 6u);
  EXPECT_EQ(CurrentCounters().num_graph_launches, 2u);
  EXPECT_EQ(cudaGraphExecDestroy(exec), cudaSuccess);
}

TEST_F(EmulatedRuntimeTest, ACaptureGoesAcrossStreamsByEvents) {
  const TestStream first, second;
  const DeviceVector<float> values(std::vector<float>(256, 1));
  cudaEvent_t fork, join;
  Require(cudaEventCreateWithFlags(&fork, cudaEventDisableTiming));
  Require(cudaEventCreateWithFlags(&join, cudaEventDisableTiming));
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  Require(cudaStreamBeginCapture(first.get(), cudaStreamCaptureModeThreadLocal));
  Require(cudaEventRecord(fork, first.get()));
  Require(cudaStreamWaitEvent(second.get(), fork));
  Require(LaunchOn(second.get(), dim3(1), dim3(256), AddOne, values.data(), values.data(), 256, Fault::kNone));
  Require(cudaEventRecord(join, second.get()));
  Require(cudaStreamWaitEvent(first.get(), join));
  EXPECT_EQ(cudaEventQuery(fork), cudaErrorCapturedEvent);
  Require(cudaStreamEndCapture(first.get(), &graph));
  Require(cudaGraphInstantiate(&exec, graph));
  Require(cudaGraphLaunch(exec, first.get()));
  EXPECT_THAT(values.Read(), Each(2));
}

TEST_F(EmulatedRuntimeTest, CallsThatWaitOrAllocateBreakACapture) {
  const TestStream stream;
  cudaGraph_t graph;
  void* memory = nullptr;
  Require(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeGlobal));
  EXPECT_EQ(cudaStreamSynchronize(stream.get()), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaStreamEndCapture(stream.get(), &graph), cudaErrorStreamCaptureInvalidated);
  Require(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeGlobal));
  EXPECT_EQ(cudaMalloc(&memory, 16), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaStreamEndCapture(stream.get(), &graph), cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(cudaMalloc(&memory, 16), cudaSuccess);
  EXPECT_EQ(cudaFree(memory), cudaSuccess);
}

// What a call that waits or allocates gives on a thread of `mode`, while a capture of `captured` is under way on this
// thread or on another one; and whether the capture has outlived it.
std::pair<cudaError_t, cudaError_t> CallBesideACapture(cudaStreamCaptureMode captured, cudaStreamCaptureMode mode,
                                                       bool is_own_thread, cudaError_t (*call)()) {
  const TestStream stream;
  cudaGraph_t graph;
  Require(cudaStreamBeginCapture(stream.get(), captured));
  cudaError_t error = cudaErrorUnknown;
  const auto run = [&] {
    Require(cudaThreadExchangeStreamCaptureMode(&mode));
    error = call();
    Require(cudaThreadExchangeStreamCaptureMode(&mode));
  };
  if (is_own_thread) {
    run();
  } else {
    std::thread(run).join();
  }
  return {error, cudaStreamEndCapture(stream.get(), &graph)};
}

TEST_F(EmulatedRuntimeTest, ModesSayWhichCapturesForbidWhichThreadsToWaitOrAllocate) {
  constexpr auto kGlobal = cudaStreamCaptureModeGlobal, kLocal = cudaStreamCaptureModeThreadLocal,
                 kRelaxed = cudaStreamCaptureModeRelaxed;
  static cudaEvent_t event;
  Require(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  static void* memory = nullptr;
  const std::pair<const char*, cudaError_t (*)()> calls[] = {
      {"cudaMalloc", [] { return cudaMalloc(&memory, 16); }},
      {"cudaMallocHost", [] { return cudaMallocHost(&memory, 16); }},
      {"cudaEventQuery", [] { return cudaEventQuery(event); }},
      {"cudaEventSynchronize", [] { return cudaEventSynchronize(event); }},
      {"cudaStreamSynchronize", [] { return cudaStreamSynchronize(nullptr); }}};
  const struct {
    cudaStreamCaptureMode captured, mode;
    bool is_own_thread, is_allowed;
  } cases[] = {{kGlobal, kGlobal, true, false}, {kGlobal, kGlobal, false, false}, {kGlobal, kLocal, true, false},
               {kGlobal, kLocal, false, true},  {kGlobal, kRelaxed, true, true},  {kLocal, kGlobal, true, false},
               {kLocal, kGlobal, false, true},  {kLocal, kRelaxed, true, true},   {kRelaxed, kGlobal, true, true}};
  for (const auto& [captured, mode, is_own_thread, is_allowed] : cases) {
    for (const auto& [name, call] : calls) {
      const auto [error, end] = CallBesideACapture(captured, mode, is_own_thread, call);
      EXPECT_EQ(error, is_allowed ? cudaSuccess : cudaErrorStreamCaptureUnsupported)
          << name << ' ' << captured << ' ' << mode << ' ' << is_own_thread;
      EXPECT_EQ(end, is_allowed ? cudaSuccess : cudaErrorStreamCaptureInvalidated) << name;
    }
  }
}

TEST_F(EmulatedRuntimeTest, ACaptureEndsOnItsOwnThread) {
  for (const auto mode : {cudaStreamCaptureModeGlobal, cudaStreamCaptureModeRelaxed}) {
    const TestStream stream;
    Require(cudaStreamBeginCapture(stream.get(), mode));
    std::thread([&] {
      cudaGraph_t graph;
      EXPECT_EQ(cudaStreamEndCapture(stream.get(), &graph),
                mode == cudaStreamCaptureModeRelaxed ? cudaSuccess : cudaErrorStreamCaptureWrongThread);
    }).join();
  }
}

TEST_F(EmulatedRuntimeTest, AFunctionOfTheHostMustNotCallCuda) {
  const TestStream stream;
  cudaError_t error = cudaSuccess;
  const auto call = [](void* out) { *static_cast<cudaError_t*>(out) = cudaDeviceSynchronize(); };
  Require(cudaLaunchHostFunc(stream.get(), call, &error));
  Require(cudaStreamSynchronize(stream.get()));
  EXPECT_EQ(error, cudaErrorNotPermitted);
  const std::vector<Error> errors = TakeErrors();
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].kind, ErrorKind::kMisuse);
}

TEST_F(EmulatedRuntimeTest, AContextOfTheHostsIsCurrentUntilAnotherOneIsChosen) {
  CUcontext made = nullptr, own = nullptr, current = nullptr;
  const TestStream stream;
  const DeviceVector<int> out(64);
  ASSERT_EQ(cuCtxCreate(&made, nullptr, 0, 0), CUDA_SUCCESS);
  ASSERT_EQ(cuDevicePrimaryCtxRetain(&own, 0), CUDA_SUCCESS);
  EXPECT_NE(made, own);
  void* memory = nullptr;
  Require(cudaMalloc(&memory, 16));
  Require(cudaFree(memory));
  ASSERT_EQ(cuCtxGetCurrent(&current), CUDA_SUCCESS);
  EXPECT_EQ(current, made);
  EXPECT_EQ(LaunchOn(stream.get(), dim3(1), dim3(64), Meet, out.data(), 0), cudaErrorInvalidResourceHandle);
  Require(cudaSetDevice(0));
  EXPECT_EQ(LaunchOn(stream.get(), dim3(1), dim3(64), Meet, out.data(), 0), cudaSuccess);
  ASSERT_EQ(cuCtxGetCurrent(&current), CUDA_SUCCESS);
  EXPECT_EQ(current, own) << "in the place of the host's";
  ASSERT_EQ(cuCtxPopCurrent(&current), CUDA_SUCCESS);
}

TEST_F(EmulatedRuntimeTest, LaunchesThatADeviceRefusesAreRefused) {
  const DeviceVector<int> out(1024);
  EXPECT_EQ(LaunchOn(nullptr, dim3(1), dim3(1025), Meet, out.data(), 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(LaunchOn(nullptr, dim3(0), dim3(32), Meet, out.data(), 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(LaunchOn(nullptr, dim3(1, 65536), dim3(32), Meet, out.data(), 0), cudaErrorInvalidConfiguration);
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(1);
  config.blockDim = dim3(64);
  config.dynamicSmemBytes = 49 << 10;
  EXPECT_EQ(cudaLaunchKernelEx(&config, Meet, out.data(), 0), cudaErrorInvalidValue) << "nobody asked for so much";
  EXPECT_EQ(cudaFuncSetAttribute(Meet, cudaFuncAttributeMaxDynamicSharedMemorySize, 228 << 10), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFuncSetAttribute(Meet, cudaFuncAttributeMaxDynamicSharedMemorySize, 49 << 10), cudaSuccess);
  EXPECT_EQ(cudaLaunchKernelEx(&config, Meet, out.data(), 0), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
}

TEST_F(EmulatedRuntimeTest, DependentLaunchNeedsCapability90) {
  const DeviceVector<int> out(64);
  cudaLaunchAttribute attribute = {};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(1);
  config.blockDim = dim3(64);
  config.attrs = &attribute;
  config.numAttrs = 1;
  EXPECT_EQ(cudaLaunchKernelEx(&config, Meet, out.data(), 0), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  ConfigureFrom("capability=89");
  EXPECT_EQ(cudaLaunchKernelEx(&config, Meet, out.data(), 0), cudaErrorNotSupported);
}

TEST_F(EmulatedRuntimeTest, BlocksThatAreTogetherNeedRoomAtOnce) {
  ConfigureFrom("multiprocessors=3");
  const DeviceVector<int> out(size_t{1024} * 7);
  EXPECT_EQ(LaunchTogether(nullptr, dim3(6), dim3(1024), Meet, out.data(), 2), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(out.Read()[6143], 6143);
  EXPECT_EQ(LaunchTogether(nullptr, dim3(7), dim3(1024), Meet, out.data(), 2), cudaErrorCooperativeLaunchTooLarge);
}

TEST_F(EmulatedRuntimeTest, AMachineMayHaveNoDevices) {
  int count = 7;
  ConfigureFrom("devices=0");
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaErrorNoDevice);
  EXPECT_EQ(count, 0);
  ConfigureFrom("devices=0,no_devices=old-driver");
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaErrorInsufficientDriver);
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, 1), cudaErrorInsufficientDriver);
  EXPECT_THAT(cudaGetErrorString(cudaErrorInsufficientDriver), HasSubstr("driver version is insufficient"));
  EXPECT_THAT(cudaGetErrorName(cudaErrorInsufficientDriver), StrEq("cudaErrorInsufficientDriver"));
}

TEST_F(EmulatedRuntimeTest, PropertiesAreThoseOfTheCapability) {
  cudaDeviceProp properties;
  for (const auto& [text, major, minor] : {std::tuple("capability=75", 7, 5), std::tuple("capability=120", 12, 0)}) {
    ConfigureFrom(text);
    ASSERT_EQ(cudaGetDeviceProperties(&properties, 0), cudaSuccess);
    EXPECT_EQ(properties.major, major);
    EXPECT_EQ(properties.minor, minor);
    int value = 0;
    ASSERT_EQ(cudaDeviceGetAttribute(&value, cudaDevAttrMultiProcessorCount, 0), cudaSuccess);
    EXPECT_EQ(value, properties.multiProcessorCount);
  }
  EXPECT_EQ(cudaGetDeviceProperties(&properties, 1), cudaErrorInvalidDevice);
}

TEST_F(EmulatedRuntimeTest, TwoDevicesHaveTheirOwnMemoryAndStreams) {
  ConfigureFrom("devices=2,memory=1MiB");
  void* first = nullptr;
  ASSERT_EQ(cudaMalloc(&first, 800 << 10), cudaSuccess);
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  void* second = nullptr;
  ASSERT_EQ(cudaMalloc(&second, 800 << 10), cudaSuccess);
  EXPECT_EQ(cudaSetDevice(2), cudaErrorInvalidDevice);
  const TestStream of_second;
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
  EXPECT_EQ(LaunchOn(of_second.get(), dim3(1), dim3(32), Meet, static_cast<int*>(first), 0),
            cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaMemcpy(second, first, 100, cudaMemcpyDefault), cudaSuccess);
  EXPECT_EQ(cudaFree(first), cudaSuccess);
  EXPECT_EQ(cudaFree(second), cudaSuccess);
}

TEST_F(EmulatedRuntimeTest, AnAllocationFailsWhereItIsAskedTo) {
  ConfigureFrom("fail_allocation=1");
  void* memory = nullptr;
  void* pinned = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, 16), cudaSuccess);
  EXPECT_EQ(cudaHostAlloc(&pinned, 16, 0), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaHostAlloc(&pinned, 16, 0), cudaSuccess);
  EXPECT_EQ(cudaFree(memory), cudaSuccess);
  EXPECT_EQ(cudaFreeHost(pinned), cudaSuccess);
}

TEST_F(EmulatedRuntimeTest, ALostDeviceStaysLostAndOthersGoOn) {
  ConfigureFrom("devices=2,lose_at_launch=1,lost_device=1");
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  const DeviceVector<int> out(64);
  EXPECT_EQ(LaunchOn(nullptr, dim3(1), dim3(64), Meet, out.data(), 0), cudaSuccess);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(LaunchOn(nullptr, dim3(1), dim3(64), Meet, out.data(), 0), cudaSuccess) << "it shows later";
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
  void* memory = nullptr;
  EXPECT_EQ(cudaMalloc(&memory, 16), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress);
  EXPECT_EQ(cudaSetDevice(0), cudaSuccess);
  EXPECT_EQ(cudaMalloc(&memory, 16), cudaSuccess);
  EXPECT_EQ(cudaFree(memory), cudaSuccess);
}

TEST_F(EmulatedRuntimeTest, OptionsThatAreNoneAreNamed) {
  for (const char* text : {"devices", "devices=x", "memory=1TB", "colour=red", "schedule=fast", "seed=-1"}) {
    Options options;
    std::string error;
    EXPECT_FALSE(ParseOptions(text, options, error)) << text;
    EXPECT_THAT(error, HasSubstr(text));
  }
  Options options;
  std::string error;
  EXPECT_TRUE(ParseOptions("memory=64MiB,devices=3,capability=80,schedule=in-step,seed=9", options, error));
  EXPECT_EQ(options.memory_bytes, size_t{64} << 20);
  EXPECT_EQ(options.num_devices, 3);
  EXPECT_EQ(options.capability, 80);
  EXPECT_EQ(options.schedule, Schedule::kInStep);
  EXPECT_EQ(options.seed, 9u);
}

}  // namespace
}  // namespace skein::emulator
