// The floating-point environment that the library computes in: rounding to nearest, nothing trapped, subnormal numbers
// kept. A thread inherits the environment of the thread that started it, and a host may have changed that one.
#ifndef SKEIN_BASE_FP_ENVIRONMENT_H_
#define SKEIN_BASE_FP_ENVIRONMENT_H_

#include <cfenv>

namespace skein {

// For a thread of the library's own, at its start.
inline void SetDefaultFpEnvironment() { std::fesetenv(FE_DFL_ENV); }

// For a thread of the host's: while it lives, the calling thread has the default environment. Afterwards it has its own
// again, exception flags included.
class DefaultFpEnvironment {
 public:
  DefaultFpEnvironment() {
    std::fegetenv(&saved_);
    SetDefaultFpEnvironment();
  }
  ~DefaultFpEnvironment() { std::fesetenv(&saved_); }
  DefaultFpEnvironment(const DefaultFpEnvironment&) = delete;
  DefaultFpEnvironment& operator=(const DefaultFpEnvironment&) = delete;

 private:
  std::fenv_t saved_;
};

}  // namespace skein

#endif  // SKEIN_BASE_FP_ENVIRONMENT_H_
