// The functions of the CUDA runtime that the backend calls, for emulated devices (control.h).
//
// Work is done by a thread of each stream, late. Semantics are those of the runtime's manual; where a call that CUDA
// lets pass is a mistake that a GPU would forgive only sometimes, it is an error here.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_RUNTIME_H_
#define SKEIN_TESTS_CUDA_EMULATOR_RUNTIME_H_

#include <cstddef>
#include <cstring>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "cuda_emulator/types.h"

cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDevice(int* device);
cudaError_t cudaSetDeviceFlags(unsigned flags);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaDeviceCanAccessPeer(int* can_access, int device, int peer);
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaRuntimeGetVersion(int* version);
cudaError_t cudaGetDriverEntryPointByVersion(const char* symbol, void** function, unsigned version,
                                             unsigned long long flags,  // NOLINT(google-runtime-int)
                                             cudaDriverEntryPointQueryResult* result);

cudaError_t cudaGetLastError();
cudaError_t cudaPeekAtLastError();
const char* cudaGetErrorName(cudaError_t error);
const char* cudaGetErrorString(cudaError_t error);

cudaError_t cudaMalloc(void** address, size_t num_bytes);
cudaError_t cudaFree(void* address);
cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total_bytes);
cudaError_t cudaHostAlloc(void** address, size_t num_bytes, unsigned flags);
cudaError_t cudaMallocHost(void** address, size_t num_bytes);
cudaError_t cudaFreeHost(void* address);
cudaError_t cudaHostRegister(void* address, size_t num_bytes, unsigned flags);
cudaError_t cudaHostUnregister(void* address);
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* address);

template <typename T>
cudaError_t cudaMalloc(T** address, size_t num_bytes) {
  return cudaMalloc(reinterpret_cast<void**>(address), num_bytes);
}
template <typename T>
cudaError_t cudaHostAlloc(T** address, size_t num_bytes, unsigned flags) {
  return cudaHostAlloc(reinterpret_cast<void**>(address), num_bytes, flags);
}
template <typename T>
cudaError_t cudaMallocHost(T** address, size_t num_bytes) {
  return cudaMallocHost(reinterpret_cast<void**>(address), num_bytes);
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t num_bytes, cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t num_bytes, cudaMemcpyKind kind,
                            cudaStream_t stream = nullptr);
cudaError_t cudaMemcpyPeerAsync(void* to, int to_device, const void* from, int from_device, size_t num_bytes,
                                cudaStream_t stream = nullptr);
cudaError_t cudaMemcpy2D(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width_bytes,
                         size_t num_rows, cudaMemcpyKind kind);
cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width_bytes,
                              size_t num_rows, cudaMemcpyKind kind, cudaStream_t stream = nullptr);
cudaError_t cudaMemset(void* address, int value, size_t num_bytes);
cudaError_t cudaMemsetAsync(void* address, int value, size_t num_bytes, cudaStream_t stream = nullptr);

cudaError_t cudaStreamCreate(cudaStream_t* stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int priority);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamQuery(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags = 0);
cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* user_data);

cudaError_t cudaEventCreate(cudaEvent_t* event);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream = nullptr);
cudaError_t cudaEventQuery(cudaEvent_t event);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end);
cudaError_t cudaEventDestroy(cudaEvent_t event);

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode);
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long flags = 0);  // NOLINT
cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);

namespace skein::emulator {

// Where an argument of a kernel lies, and how a buffer of parameters holds it.
struct Argument {
  const void* data;
  size_t num_bytes;
  size_t alignment;
};

// A kernel with its arguments, which were copied when it was launched: what each thread of it runs.
class BoundKernel {
 public:
  virtual ~BoundKernel() = default;
  virtual void Run() const = 0;
  // The kernel's function.
  virtual const void* Function() const = 0;
  // As long as this lives.
  virtual std::vector<Argument> Arguments() const = 0;
};

template <typename... Parameters>
class KernelCall final : public BoundKernel {
 public:
  KernelCall(void (*kernel)(Parameters...), Parameters... arguments)
      : kernel_(kernel), arguments_(std::move(arguments)...) {}
  void Run() const override { std::apply(kernel_, arguments_); }
  const void* Function() const override { return reinterpret_cast<const void*>(kernel_); }
  std::vector<Argument> Arguments() const override {
    return std::apply(
        [](const auto&... argument) {
          return std::vector<Argument>{{&argument, sizeof(argument), alignof(decltype(argument))}...};
        },
        arguments_);
  }

 private:
  void (*kernel_)(Parameters...);
  std::tuple<Parameters...> arguments_;
};

cudaError_t LaunchKernel(const cudaLaunchConfig_t& config, std::shared_ptr<const BoundKernel> kernel);
cudaError_t SetFunctionAttribute(const void* function, cudaFuncAttribute attribute, int value);
cudaError_t FunctionAttributes(cudaFuncAttributes* attributes, const void* function);
cudaError_t ActiveBlocks(int* num_blocks, const void* function, int block_size, size_t dynamic_shared_bytes);

}  // namespace skein::emulator

template <typename... Parameters, typename... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  using Call = skein::emulator::KernelCall<Parameters...>;
  return skein::emulator::LaunchKernel(*config, std::make_shared<const Call>(kernel, Parameters(arguments)...));
}

template <typename... Parameters>
cudaError_t cudaFuncSetAttribute(void (*kernel)(Parameters...), cudaFuncAttribute attribute, int value) {
  return skein::emulator::SetFunctionAttribute(reinterpret_cast<const void*>(kernel), attribute, value);
}
template <typename... Parameters>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, void (*kernel)(Parameters...)) {
  return skein::emulator::FunctionAttributes(attributes, reinterpret_cast<const void*>(kernel));
}
template <typename... Parameters>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* num_blocks, void (*kernel)(Parameters...),
                                                          int block_size, size_t dynamic_shared_bytes) {
  return skein::emulator::ActiveBlocks(num_blocks, reinterpret_cast<const void*>(kernel), block_size,
                                       dynamic_shared_bytes);
}

#endif  // SKEIN_TESTS_CUDA_EMULATOR_RUNTIME_H_
