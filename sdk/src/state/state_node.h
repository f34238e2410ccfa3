// A state as the pool knows it, and the order in which states are to make room. Only the pool and its references use
// them.
#ifndef SKEIN_STATE_STATE_NODE_H_
#define SKEIN_STATE_STATE_NODE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "state/host_states.h"
#include "state/state_disk.h"

namespace skein {

// Lies in a slot, in host memory or on disk. While it goes from one to the next it is in the one that it comes from.
struct StateNode {
  static constexpr uint32_t kNoSlot = 0xFFFFFFFF;

  std::atomic<uint32_t> num_references{0};
  std::atomic<uint32_t> num_pins{0};
  // The rest is guarded by the pool, but for `block` while the state comes back.
  uint32_t slot = kNoSlot;
  std::shared_ptr<const HostState> parked;
  DiskBlock block;
  bool is_moving = false;      // out of its slot, to the disk or back
  absl::Status failure;        // of the last way back from the disk, or into a slot
  StateNode* older = nullptr;  // both in a StateOrder; of spare nodes, `newer` is the next
  StateNode* newer = nullptr;
};

// States by age. A state is in one order at most.
struct StateOrder {
  StateNode* oldest = nullptr;
  StateNode* newest = nullptr;

  void Append(StateNode& node) {
    node.older = std::exchange(newest, &node);
    (node.older == nullptr ? oldest : node.older->newer) = &node;
  }
  // No effect if the node is in no order.
  void Remove(StateNode& node) {
    if (node.older == nullptr && node.newer == nullptr && oldest != &node) return;
    (node.older == nullptr ? oldest : node.older->newer) = node.newer;
    (node.newer == nullptr ? newest : node.newer->older) = node.older;
    node.older = nullptr;
    node.newer = nullptr;
  }
};

}  // namespace skein

#endif  // SKEIN_STATE_STATE_NODE_H_
