#include "base/forked_child.h"

#include <atomic>

namespace skein {
namespace {

// Process-wide because a fork copies the process.
std::atomic<bool> is_forked_child{false};

}  // namespace

bool IsForkedChild() { return is_forked_child.load(std::memory_order_relaxed); }

void MarkForkedChild() { is_forked_child.store(true, std::memory_order_relaxed); }

}  // namespace skein
