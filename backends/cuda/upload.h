// The way of weights into a device's memory, through two page-locked chunks of the host's memory: one is filled while
// the other is copied.
#ifndef SKEIN_BACKENDS_CUDA_UPLOAD_H_
#define SKEIN_BACKENDS_CUDA_UPLOAD_H_

#include <array>
#include <cstdint>

#include "cuda/cuda_stream.h"
#include "cuda/device_memory.h"

namespace skein::cuda {

// The device is current in every call. Threads: one at a time.
class Upload {
 public:
  // Holds the longest row of any matrix (segment_desc.h): 2^20 float32.
  static constexpr uint64_t kChunkBytes = uint64_t{4} << 20;

  explicit Upload(uint32_t device);

  // Sends `count` items of `item_bytes` each (at most kChunkBytes) to `to`, one behind the other.
  // fill(first, number, out) writes items [first, first + number) into the host's memory.
  template <typename Fill>
  void Send(void* to, uint64_t count, uint64_t item_bytes, const Fill& fill) {
    const uint64_t items_per_chunk = kChunkBytes / item_bytes;
    for (uint64_t first = 0; first < count; first += items_per_chunk) {
      const uint64_t number = items_per_chunk < count - first ? items_per_chunk : count - first;
      fill(first, number, NextChunk());
      Copy(static_cast<unsigned char*>(to) + first * item_bytes, number * item_bytes);
    }
  }

  // Returns when everything that was sent is there.
  void Finish();

 private:
  struct Chunk {
    explicit Chunk(uint32_t device) : memory(device, kChunkBytes, "staged weights"), is_copied(device) {}

    PinnedArray<unsigned char> memory;
    CudaEvent is_copied;
  };

  // Waits until the chunk has been copied.
  unsigned char* NextChunk();
  void Copy(void* to, uint64_t bytes);

  const uint32_t device_;
  CudaStream stream_;
  std::array<Chunk, 2> chunks_;
  uint32_t current_ = 0;
};

}  // namespace skein::cuda

#endif  // SKEIN_BACKENDS_CUDA_UPLOAD_H_
