// The memory of the emulated devices: one range of addresses, reserved, of which each device has a part.
//
// Allocations lie apart from each other, and an address that was freed is not given out again soon.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_ARENA_H_
#define SKEIN_TESTS_CUDA_EMULATOR_ARENA_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace skein::emulator {

struct Allocation {
  uintptr_t address;
  size_t num_bytes;
  int device;
  uint32_t number;  // from 1, in the order in which they were made

  bool Contains(uintptr_t begin, size_t length) const {
    return begin >= address && begin - address <= num_bytes && length <= num_bytes - (begin - address);
  }
};

// Not synchronised.
class Arena {
 public:
  Arena(int num_devices, size_t memory_bytes);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // Fresh memory, filled with the bytes of NaNs. NULL: the device has not so much left.
  void* Allocate(int device, size_t num_bytes);
  // False: nothing begins at this address.
  bool Free(void* address);

  bool Contains(uintptr_t address) const { return address - base_ < total_bytes_; }
  // The allocation that an address lies in; NULL: none.
  const Allocation* Find(uintptr_t address) const;
  // The allocation below an address; NULL: none. For messages.
  const Allocation* Below(uintptr_t address) const;
  const std::map<uintptr_t, Allocation>& allocations() const { return allocations_; }

  uintptr_t base() const { return base_; }
  size_t total_bytes() const { return total_bytes_; }
  size_t used_bytes(int device) const { return used_bytes_[device]; }
  uint32_t num_made() const { return num_made_; }

 private:
  uintptr_t FindPlace(int device, size_t num_bytes) const;
  bool IsFree(uintptr_t begin, size_t num_bytes) const;

  const size_t memory_bytes_;
  const size_t device_bytes_;  // of addresses for each device
  uintptr_t base_ = 0;
  size_t total_bytes_ = 0;
  std::map<uintptr_t, Allocation> allocations_;
  std::vector<size_t> used_bytes_;
  std::vector<uintptr_t> next_;  // where the search for a place begins
  uint32_t num_made_ = 0;
};

}  // namespace skein::emulator

#endif  // SKEIN_TESTS_CUDA_EMULATOR_ARENA_H_
