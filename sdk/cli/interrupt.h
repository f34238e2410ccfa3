// Ctrl-C as a question that the tool asks when it is ready. Otherwise Ctrl-C ends the process.
#ifndef SKEIN_CLI_INTERRUPT_H_
#define SKEIN_CLI_INTERRUPT_H_

#include <csignal>

namespace skein::cli {

enum class SecondInterrupt { kEndsTheProcess, kCounts };

// While it lives, Ctrl-C makes Interrupted() true. A second Ctrl-C ends the process as usual, or just counts as the
// first. System calls that wait return with EINTR. One at a time.
class InterruptGuard {
 public:
  // Interrupted() is false to begin with.
  explicit InterruptGuard(SecondInterrupt second);
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  struct sigaction before_ = {};
};

// True if Ctrl-C was pressed since the last guard was made, or since TakeInterrupt returned true.
bool Interrupted();
// The same, and forgets it.
bool TakeInterrupt();

}  // namespace skein::cli

#endif  // SKEIN_CLI_INTERRUPT_H_
