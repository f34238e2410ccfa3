#include "interrupt.h"

namespace skein::cli {
namespace {

volatile std::sig_atomic_t interrupted = 0;

}  // namespace

InterruptGuard::InterruptGuard(SecondInterrupt second) {
  interrupted = 0;
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted = 1; };
  if (second == SecondInterrupt::kEndsTheProcess) action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &before_);
}

InterruptGuard::~InterruptGuard() { sigaction(SIGINT, &before_, nullptr); }

bool Interrupted() { return interrupted != 0; }

bool TakeInterrupt() {
  const bool taken = Interrupted();
  if (taken) interrupted = 0;
  return taken;
}

}  // namespace skein::cli
