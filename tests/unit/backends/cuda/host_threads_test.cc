// Threads of a host that uses CUDA too: calls on a segment leave them as they were, and stand beside what they do.
#include <cuda.h>
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "cuda/segment.h"
#include "cuda_emulator/control.h"
#include "tests/conformance/backend_conformance.h"
#include "tests/conformance/synthetic_model.h"
#include "tests/conformance/test_host.h"
#include "tests/unit/backends/cuda/host_step.h"
#include "tests/unit/backends/cuda/small_shape.h"

namespace skein::cuda {
namespace {

class HostThreadsTest : public testing::Test {
 protected:
  void SetUp() override { emulator::Configure({}); }

  // A segment from its beginning to its end, with each kind of call on it.
  void LiveASegment() const {
    skein_segment_desc desc = conformance::DescribeSegment(model_, 0, 2, SKEIN_SEGMENT_EMBEDDING | SKEIN_SEGMENT_HEAD);
    desc.compute_type = desc.weight_type = SKEIN_DTYPE_F16;
    Switches switches;
    switches.graphs = switches.async_states = true;
    const std::unique_ptr<Segment> segment =
        MakeSegment(*host_.table(), {.device = 0, .capability = 90, .switches = switches}, desc);
    for (const skein_tensor& tensor : TensorsOf(model_, desc)) segment->Put(tensor);
    segment->Seal();
    segment->InitState(0);
    HostStep first({{0, 0}}, 1), second({{0, 1, 5}}, 2);
    const kit::StepEnd<Fence> end = segment->Step(first.Describe());
    while (!end.fence->IsDone()) {
    }
    EXPECT_TRUE(segment->Step(second.Describe()).fence->Wait(-1));
    std::vector<float> state(conformance::StateFloats(desc.model, desc.num_layers));
    segment->ExportState(1, state.data(), state.size());
    EXPECT_TRUE(segment->BeginExport(1, state.data(), state.size())->Wait(-1));
    segment->ImportState(0, state.data(), state.size());
    segment->CopyState(0, 1);
  }

  const conformance::TestHost host_{2};
  const conformance::SyntheticModel model_{Shape()};
};

TEST_F(HostThreadsTest, ACaptureOfTheHostsGoesOn) {
  cudaStream_t stream = nullptr;
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal), cudaSuccess);
  LiveASegment();
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  ASSERT_EQ(cudaThreadExchangeStreamCaptureMode(&mode), cudaSuccess);
  EXPECT_EQ(mode, cudaStreamCaptureModeGlobal) << "the thread's own";
}

TEST_F(HostThreadsTest, AContextOfTheHostsStaysCurrent) {
  CUcontext own = nullptr, current = nullptr;
  ASSERT_EQ(cuCtxCreate(&own, nullptr, 0, 0), CUDA_SUCCESS);
  LiveASegment();
  ASSERT_EQ(cuCtxPopCurrent(&current), CUDA_SUCCESS);
  EXPECT_EQ(current, own);
}

TEST_F(HostThreadsTest, NoErrorIsLeft) {
  LiveASegment();
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

}  // namespace
}  // namespace skein::cuda
