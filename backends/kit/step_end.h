// The result of a step of a backend with fences (backend_table.h).
#ifndef SKEIN_BACKENDS_KIT_STEP_END_H_
#define SKEIN_BACKENDS_KIT_STEP_END_H_

#include <memory>
#include <string>

namespace skein::kit {

template <typename Fence>
struct StepEnd {
  std::unique_ptr<Fence> fence;  // NULL: the step is done
  std::string first_failure;     // of a step that is done: about the first entry that failed, or ""
};

}  // namespace skein::kit

#endif  // SKEIN_BACKENDS_KIT_STEP_END_H_
