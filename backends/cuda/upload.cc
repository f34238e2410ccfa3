#include "cuda/upload.h"

#include "cuda/cuda_error.h"

namespace skein::cuda {

Upload::Upload(uint32_t device) : device_(device), stream_(device), chunks_{Chunk(device), Chunk(device)} {}

unsigned char* Upload::NextChunk() {
  current_ = 1 - current_;
  Chunk& chunk = chunks_[current_];
  // Done at once for an event that was never recorded.
  CheckCuda(device_, chunk.is_copied.Synchronize(), "copy of weights");
  return chunk.memory.data();
}

void Upload::Copy(void* to, uint64_t bytes) {
  const Chunk& chunk = chunks_[current_];
  CheckCuda(device_, cudaMemcpyAsync(to, chunk.memory.data(), bytes, cudaMemcpyHostToDevice, stream_.get()),
            "copy of weights");
  CheckCuda(device_, chunk.is_copied.Record(stream_.get()), "copy of weights");
}

void Upload::Finish() { CheckCuda(device_, cudaStreamSynchronize(stream_.get()), "copy of weights"); }

}  // namespace skein::cuda
