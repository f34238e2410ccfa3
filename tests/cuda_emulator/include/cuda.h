// Takes the place of the driver's header where sources are compiled for the emulator: a thread's stack of contexts,
// most of which callers find by cudaGetDriverEntryPointByVersion.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_CUDA_H_
#define SKEIN_TESTS_CUDA_EMULATOR_CUDA_H_

enum CUresult {
  CUDA_SUCCESS = 0,
  CUDA_ERROR_INVALID_VALUE = 1,
  CUDA_ERROR_INVALID_DEVICE = 101,
  CUDA_ERROR_INVALID_CONTEXT = 201,
  CUDA_ERROR_NOT_SUPPORTED = 801,
};
using CUdevice = int;
using CUcontext = struct CUctx_st*;

CUresult cuDeviceGet(CUdevice* device, int ordinal);
CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device);
CUresult cuCtxPushCurrent(CUcontext context);
CUresult cuCtxPopCurrent(CUcontext* context);
CUresult cuCtxGetCurrent(CUcontext* context);
// A context beside the one in which the runtime works, as hosts that use the driver make them; it comes in front.
CUresult cuCtxCreate(CUcontext* context, void* parameters, unsigned flags, CUdevice device);

#endif  // SKEIN_TESTS_CUDA_EMULATOR_CUDA_H_
