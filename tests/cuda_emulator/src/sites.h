// The barriers that ran, and those that a test has switched off.
#ifndef SKEIN_TESTS_CUDA_EMULATOR_SITES_H_
#define SKEIN_TESTS_CUDA_EMULATOR_SITES_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cuda_emulator/control.h"
#include "kernel_thread.h"

namespace skein::emulator {

// Not synchronised: it is used by the kernel that runs, and by tests while none runs.
class Sites {
 public:
  // Notes that a barrier ran. Whether it may do its work.
  bool Enter(const char* kind, Site site);

  std::vector<BarrierSite> List() const;
  void Forget();
  void Disable(const BarrierSite& site);
  void EnableAll();

 private:
  struct Entry {
    const char* kind;
    bool enabled;
  };
  std::map<std::pair<const char*, int>, Entry> entries_;
  std::vector<BarrierSite> disabled_;
  Site last_;  // most calls are those of the thread before
  bool last_enabled_ = true;
};

}  // namespace skein::emulator

#endif  // SKEIN_TESTS_CUDA_EMULATOR_SITES_H_
