// Leaves a thread as it was found: the thread may belong to the host program, which may use OpenMP itself.
#ifndef SKEIN_BACKENDS_ONEDNN_CALLER_ENVIRONMENT_H_
#define SKEIN_BACKENDS_ONEDNN_CALLER_ENVIRONMENT_H_

#include <oneapi/dnnl/dnnl_config.h>

#include <cfenv>

#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP
// Declared here because not every compiler that can link libgomp has an omp.h of its own.
extern "C" {
int omp_get_max_threads(void);
void omp_set_num_threads(int num_threads);
}
#endif

namespace skein::onednn {

// While an object lives, oneDNN runs on the calling thread alone, both when it plans a primitive and when it runs one.
// The backend splits the work itself, and a second OpenMP worker that spins beside the host's threads would halve their
// speed. Afterwards the thread has its old OpenMP setting and its old floating-point environment (rounding,
// flush-to-zero, exception flags).
class CallerEnvironment {
 public:
  CallerEnvironment() {
    std::fegetenv(&floating_point_);
#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP
    omp_threads_ = omp_get_max_threads();
    omp_set_num_threads(1);
#endif
  }
  ~CallerEnvironment() {
#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP
    omp_set_num_threads(omp_threads_);
#endif
    std::fesetenv(&floating_point_);
  }
  CallerEnvironment(const CallerEnvironment&) = delete;
  CallerEnvironment& operator=(const CallerEnvironment&) = delete;

 private:
  std::fenv_t floating_point_;
#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP
  int omp_threads_;
#endif
};

}  // namespace skein::onednn

#endif  // SKEIN_BACKENDS_ONEDNN_CALLER_ENVIRONMENT_H_
