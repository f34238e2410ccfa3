#include "tests/support/failing_disk.h"

#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <vector>

namespace skein::test {
namespace {

struct Calls {
  int error = 0;
  uint64_t room_bytes = 0;
  bool is_held = false;
  int num_waiting = 0;
};

struct Disk {
  std::mutex mutex;
  std::condition_variable changed;
  Calls reads;
  Calls writes;
  Calls punches;

  Calls& Of(DiskCalls calls) {
    switch (calls) {
      case DiskCalls::kReads:
        return reads;
      case DiskCalls::kWrites:
        return writes;
      case DiskCalls::kPunches:
        return punches;
    }
    std::abort();
  }
};

// Never destroyed: threads of the library may outlive main().
Disk& TheDisk() {
  static Disk& disk = *new Disk;
  return disk;
}

uint64_t TotalBytes(const iovec* parts, int num_parts) {
  uint64_t total = 0;
  for (int i = 0; i < num_parts; ++i) total += parts[i].iov_len;
  return total;
}

// The first `room_bytes` of `parts`.
std::vector<iovec> Front(const iovec* parts, int num_parts, uint64_t room_bytes) {
  std::vector<iovec> front(parts, parts + num_parts);
  for (iovec& part : front) {
    part.iov_len = std::min<uint64_t>(part.iov_len, room_bytes);
    room_bytes -= part.iov_len;
  }
  return front;
}

// Waits while the disk is held. Gives the bytes that the call may move; 0 with errno: none.
uint64_t Enter(DiskCalls kind, uint64_t bytes) {
  Disk& disk = TheDisk();
  std::unique_lock lock(disk.mutex);
  Calls& calls = disk.Of(kind);
  ++calls.num_waiting;
  disk.changed.notify_all();
  disk.changed.wait(lock, [&] { return !calls.is_held; });
  --calls.num_waiting;
  if (calls.error == 0) return bytes;
  const uint64_t moved = std::min(bytes, calls.room_bytes);
  calls.room_bytes -= moved;
  errno = calls.error;
  return moved;
}

ssize_t Move(DiskCalls kind, long call, int descriptor, const iovec* parts, int num_parts, off_t offset) {
  const uint64_t bytes = TotalBytes(parts, num_parts);
  const uint64_t moved = Enter(kind, bytes);
  if (moved == 0 && bytes != 0) return -1;
  const std::vector<iovec> front = Front(parts, num_parts, moved);
  return syscall(call, descriptor, front.data(), front.size(), offset, 0);
}

}  // namespace

DiskFault::DiskFault(DiskCalls calls, int error, uint64_t room_bytes) : calls_(calls) {
  const std::lock_guard lock(TheDisk().mutex);
  TheDisk().Of(calls).error = error;
  TheDisk().Of(calls).room_bytes = room_bytes;
}

DiskFault::~DiskFault() {
  const std::lock_guard lock(TheDisk().mutex);
  TheDisk().Of(calls_).error = 0;
}

DiskHold::DiskHold(DiskCalls calls) : calls_(calls) {
  const std::lock_guard lock(TheDisk().mutex);
  TheDisk().Of(calls).is_held = true;
}

DiskHold::~DiskHold() {
  const std::lock_guard lock(TheDisk().mutex);
  TheDisk().Of(calls_).is_held = false;
  TheDisk().changed.notify_all();
}

void DiskHold::WaitForCall() const {
  std::unique_lock lock(TheDisk().mutex);
  TheDisk().changed.wait(lock, [this] { return TheDisk().Of(calls_).num_waiting > 0; });
}

}  // namespace skein::test

// Visible to the shared libraries of the program, which are built to hide their own names.
extern "C" {

__attribute__((visibility("default"))) ssize_t preadv(int descriptor, const iovec* parts, int num_parts, off_t offset) {
  return skein::test::Move(skein::test::DiskCalls::kReads, SYS_preadv, descriptor, parts, num_parts, offset);
}

__attribute__((visibility("default"))) ssize_t pwritev(int descriptor, const iovec* parts, int num_parts,
                                                       off_t offset) {
  return skein::test::Move(skein::test::DiskCalls::kWrites, SYS_pwritev, descriptor, parts, num_parts, offset);
}

__attribute__((visibility("default"))) int fallocate(int descriptor, int mode, off_t offset, off_t num_bytes) {
  skein::test::Enter(skein::test::DiskCalls::kPunches, 0);
  return static_cast<int>(syscall(SYS_fallocate, descriptor, mode, offset, num_bytes));
}

}  // extern "C"
