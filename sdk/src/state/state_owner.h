// An owner of states that it can do without, such as a cache.
#ifndef SKEIN_STATE_STATE_OWNER_H_
#define SKEIN_STATE_STATE_OWNER_H_

#include <cstdint>

namespace skein {

class StateOwner {
 public:
  virtual ~StateOwner() = default;

  // Lets go of states, those of least use first, because there is no place for another one. `num_states` is a wish. The
  // engine's thread calls it, without a lock. False: there was none to let go of.
  virtual bool LetGo(uint32_t num_states) noexcept = 0;
};

}  // namespace skein

#endif  // SKEIN_STATE_STATE_OWNER_H_
