// A state as the pool knows it. Only the pool and its references use it.
#ifndef SKEIN_STATE_STATE_NODE_H_
#define SKEIN_STATE_STATE_NODE_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "state/host_states.h"

namespace skein {

struct StateNode {
  static constexpr uint32_t kNoSlot = 0xFFFFFFFF;

  std::atomic<uint32_t> num_references{0};
  std::atomic<uint32_t> num_pins{0};
  // The rest is guarded by the pool.
  uint32_t slot = kNoSlot;
  std::shared_ptr<const HostState> parked;  // instead of a slot
  StateNode* older = nullptr;               // both in the order of the last pin; of spare nodes, `newer` is the next
  StateNode* newer = nullptr;
};

}  // namespace skein

#endif  // SKEIN_STATE_STATE_NODE_H_
