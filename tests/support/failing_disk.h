// Makes the positioned reads and writes of the process fail or wait, as a full, broken or slow disk does, and so the
// calls that give space back. A program that links skein_failing_disk has its own preadv, pwritev and fallocate;
// libskein calls those of the program. Only the states on disk are read, written and given back by them.
#ifndef SKEIN_TESTS_SUPPORT_FAILING_DISK_H_
#define SKEIN_TESTS_SUPPORT_FAILING_DISK_H_

#include <cstdint>

namespace skein::test {

enum class DiskCalls { kReads, kWrites, kPunches };

// While it lives, the reads or the writes fail with `error`: a write once `room_bytes` were written, the first one that
// does not fit any more in part. One fault of a kind lives at a time.
class DiskFault {
 public:
  DiskFault(DiskCalls calls, int error, uint64_t room_bytes = 0);
  ~DiskFault();
  DiskFault(const DiskFault&) = delete;
  DiskFault& operator=(const DiskFault&) = delete;

 private:
  const DiskCalls calls_;
};

// While it lives, the calls of a kind wait. One hold of a kind lives at a time.
class DiskHold {
 public:
  explicit DiskHold(DiskCalls calls);
  ~DiskHold();
  DiskHold(const DiskHold&) = delete;
  DiskHold& operator=(const DiskHold&) = delete;

  // Waits until a call waits.
  void WaitForCall() const;

 private:
  const DiskCalls calls_;
};

}  // namespace skein::test

#endif  // SKEIN_TESTS_SUPPORT_FAILING_DISK_H_
